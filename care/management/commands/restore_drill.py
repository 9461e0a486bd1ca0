"""``manage.py restore_drill``: restore the newest backup to see that it can be."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from care import manifests
from care.manifests import Backup
from care.postgres import Address, NoProgram
from care.restoring import CannotRestore, Outcome, restore, scratch_database
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError

COULD_NOT = 2
_HELP = """
Restore the newest backup of a folder, or the one that is named, into a scratch database, and
prove that the copy is what was backed up: checksum, rows of each table, sums of the ledger,
triggers and constraints, check_ledger, the keys, erasures applied again. Then the scratch
database is dropped. The hub goes on serving meanwhile.

It is made on the hub's own server, whose user needs CREATEDB, or on the one that --server
names; it takes as much room as the database itself.

With --json the report is one object: {"status": "proven"|"broken", "backup": ..., "taken_at":
..., "seconds": ..., "rows": ..., "check_ledger": ..., "erased_again": ..., "faults": [...]}.

Exit status: 0 the copy is what it should be, 1 it is not, 2 it could not be restored.
"""


class Command(ExplainedCommand):
    """Restores a backup into a scratch database."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", nargs="?", type=Path, help="a backup's .dump")
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.DATA_DIR / "backups",
            help="where the newest backup is looked for (default: %(default)s)",
        )
        parser.add_argument(
            "--server", metavar="URL", help="another server for the scratch database"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, prove, drop, and end with the status that says it."""
        begin = time.monotonic()
        try:
            backup = find_backup(options["file"], options["folder"])
            server = Address.read(options["server"]) if options["server"] else Address.of_hub()
            with scratch_database(server) as scratch:
                outcome = restore(backup, scratch, teller(self.stderr))
        except (CannotRestore, NoProgram) as error:
            raise CommandError(str(error), returncode=COULD_NOT) from error
        except (psycopg.Error, DatabaseError, EmbeddedPostgresError, OSError) as error:
            raise CommandError(f"It was not restored: {error}", returncode=COULD_NOT) from error
        outcome.facts["seconds"] = round(time.monotonic() - begin, 1)
        report(self.stdout, outcome, as_json=options["json"])
        if outcome.faults:
            sys.exit(1)


def find_backup(file: Path | None, folder: Path) -> Backup:
    """Return the backup of that name, else the newest of the folder.

    Raises:
        CannotRestore: There is none.
    """
    if file is not None:
        return Backup(file.absolute().with_suffix(".dump"))
    newest = manifests.newest(folder)
    if newest is None:
        raise CannotRestore(f"There is no whole backup in {folder}.")
    return newest


def teller(stream: Any) -> Any:
    """Return what says the steps, once they take longer than two seconds."""
    begin = time.monotonic()

    def tell(step: str) -> None:
        seconds = time.monotonic() - begin
        if seconds > 2:
            stream.write(f"{seconds:5.1f} s: {step}")

    return tell


def report(stdout: Any, outcome: Outcome, *, as_json: bool) -> None:
    """Print what became of the copy."""
    if as_json:
        status = "broken" if outcome.faults else "proven"
        stdout.write(json.dumps({"status": status, **outcome.facts, "faults": outcome.faults}))
        return
    for fault in outcome.faults:
        stdout.write(fault)
    for name, value in outcome.facts.items():
        stdout.write(f"{name + ':':<16}{value}")
    stdout.write("The copy is NOT what was backed up." if outcome.faults else "The copy is whole.")
