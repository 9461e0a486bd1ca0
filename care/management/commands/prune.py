"""``manage.py prune``: delete what is kept for a while only."""

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from care.pruning import RULES, Pruned, prune
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.progress import Progress

_FAILED = 2
_HELP = """
Delete what the hub keeps for a while only: acknowledged events, answers for repeated
requests, what is left of imports, background jobs, expired sessions, and what only the
undoing of a merge would need. Run it every night.

Rows go in small batches that wait for nobody and make nobody wait; it can run beside
tills at any hour, and be stopped at any moment. Never deleted are customers, cards, the
ledger, orders, the audit trail, the history of consent, the register of erasures, and
events that were not acknowledged.

With --json the report is one object: {"dry_run": ..., "seconds": ..., "total": ...,
"rows": {"events": ..., ...}}.

Exit status: 0 done, 2 wrong usage or the database is away.
"""


class Command(ExplainedCommand):
    """Deletes old rows."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        for rule in RULES:
            parser.add_argument(
                f"--{rule.name}",
                type=_days(rule.least),
                default=rule.days,
                metavar="DAYS",
                help=f"{rule.text}: older than so many days go (default: {rule.days});"
                " 'keep' leaves them",
            )
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only count")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete, and say what went."""
        days = {rule.name: options[rule.name.replace("-", "_")] for rule in RULES}
        asked = {name: number for name, number in days.items() if number is not None}
        begin = time.monotonic()
        progress = Progress(self.stderr, what="rows deleted")
        try:
            pruned = prune(asked, dry_run=options["dry_run"], tell=progress.tell)
        except (DatabaseError, EmbeddedPostgresError) as error:
            raise CommandError(f"Not all was pruned: {error}", returncode=_FAILED) from error
        seconds = time.monotonic() - begin
        if options["json"]:
            self._print_json(pruned, options["dry_run"], seconds)
        else:
            self._print(pruned, options["dry_run"], seconds)

    def _print_json(self, pruned: Pruned, dry_run: bool, seconds: float) -> None:
        report = {
            "dry_run": dry_run,
            "seconds": round(seconds, 3),
            "total": pruned.total,
            "rows": pruned.rows,
        }
        self.stdout.write(json.dumps(report))

    def _print(self, pruned: Pruned, dry_run: bool, seconds: float) -> None:
        texts = {rule.name: rule.text for rule in RULES}
        for name, rows in pruned.rows.items():
            self.stdout.write(f"{rows:>12,}  {texts[name]}")
        done = "would be deleted" if dry_run else f"deleted in {seconds:.1f} s"
        self.stdout.write(f"{pruned.total:>12,}  rows {done}")


def _days(least: int) -> Any:
    def read(text: str) -> int | None:
        if text == "keep":
            return None
        if not (text.isascii() and text.isdigit() and least <= int(text) <= 36500):
            raise ArgumentTypeError(
                f"must be 'keep' or a whole number from {least} to 36500, not {text!r}"
            )
        return int(text)

    return read
