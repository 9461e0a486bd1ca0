"""``manage.py pull_account``: move in from another server that speaks the same API."""

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from accounts.models import Account, Client
from accounts.services import get_account, get_client, lock_names
from hubcustomers.commands import ExplainedCommand
from hubcustomers.env import SettingError, env_secret
from hubcustomers.progress import Progress
from transfer.commandline import WRONG, find_account
from transfer.pulling.client import Remote, RemoteRefusal, RemoteTrouble, UnusableAddress
from transfer.pulling.comparing import Comparing, Comparison
from transfer.pulling.copying import Copying, alone
from transfer.pulling.histories import Outcome
from transfer.pulling.reading import Place, Reach, Unreadable, find_reach

_DIFFERS = 1
_SHOWN = 20
_HELP = """
Copy customer lists, customers, cards with every operation and private refs from the hosted
service, or from another hub, into an account here, through its API.

  export HUB_PULL_TOKEN_FILE=/run/secrets/old_token
  manage.py pull_account --url https://api.example.com --account "Bella Pizza" --client "My till"

A token of the whole account reaches every list, one of a location its own and the account's.
The run can be stopped and even killed: the same command goes on where it was, and copies
nothing twice. Run it again later, and it takes what is new or changed there; an update there
overwrites what was changed here. At the end it looks at everything there once more and
reports what differs; --verify only does that.

Orders stay there, and with them the statistics of customers. docs/move-in.md says more.

Exit status: 0 both sides are the same, 1 something differs or was refused, or the run was
stopped, 2 nothing was done (wrong usage, or a token that reaches nothing).
"""


class Command(ExplainedCommand):
    """Copies an account from another server."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--url", required=True, help="of the server, like https://host")
        token = parser.add_mutually_exclusive_group()
        token.add_argument("--token-file", metavar="FILE", help="holds the access token there")
        token.add_argument(
            "--token",
            help="the access token itself; others on this machine can see it: rather set"
            " HUB_PULL_TOKEN, or HUB_PULL_TOKEN_FILE",
        )
        parser.add_argument(
            "--account", required=True, help="here: its name or id; a new name is made"
        )
        parser.add_argument(
            "--client",
            default="import",
            metavar="NAME",
            help="whose private refs they become, those that the token sees (default: import)",
        )
        parser.add_argument(
            "--rate", type=_rate, default=5.0, help="requests a second at most (default: 5)"
        )
        parser.add_argument(
            "--quick",
            action="store_true",
            help="look for operations only on cards whose balance is another one than last time",
        )
        parser.add_argument("--verify", action="store_true", help="only say what differs")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy, compare, report, and end with the status that says it."""
        try:
            remote = Remote(options["url"], _token(options), rate=options["rate"])
            reach = find_reach(remote)
        except (UnusableAddress, SettingError, RemoteRefusal, Unreadable) as error:
            raise CommandError(str(error), returncode=WRONG) from error
        except RemoteTrouble as error:
            raise CommandError(
                f"The server cannot be reached: {error}", returncode=WRONG
            ) from error
        source = f"{urlsplit(remote.base).netloc} {reach.account.id}"[:255]
        try:
            self._run(remote, reach, source, options)
        except (RemoteTrouble, RemoteRefusal, Unreadable) as error:
            raise CommandError(f"Stopped: {error} The same command goes on from here.") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on from here.") from None

    def _run(self, remote: Remote, reach: Reach, source: str, options: dict[str, Any]) -> None:
        outcome = Outcome()
        if options["verify"]:
            account = find_account(options["account"])
            client = Client.objects.filter(name=options["client"]).first()
        else:
            account, client = _both(options["account"], options["client"], reach.account)
            progress = Progress(self.stderr, what="customers")
            with alone(account) as is_free:
                if not is_free:
                    raise CommandError("Another process copies into this account.")
                outcome = Copying(
                    remote,
                    account,
                    client,
                    source=source,
                    quick=options["quick"],
                    tell=progress.tell,
                ).run(reach)
        progress = Progress(self.stderr, what="customers compared")
        found = Comparing(remote, account, client, source=source, tell=progress.tell).run(reach)
        self._report(outcome, found, remote, options)
        if outcome.refused or found.differences:
            sys.exit(_DIFFERS)

    def _report(
        self, outcome: Outcome, found: Comparison, remote: Remote, options: dict[str, Any]
    ) -> None:
        if options["json"]:
            refused = [
                {"kind": kind, "there": number, "reason": reason}
                for kind, number, reason in outcome.refused
            ]
            told = {"counts": dict(outcome.counts), "refused": refused, **found.as_json()}
            told |= {"requests": remote.requests, "waits": remote.waits}
            self.stdout.write(json.dumps(told))
            return
        for name, count in outcome.counts.items():
            self.stdout.write(f"  {name:36} {count:>12,}")
        self._some(f"refused {kind} {there}: {why}" for kind, there, why in outcome.refused)
        self.stdout.write(f"{'':16} {'there':>16} {'here':>16}")
        sides = found.as_json()
        for name, there in sides["there"].items():
            self.stdout.write(f"{name:16} {there:>16} {sides['here'][name]:>16}")
        self._some(f"{one.kind} {one.there}: {one.what}" for one in found.differences)
        if found.differences:
            kinds = Counter(one.kind for one in found.differences)
            told_kinds = ", ".join(f"{count:,} of kind {kind}" for kind, count in kinds.items())
            self.stdout.write(f"Both sides differ: {told_kinds}.")
        else:
            self.stdout.write("Both sides are the same, but for orders, which stay there.")

    def _some(self, sentences: Any) -> None:
        found = list(sentences)
        for sentence in found[:_SHOWN]:
            self.stdout.write(sentence)
        if len(found) > _SHOWN:
            self.stdout.write(f"and {len(found) - _SHOWN:,} more; --json tells all.")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 1000:
        raise ArgumentTypeError("must be a number of requests, like 5 or 0.5")
    return rate


def _token(options: dict[str, Any]) -> str:
    """Return the token.

    Raises:
        SettingError: There is none, or it cannot be read.
    """
    if options["token_file"]:
        try:
            token = Path(options["token_file"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{options['token_file']} cannot be read: {error}") from error
    else:
        token = options["token"] or env_secret("HUB_PULL_TOKEN")
    # It becomes a header.
    if not token or not token.isascii() or not token.isprintable():
        raise SettingError(
            "There is no token: set HUB_PULL_TOKEN or HUB_PULL_TOKEN_FILE, or name --token-file."
        )
    # Nothing that this process starts needs it.
    os.environ.pop("HUB_PULL_TOKEN", None)
    return token


@transaction.atomic
def _both(name: str, client: str, there: Place) -> tuple[Account, Client]:
    """Return the account and the client here; what does not exist is made.

    Raises:
        CommandError: It cannot be made.
    """
    lock_names()
    try:
        account = find_account(name)
    except CommandError:
        account = None
    try:
        if account is None:
            account = get_account(
                name,
                currency=there.currency or "EUR",
                timezone=there.timezone,
                country=there.country,
            )
        return account, get_client(client)
    except ValidationError as error:
        raise CommandError("; ".join(error.messages), returncode=WRONG) from error
