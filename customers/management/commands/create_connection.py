"""``manage.py create_connection``: the command line contract (companion, section 11)."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, transaction

from accounts import services
from accounts.tokens import issue_token
from customers.services import get_list
from hubcustomers.api.errors import sqlstate

_NO_SUCH_TABLE = "42P01"


class Command(BaseCommand):
    """Creates a connection, and whatever it ties together that does not exist yet."""

    help = (
        "Create a connection and print its access token, once. Account, location, client and"
        " customer list are made where no object of that name exists."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--account", required=True, metavar="NAME")
        parser.add_argument(
            "--location", metavar="NAME", help="without one the token is for the whole account"
        )
        parser.add_argument("--currency", default="EUR", help="of a new account (default: EUR)")
        parser.add_argument(
            "--timezone",
            default="Europe/Paris",
            help="of a new account or location (default: Europe/Paris)",
        )
        parser.add_argument(
            "--country", default="FR", help="of a new account or location (default: FR)"
        )
        parser.add_argument("--client", required=True, metavar="NAME")
        parser.add_argument(
            "--scope",
            help="default: orders.write and all_customer_lists.write, at the level of the token",
        )
        parser.add_argument(
            "--customer-list",
            metavar="NAME",
            help="the list of a customer_list.* permission; made where it does not exist",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the connection and print it."""
        try:
            granted = self.connect(**options)
        except ProgrammingError as error:
            if sqlstate(error) != _NO_SUCH_TABLE:
                raise
            raise CommandError(
                "The database has no tables yet: run manage.py migrate, or ./script/server once."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(granted))
            return
        for name, value in granted.items():
            self.stdout.write(f"{name + ':':18} {'-' if value is None else value}")
        self.stdout.write("The access token is not kept and cannot be shown again.")

    @transaction.atomic
    def connect(self, **options: Any) -> dict[str, str | None]:
        """Return what the connection's client needs to know."""
        # Two commands at once with the same names must mean the same objects.
        services.lock_names()
        place = {"timezone": options["timezone"], "country": options["country"]}
        with _judging("account"):
            account = services.get_account(
                options["account"], currency=options["currency"], **place
            )
        location = chosen = None
        # An empty name is a mistake: it must not widen the token to the whole account.
        if options["location"] is not None:
            with _judging("location"):
                location = services.get_location(account, options["location"], **place)
        if options["customer_list"] is not None:
            with _judging("customer-list"):
                chosen = get_list(account, location, options["customer_list"])
        with _judging("client"):
            client = services.get_client(options["client"])
        level = "location" if location else "account"
        with _judging("scope"):
            connection = services.create_connection(
                account,
                client,
                location=location,
                scope=options["scope"] or f"{level}[orders.write,all_customer_lists.write]",
                customer_list_id=chosen.pk if chosen else None,
            )
        return {
            "access_token": issue_token(connection),
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "client_name": client.name,
            "account_id": account.public_id,
            "location_id": location.public_id if location else None,
            "customer_list_id": chosen.public_id if chosen else None,
            "scope": connection.scope,
        }


@contextmanager
def _judging(argument: str) -> Iterator[None]:
    """Tell a refused value in one sentence that names the argument at fault."""
    try:
        yield
    except ValidationError as error:
        refused = [
            # The error of a constraint carries the field at fault as its code.
            (inner.code if field == NON_FIELD_ERRORS else field, " ".join(inner.messages))
            for field, errors in error.error_dict.items()
            for inner in errors
        ]
        sentences = [
            f"--{argument if field == 'name' else field}: {text}" for field, text in refused
        ]
        raise CommandError("; ".join(sentences)) from error
