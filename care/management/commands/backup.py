"""``manage.py backup``: dump the database, with what a restore must have beside it."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from care import backups
from care.manifests import Backup
from care.postgres import NoProgram, ProgramFailed
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.progress import Progress

_FAILED = 2
_KEEP = 14
_HELP = """
Back up the database of the hub, embedded or not, while tills write. A backup is

  hub-20261125T021500Z.dump     what pg_dump makes, in its custom format
  hub-20261125T021500Z.json     the manifest: rows of each table, sums of the ledger
  hub-20261125T021500Z.sha256   the checksum, for sha256sum --check
  hub-20261125T021500Z.keys     the keys of this hub, IN CLEAR

and erasures.jsonl, the register of all erasures until now. Without the keys the secrets of
clients in the dump cannot be read; with them anybody can. Keep the folder for yourself, copy
it to another place, and encrypt it on the way; --without-keys leaves them out.

The oldest backups go once the new one is whole. See docs/backup.md.

Exit status: 0 done, 2 not done, and nothing is left of the try.
"""


class Command(ExplainedCommand):
    """Takes a backup and removes the oldest ones."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "folder",
            nargs="?",
            type=Path,
            default=settings.DATA_DIR / "backups",
            help="where backups are kept (default: %(default)s)",
        )
        parser.add_argument(
            "--keep",
            type=_number,
            default=_KEEP,
            metavar="N",
            help="how many backups are kept in the folder (default: %(default)s)",
        )
        parser.add_argument("--without-keys", action="store_true", help="leave the keys out")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up, and say what is where."""
        folder: Path = options["folder"].absolute()
        with_keys = not options["without_keys"]
        progress = Progress(self.stderr, what="bytes")
        try:
            backup = backups.take(folder, with_keys=with_keys, tell=progress.tell)
        except (NoProgram, ProgramFailed) as error:
            raise CommandError(str(error), returncode=_FAILED) from error
        except (DatabaseError, EmbeddedPostgresError, OSError) as error:
            raise CommandError(f"Nothing was backed up: {error}", returncode=_FAILED) from error
        gone = backups.rotate(folder, options["keep"])
        manifest = backup.manifest()
        if options["json"]:
            report = {
                "dump": str(backup.dump),
                "with_keys": with_keys,
                "removed": [one.dump.name for one in gone],
                **{name: manifest[name] for name in ("seconds", "bytes", "sha256", "ledger")},
            }
            self.stdout.write(json.dumps(report))
        else:
            self._print(backup, manifest, gone, with_keys)

    def _print(
        self, backup: Backup, manifest: dict[str, Any], gone: list[Backup], with_keys: bool
    ) -> None:
        rows = sum(manifest["tables"].values())
        size = f"{manifest['bytes']:,} bytes in {manifest['seconds']} s"
        self.stdout.write(f"{backup.dump}\n{rows:,} rows, {size}.")
        if with_keys:
            self.stdout.write(
                f"The keys of this hub are beside it, in clear: {backup.dump.stem}.keys."
                " Whoever has both can read the secrets of clients."
            )
        else:
            self.stdout.write("The keys are NOT in it: without them client secrets are lost.")
        if gone:
            self.stdout.write(f"Removed: {', '.join(one.dump.stem for one in gone)}.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000):
        raise ArgumentTypeError(f"must be a whole number from 1 to 10000, not {text!r}")
    return int(text)
