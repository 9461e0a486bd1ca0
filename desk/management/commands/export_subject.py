"""``manage.py export_subject``: everything that is held on one person, in one ZIP."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection, transaction

from customers.models import Customer
from desk import subject_file
from hubcustomers.backoffice import audit
from hubcustomers.commands import ExplainedCommand
from hubcustomers.public_ids import customer_ids
from transfer.commandline import WRONG

_HELP = """
Write everything that is held on one person to a ZIP: subject.json for machines, and
index.html, a page that can be read and printed without anything else.

  manage.py export_subject asdf2 --output asdf2.zip --language fr

The audit trail says that it was exported. The file holds personal data: hand it over to the
person alone, and delete it afterwards. --json prints what is in it, in numbers.

Exit status: 0 done, 2 there is no such customer, or the file cannot be written.
"""


class Command(ExplainedCommand):
    """Exports what is held on one person."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("customer", help="the customer's id, as the API shows it")
        parser.add_argument("--output", required=True, metavar="FILE.zip", help="where to write")
        parser.add_argument(
            "--language",
            choices=[code for code, _name in settings.LANGUAGES],
            default="en",
            help="of the page (default: en)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        number = customer_ids.decode(options["customer"])
        rows = Customer.with_merged.select_related("account", "merged_into__account")
        customer = rows.filter(pk=number or 0).first()
        if customer is None:
            raise CommandError(f"There is no customer {options['customer']}.", returncode=WRONG)
        # Of a merged customer, everything that is held on the one who stands for it.
        customer = customer.merged_into or customer
        with transaction.atomic(), connection.cursor() as cursor:
            # All rows as of one moment.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL statement_timeout = 0")
            held = subject_file.gather(customer)
            audit.record(None, customer, "exported")
        counts = {section.name: len(records) for section, records in held}
        _save(options["output"], subject_file.pack(customer, held, language=options["language"]))
        report = {"customer": options["customer"], "file": options["output"], "records": counts}
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(f"{sum(counts.values()):,} records written to {options['output']}.")


def _save(name: str, packed: bytes) -> None:
    try:
        path = Path(name)
        path.touch(mode=0o600)
        path.write_bytes(packed)
    except OSError as error:
        raise CommandError(
            f"{name} cannot be written: {error.strerror}", returncode=WRONG
        ) from error
