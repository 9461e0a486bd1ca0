"""``manage.py reapply_erasures``: anonymises again whom a restored backup brought back."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from desk import erasures
from hubcustomers.commands import ExplainedCommand
from hubcustomers.progress import Progress
from transfer.commandline import WRONG

_HELP = """
Anonymise again whom a restored backup brought back: every customer of a file that
export_erasures wrote, in the same way as the API does, events included. Run it before the
hub serves again.

Who is anonymised already is left alone, so it may be run twice. An id that does not exist,
or that another customer was given after the restore (it was made at another time), is left
alone too and counted as missing.

Exit status: 0 done, 2 the file cannot be read, and nothing was written.
"""


class Command(ExplainedCommand):
    """Applies a register of erasures again."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="what export_erasures wrote; - reads the standard input")
        parser.add_argument("--dry-run", action="store_true", help="say what it would do, and stop")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply the file, and print what came of it."""
        found = _read(options["file"])
        progress = Progress(self.stderr, len(found))
        counts = dict.fromkeys(erasures.OUTCOMES, 0)
        for outcome in erasures.reapply(found, write=not options["dry_run"]):
            for name, count in outcome.items():
                counts[name] += count
            progress.tell(sum(counts.values()))
        if options["json"]:
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **counts}))
            return
        done = "would be anonymised again" if options["dry_run"] else "anonymised again"
        self.stdout.write(
            f"{counts['applied']:,} customers {done}, {counts['done_before']:,} were already,"
            f" {counts['missing']:,} do not exist here."
        )


def _read(name: str) -> list[erasures.Line]:
    try:
        if name == "-":
            return erasures.read(sys.stdin)
        with Path(name).open(encoding="utf-8") as file:
            return erasures.read(file)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", returncode=WRONG) from error
    except (erasures.UnreadableRegister, UnicodeDecodeError) as error:
        raise CommandError(f"{name}: {error} Nothing was written.", returncode=WRONG) from error
