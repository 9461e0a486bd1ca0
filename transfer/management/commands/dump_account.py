"""``manage.py dump_account``: a whole account as one file."""

import hashlib
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from hubcustomers.commands import ExplainedCommand
from hubcustomers.progress import Progress
from transfer.archive.dumping import dump_account
from transfer.commandline import WRONG, find_account, record_of_hub, telling

_HELP = """
Write everything that belongs to an account into one file: locations, clients and their
connections, lists, customers, refs, consent, cards, the ledger, orders, events that wait,
the audit trail. All of it is as of one moment, while the hub goes on. load_account reads
the file into another hub, with the same ids.

  manage.py dump_account "Bella Pizza" bella.hub
  manage.py dump_account 0iuh1 bella.hub

The file holds personal data and the means to sign in as a client: keep it like a backup.
docs/archive.md says what is left out.

Exit status: 0 written, 2 nothing was written.
"""


class Command(ExplainedCommand):
    """Writes an archive of an account."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("account", help="its name or its id")
        parser.add_argument("file", help="where to; it must not exist")
        parser.add_argument("--force", action="store_true", help="overwrite it, if it is a file")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, and say what is in it."""
        account = find_account(options["account"])
        path = Path(options["file"])
        if path.exists() and not (options["force"] and path.is_file()):
            raise CommandError(f"{path} exists already.", returncode=WRONG)
        try:
            told = dump_account(account, path, tell=telling(Progress(self.stderr)))
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written: {error.strerror or error}", returncode=WRONG
            ) from error
        except DatabaseError as error:
            raise CommandError(f"The account cannot be read: {error}", returncode=WRONG) from error
        record_of_hub("dumped", account)
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest()
        report = {
            "account": told.account["public_id"],
            "file": str(path),
            "rows": {part.table: part.rows for part in told.parts},
            "content_sha256": told.content,
            "file_sha256": whole,
            "bytes": path.stat().st_size,
        }
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for part in told.parts:
            self.stdout.write(f"{part.table:32} {part.rows:>12,}")
        self.stdout.write(f"Written to {path}, {report['bytes']:,} bytes.")
        self.stdout.write(f"SHA-256 of the file: {whole}")
        self.stdout.write(f"SHA-256 of what is in it: {told.content}")
