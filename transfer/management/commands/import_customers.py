"""``manage.py import_customers``: customers and cards from a CSV or JSON Lines file."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from rest_framework.exceptions import ValidationError as ApiValidationError

from accounts.models import Client
from accounts.services import get_client
from customers.models import CustomerList
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.commands import ExplainedCommand
from hubcustomers.progress import Progress
from loyalty.serializers import LoyaltyOperationSerializer
from transfer import imports, jobs, mapping
from transfer.commandline import WRONG, find_list, output
from transfer.models import Job, State
from transfer.reading import Layout, UnreadableFile, examine, fingerprint
from transfer.refused import drop_refused, refused_text

_REFUSED = 1
_HELP = """
Import customers, with their private refs and loyalty cards, from a CSV or JSON Lines file
in UTF-8. The first line of CSV names the columns; the delimiter (comma, semicolon, tab) is
found out. What each column is, is guessed from its name in English or French:

  manage.py import_customers customers.csv --list asdf2 --dry-run
  manage.py import_customers customers.csv --list asdf2 --map "Mob. no=phone" --map Age=-

Rows that break a rule are left out and written to a file, each with the reason: correct
them and import that file. A run that was interrupted goes on where it stopped when the same
command is given again; nothing is imported twice.

Exit status: 0 all rows are imported, 1 some were refused, 2 nothing was written (wrong
usage, or a file that cannot be read).
"""


class Command(ExplainedCommand):
    """Imports customers into a list."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="CSV, or JSON Lines (.jsonl, or lines that begin with {)")
        parser.add_argument("--list", required=True, metavar="ID", help="the customer list's id")
        parser.add_argument(
            "--client",
            default="import",
            metavar="NAME",
            help="whose private refs they are (default: import); made where it does not exist",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="what a column is; - leaves it out. Remembered for the list.",
        )
        parser.add_argument(
            "--match",
            choices=imports.MATCHES,
            help="what tells that a customer exists (default: private_ref, if a column has it)",
        )
        parser.add_argument(
            "--on-duplicate",
            choices=imports.ON_DUPLICATE,
            help="what to do with a row whose customer exists (default: error)",
        )
        parser.add_argument(
            "--reason",
            default="Opening balance",
            help='what customers read about a card\'s first operation (default: "Opening balance")',
        )
        parser.add_argument(
            "--events", action="store_true", help="tell listening clients; much slower"
        )
        parser.add_argument("--dry-run", action="store_true", help="check all rows, write none")
        parser.add_argument(
            "--refused",
            metavar="FILE",
            help="where refused rows go (default: beside the file, with .refused in its name)",
        )
        parser.add_argument(
            "--restart",
            action="store_true",
            help="begin anew, though an interrupted run with other options imported a part",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and end with the status that says how it went."""
        path = Path(options["file"])
        with _judging():
            self._judge_words(path, options)
            customer_list = find_list(options["list"])
            with path.open("rb") as file:
                layout, total = examine(file, path.name)
                content = fingerprint(file)
            asked = self._options(customer_list, layout, content, options)
        job = self._job(customer_list, path.name, total, asked, restart=options["restart"])
        try:
            progress = Progress(self.stderr, job.total, job.done)
            with _judging():
                imports.run_file(job, path, tell=lambda job: progress.tell(job.done))
            self._report(job, asked, path, options["refused"])
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on from here.") from None
        finally:
            if asked.dry_run:
                job.delete()
        if job.counts.get("refused"):
            sys.exit(_REFUSED)

    def _judge_words(self, path: Path, options: Any) -> None:
        """Refuse what would only be found when the import is over."""
        try:
            LoyaltyOperationSerializer.read({"delta": "0", "reason": options["reason"]})
        except ApiValidationError as error:
            told = "; ".join(f"--{field} {sentence}" for field, sentence in faults_in(error))
            raise imports.UnusableOptions(told) from error
        refused = Path(options["refused"] or "-")
        if str(refused) == "-":
            return
        if refused.exists() and refused.samefile(path):
            raise imports.UnusableOptions(
                "--refused must name another file than the one to import."
            )
        if not os.access(refused.parent, os.W_OK):
            raise imports.UnusableOptions(f"--refused: {refused} cannot be written.")

    def _options(
        self, customer_list: CustomerList, layout: Layout, content: str, options: Any
    ) -> imports.Options:
        fields = mapping.map_columns(
            layout.columns,
            said=mapping.parse(options["map"]),
            saved=imports.saved_mapping(customer_list),
        )
        match = imports.choose_match(fields.values(), options["match"], options["on_duplicate"])
        return imports.Options(
            client_id=self._client_id(options["client"], dry_run=options["dry_run"]),
            layout=layout,
            fields=fields,
            match=match,
            on_duplicate=options["on_duplicate"] or "error",
            events=options["events"],
            reason=options["reason"],
            dry_run=options["dry_run"],
            fingerprint=content,
        )

    def _client_id(self, name: str, *, dry_run: bool) -> int:
        if dry_run:
            return Client.objects.filter(name=name).values_list("pk", flat=True).first() or 0
        return int(get_client(name).pk)

    # --- the job ------------------------------------------------------------------------

    @transaction.atomic
    def _job(
        self,
        customer_list: CustomerList,
        title: str,
        total: int,
        asked: imports.Options,
        *,
        restart: bool,
    ) -> Job:
        job = None if asked.dry_run else self._interrupted(customer_list, asked, restart=restart)
        if job is None:
            job = Job.objects.create(
                account_id=customer_list.account_id,
                customer_list=customer_list,
                kind="import",
                title=title[:255],
                options=asked.as_json(),
                total=total,
                user_name="(command line)",
            )
        else:
            self.stderr.write(f"Going on after {job.done:,} of {job.total:,} rows.")
        if not asked.dry_run:
            imports.save_mapping(customer_list, asked.fields)
        # Whoever runs the same command elsewhere finds the job taken, and stops.
        jobs.take(job, leased=False)
        return job

    def _interrupted(
        self, customer_list: CustomerList, asked: imports.Options, *, restart: bool
    ) -> Job | None:
        rows = Job.objects.for_account(customer_list.account_id).filter(
            customer_list=customer_list,
            kind="import",
            state=State.RUNNING,
            lease_until=None,
            options__fingerprint=asked.fingerprint,
            options__dry_run=False,
        )
        for job in rows.select_for_update().order_by("-pk"):
            if restart:
                jobs.finish(job, error="The import was begun anew.")
            elif job.options == asked.as_json():
                return job
            elif job.done:
                raise CommandError(
                    f"An interrupted run has imported {job.done:,} rows of this file, with other"
                    " options. Give those again, or --restart to begin anew.",
                    returncode=WRONG,
                )
        return None

    # --- the report ---------------------------------------------------------------------

    def _report(self, job: Job, asked: imports.Options, path: Path, wanted: str | None) -> None:
        counts = {name: job.counts.get(name, 0) for name in imports.COUNTED}
        name = wanted or str(path.with_name(f"{path.stem}.refused{path.suffix}"))
        if counts["refused"] and name != "-":
            # Before anything is said: a terminal that is gone does not cost the rows.
            self._write_refused(job, name)
        would = "would be " if asked.dry_run else ""
        self.stdout.write(f"{job.done:,} rows of {path.name}:")
        for word, count in counts.items():
            self.stdout.write(f"  {imports.COUNTED[word].format(would=would):36}{count:>12,}")
        if asked.left_out:
            self.stdout.write(f"Columns left out: {', '.join(asked.left_out)}.")
        if not counts["refused"]:
            return
        if name == "-":
            self._write_refused(job, name)
        else:
            self.stdout.write(f"The refused rows are in {name}, each with the reason.")

    def _write_refused(self, job: Job, name: str) -> None:
        try:
            with output(name, self.stdout) as file:
                for text in refused_text(job):
                    file.write(text)
        except CommandError as error:
            raise CommandError(
                f"The rows are imported, but {error}", returncode=_REFUSED
            ) from error
        drop_refused(job)


@contextmanager
def _judging() -> Iterator[None]:
    """Tell what is wrong in one sentence."""
    try:
        yield
    except mapping.NothingMapped as error:
        raise CommandError(f"{error} For example: --map Mail=email", returncode=WRONG) from error
    except (UnreadableFile, mapping.UnusableMapping, imports.UnusableOptions) as error:
        raise CommandError(str(error), returncode=WRONG) from error
    except OSError as error:
        raise CommandError(
            f"{error.filename} cannot be read: {error.strerror}", returncode=WRONG
        ) from error
    except ValidationError as error:
        raise CommandError(f"--client: {' '.join(error.messages)}", returncode=WRONG) from error
    except jobs.JobTaken as error:
        raise CommandError("Another process goes on with this import.") from error
    except REFUSALS as error:
        raise CommandError(
            "; ".join(f"{field} {text}" for field, text in faults_in(error))
        ) from error
