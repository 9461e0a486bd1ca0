"""``manage.py load_account``: an account from the file that dump_account wrote."""

import hashlib
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from hubcustomers.commands import ExplainedCommand
from hubcustomers.progress import Progress
from loyalty.proof import Scope, prove
from transfer.archive.loading import Loaded, load, opened
from transfer.archive.manifest import Manifest, UnusableArchive
from transfer.commandline import WRONG, record_of_hub, telling

_BROKEN = 1
_HELP = """
Load an account from the file that dump_account wrote, with the ids that it had: tokens, ids
and links that clients keep go on working. The file is looked through from beginning to end
first; then everything is loaded in one transaction, or nothing. An account, a client or an
id that this hub has already refuses the file: load it into an empty hub (manage.py migrate,
then this command). Afterwards the ledger is proven, as check_ledger does.

  manage.py load_account bella.hub --check
  manage.py load_account bella.hub

Client secrets are encrypted with the hub's HUB_ENCRYPTION_KEY. Where that is another one
here, name a file with the old one (--old-key-file), or each client gets a new secret, which
is printed once.

Exit status: 0 loaded, 1 loaded but the ledger is broken, 2 nothing was loaded.
"""


class Command(ExplainedCommand):
    """Loads an archive of an account."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="what dump_account wrote")
        parser.add_argument("--check", action="store_true", help="look through it, load nothing")
        parser.add_argument(
            "--old-key-file", metavar="FILE", help="holds the HUB_ENCRYPTION_KEY of the old hub"
        )
        parser.add_argument(
            "--sha256", metavar="HEX", help="refuse any file but the one that dump_account told"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, load, prove, and say what was done."""
        path = Path(options["file"])
        try:
            key = self._key(options["old_key_file"])
            self._compare(path, options["sha256"])
            with opened(path, key=key, tell=lambda *_: None) as archive:
                if options["check"]:
                    self._report(archive.told, {"status": "whole"}, options)
                    return
                total = sum(entry.bytes for entry in archive.told.parts)
                progress = Progress(self.stderr, total, what="bytes")
                loaded = load(archive, key=key, tell=telling(progress))
        except UnusableArchive as error:
            raise CommandError(str(error), returncode=WRONG) from error
        except OSError as error:
            raise CommandError(
                f"{error.filename or path} cannot be read: {error.strerror or error}",
                returncode=WRONG,
            ) from error
        record_of_hub("loaded", loaded.account)
        self._prove(loaded, options)

    def _key(self, name: str | None) -> str:
        if name is None:
            return str(settings.ENCRYPTION_KEY)
        return Path(name).read_text(encoding="utf-8").strip()

    def _compare(self, path: Path, told: str | None) -> None:
        if told is None:
            return
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != told.strip().lower():
            raise UnusableArchive(f"This is another file: its SHA-256 is {found}.")

    def _prove(self, loaded: Loaded, options: dict[str, Any]) -> None:
        cards = operations = faults = 0
        for proof, found in prove(Scope(loaded.account.pk)):
            cards, operations, faults = proof.cards, proof.operations, faults + len(found)
        outcome = {
            "status": "broken" if faults else "loaded",
            "proven_cards": cards,
            "proven_operations": operations,
            "faults": faults,
            "new_secrets": loaded.new_secrets,
        }
        self._report(loaded.told, outcome, options)
        if faults:
            sys.exit(_BROKEN)

    def _report(self, told: Manifest, outcome: dict[str, Any], options: dict[str, Any]) -> None:
        rows = {part.table: part.rows for part in told.parts}
        if options["json"]:
            report = {"account": told.account["public_id"], "made_at": told.made_at, "rows": rows}
            report["content_sha256"] = told.content
            self.stdout.write(json.dumps({**report, **outcome}))
            return
        self.stdout.write(f"{told.account['name']} ({told.account['public_id']}), {told.made_at}")
        for table, count in rows.items():
            self.stdout.write(f"{table:32} {count:>12,}")
        self.stdout.write(f"SHA-256 of what is in it: {told.content}")
        if outcome["status"] == "whole":
            self.stdout.write("The archive is whole. Nothing was loaded.")
            return
        for client, secret in outcome["new_secrets"].items():
            self.stdout.write(f"New secret of the client {client}: {secret}")
        looked = f"{outcome['proven_cards']:,} cards, {outcome['proven_operations']:,} operations"
        if outcome["faults"]:
            self.stdout.write(f"Loaded, but the ledger is BROKEN ({looked}): run check_ledger.")
        else:
            self.stdout.write(f"Loaded, and the ledger is proven: {looked}.")
