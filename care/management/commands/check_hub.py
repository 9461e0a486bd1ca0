"""``manage.py check_hub``: is the hub well, and what is to be done where it is not?"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from care.findings import BROKEN, FINE, LEVELS, NEED_TABLES, Finding, all_checks
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.observing.logs import plainly

_HELP = """
Look whether the hub is well: the database and the settings that the ledger needs, migrations,
triggers and constraints as the migrations make them, settings, the secret key, the workers
that send events and run jobs, events that are late, clocks, disk space, the newest backup.

It reads only. Each finding is a sentence with what to do; with --json the report is one
object: {"status": "fine"|"warning"|"broken", "findings": [{"check": ..., "level": ...,
"text": ..., "todo": ...}, ...]}.

Exit status: 0 all is fine, 1 there are warnings, 2 something is broken.
"""
_MARKS = {"fine": "  ok     ", "warning": "WARNING  ", "broken": "BROKEN   "}


class Command(ExplainedCommand):
    """Looks at everything that the hub needs."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--backups",
            type=Path,
            default=settings.DATA_DIR / "backups",
            metavar="FOLDER",
            help="where backups are (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, report, and end with the status that says it."""
        found: list[Finding] = []
        for finding in _findings(options["backups"]):
            found.append(finding)
            if not options["json"]:
                self._print(finding)
        worst = max((finding.level for finding in found), key=LEVELS.index)
        if options["json"]:
            report = {"status": worst, "findings": [vars(finding) for finding in found]}
            self.stdout.write(json.dumps(report))
        if worst != FINE:
            sys.exit(2 if worst == BROKEN else 1)

    def _print(self, finding: Finding) -> None:
        self.stdout.write(f"{_MARKS[finding.level]}{finding.check}: {finding.text}")
        if finding.todo:
            self.stdout.write(f"         {finding.todo}")


def _findings(backups: Path) -> Iterator[Finding]:
    has_tables = True
    for name, check in all_checks(backups):
        if name in NEED_TABLES and not has_tables:
            continue
        try:
            found = list(check())
        except (DatabaseError, EmbeddedPostgresError) as error:
            text = f"The database could not be asked: {plainly(error)}."
            todo = "See whether PostgreSQL runs, whether DATABASE_URL is right, and its log."
            found = [Finding(name, BROKEN, text, todo)]
            if name == "database":
                yield from found
                return
        yield from found
        if name == "migrations" and any(finding.level == BROKEN for finding in found):
            has_tables = False
