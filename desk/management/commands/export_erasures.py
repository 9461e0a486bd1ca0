"""``manage.py export_erasures``: who was anonymised and when, to be kept beside the backups."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from desk import erasures
from hubcustomers.commands import ExplainedCommand
from transfer.commandline import output

_HELP = """
Write the register of erasures to a file, one JSON object a line: the ids of account, list
and customer, when the customer was made and when it was erased. Nothing in it tells who it
was.

An older backup brings erased people back. Keep this file apart from the database, write it
often (it takes a second for 100,000 erasures), and after a restore apply it again:

  manage.py export_erasures /backup/erasures.jsonl
  ... restore an older backup ...
  manage.py reapply_erasures /backup/erasures.jsonl

The file is replaced only when the new one is complete.
"""


class Command(ExplainedCommand):
    """Writes the register of erasures."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="where to write; - for the standard output")
        parser.add_argument(
            "--since",
            type=_moment,
            metavar="TIME",
            help="only erasures then or later (UTC unless it says otherwise; default: all)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        name = options["file"]
        part = name if name == "-" else f"{name}.part"
        count = 0
        with output(part, self.stdout) as file:
            for line in erasures.lines(since=options["since"]):
                file.write(line)
                count += 1
        if name != "-":
            Path(part).replace(name)
        self.stderr.write(f"{count:,} erasures written.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"must be a day or a time, like 2026-01-31 or 2026-01-31T12:00, not {text!r}"
        ) from error
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
