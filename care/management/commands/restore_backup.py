"""``manage.py restore_backup``: fill an empty database from a backup, for real."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError

from care.management.commands.restore_drill import COULD_NOT, find_backup, report, teller
from care.postgres import Address, NoProgram
from care.restoring import CannotRestore, is_empty, restore, was_interrupted
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError

_HELP = """
Restore a backup into the database of the hub, which must be empty, prove the copy as
restore_drill does, and anonymise again whom the backup brought back: everybody in
erasures.jsonl beside it, so put the latest one there. Run it before the hub serves again;
then run manage.py migrate where the backup is of an older version. See docs/backup.md.

Exit status: 0 restored and proven, 1 restored, but not what was backed up, 2 not restored.
"""


class Command(ExplainedCommand):
    """Restores a backup into the hub's own database."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", type=Path, help="the backup's .dump")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, prove, and end with the status that says it."""
        begin = time.monotonic()
        try:
            address = Address.of_hub()
            if was_interrupted(address):
                raise CannotRestore(
                    "An earlier restore into this database was interrupted, so it holds a part of"
                    " a backup. Drop the database, create it again, and restore then."
                )
            if not is_empty(address):
                raise CannotRestore("The database is not empty: nothing was touched.")
            backup = find_backup(options["file"], Path())
            outcome = restore(backup, address, teller(self.stderr))
        except (CannotRestore, NoProgram) as error:
            raise CommandError(str(error), returncode=COULD_NOT) from error
        except (psycopg.Error, DatabaseError, EmbeddedPostgresError, OSError) as error:
            raise CommandError(f"It was not restored: {error}", returncode=COULD_NOT) from error
        outcome.facts["seconds"] = round(time.monotonic() - begin, 1)
        report(self.stdout, outcome, as_json=options["json"])
        if outcome.faults:
            sys.exit(1)
