"""``manage.py rotate_token``: another token for a connection, and the end of the old ones."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import tokens
from accounts.models import Connection
from hubcustomers.backoffice import audit
from hubcustomers.public_ids import connection_ids

_EPILOG = """
Name the connection by its id (the app_instance_id of OAuth; the back-office shows it), or by the
names that create_connection was given. Without --keep-old whoever uses an old token is locked out
within a second. With it, both work: put the new one into the application, see it used, then end
the old ones with --finish. Exit status: 0 done, 1 refused (nothing was changed), 2 wrong arguments.
"""


class Command(BaseCommand):
    """Issues a token, prints it once, and revokes the others."""

    help = "Issue another access token for a connection, print it, and revoke the old ones."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        """Return the parser, with what a page of help should say besides."""
        return super().create_parser(*args, epilog=" ".join(_EPILOG.split()), **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("connection", nargs="?", metavar="ID", help="the connection's id")
        parser.add_argument("--account", metavar="NAME")
        parser.add_argument(
            "--location", metavar="NAME", help="without one: the token of the whole account"
        )
        parser.add_argument("--client", metavar="NAME")
        parser.add_argument(
            "--device-id", metavar="ID", default="", help="of a client that names its devices"
        )
        after = parser.add_mutually_exclusive_group()
        after.add_argument(
            "--keep-old", action="store_true", help="leave the old tokens working for now"
        )
        after.add_argument(
            "--finish",
            action="store_true",
            help="issue nothing; revoke every token but the newest",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the connection, change its tokens, print what was done."""
        with transaction.atomic():
            connection = _find(options)
            done = _rotate(connection, keep_old=options["keep_old"], finish=options["finish"])
        if options["json"]:
            self.stdout.write(json.dumps(done))
            return
        for name, value in done.items():
            self.stdout.write(f"{name + ':':18} {'-' if value is None else value}")
        if done["access_token"] is not None:
            self.stdout.write("The access token is not kept and cannot be shown again.")


def _rotate(connection: Connection, *, keep_old: bool, finish: bool) -> dict[str, Any]:
    """Change the tokens; return what was done."""
    if connection.blocked_at is not None and not finish:
        raise CommandError(
            f"The connection {connection.public_id} is blocked: a new token would be refused."
            " Unblock it in the back-office first."
        )
    token = None if finish else tokens.issue_token(connection)
    revoked = 0 if keep_old else tokens.revoke_but_newest(connection)
    if token is not None:
        audit.record(None, connection, "issued" if keep_old else "replaced")
    elif revoked:
        audit.record(None, connection, "revoked_old")
    return {
        "access_token": token,
        "connection_id": connection.public_id,
        "client_name": connection.client.name,
        "account_id": connection.account.public_id,
        "location_id": connection.location.public_id if connection.location else None,
        "scope": connection.scope,
        "revoked": revoked,
        "working": tokens.working(connection),
    }


def _find(options: dict[str, Any]) -> Connection:
    """Return the one connection that is meant, locked: two rotations go one after the other."""
    # Connections are not split by account, so an id may be looked up anywhere.
    rows = Connection.objects.select_related("client", "account", "location")
    named = options["connection"]
    names = {name: options[name] for name in ("account", "location", "client")}
    if named is not None:
        if any(value is not None for value in names.values()) or options["device_id"]:
            raise CommandError("Give either the id of the connection or names, not both.")
        found = list(rows.filter(pk=connection_ids.decode(named) or 0))
    else:
        found = list(_by_names(rows, **names, device_id=options["device_id"]))
    if not found:
        raise CommandError("There is no such connection.")
    if len(found) > 1:
        ids = ", ".join(row.public_id for row in found[:20])
        raise CommandError(f"{len(found)} connections have these names. Give the id of one: {ids}")
    list(
        Connection.objects.for_account(found[0].account).filter(pk=found[0].pk).select_for_update()
    )
    return found[0]


def _by_names(
    rows: Any, *, account: str | None, location: str | None, client: str | None, device_id: str
) -> Any:
    if account is None or client is None:
        raise CommandError("Give the id of the connection, or --account and --client.")
    place: dict[str, Any] = {"location": None} if location is None else {"location__name": location}
    named = rows.filter(account__name=account, client__name=client, device_id=device_id, **place)
    return named.order_by("pk")
