"""``manage.py prove_erasure``: nothing of an anonymised person is left, or where it is."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from accounts.models import Account
from customers import traces
from customers.clues import Clue, clues_of, fields_of, values_of
from customers.merging import rows_of_person
from customers.models import Customer
from hubcustomers.commands import ExplainedCommand
from hubcustomers.public_ids import customer_ids

_WRONG = 2
_HELP = """
Search the whole database for what anonymising a customer was to erase: every column of
every table, as text (also JSON, bytes, sessions, the admin's log, kept answers and events).

Take the values before the customer is anonymised, and search for them afterwards:

  manage.py prove_erasure asdf2 --snapshot > asdf2.json
  ... anonymise the customer ...
  manage.py prove_erasure asdf2 --values asdf2.json
  rm asdf2.json

Values of a customer that was merged into this one are among them.

Values are found in any case, escaped as in JSON or a URL, a phone number in any spelling.
E-mail, phone, address_1, delivery_notes and other long values count wherever they stand.
Those that many people share (names, gender, birth_date, company_name, address_2,
postal_code, coordinates, phone_access_code, anything shorter than 6 characters) count in
rows that mention the customer, and where first and last name stand together. What
anonymising keeps (city, state, country, private_ref, custom_fields, consent) is not
searched. Only the database is searched: neither backups, nor logs, nor exported files.

Exit status: 0 nothing was found, 1 something was found, 2 wrong usage or no search.
"""


class Command(ExplainedCommand):
    """Searches the database for a person, or keeps the values to search for."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("customer", help="the customer's id, as the API shows it")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--values", metavar="FILE", help="JSON object of the values before; - reads it"
        )
        what.add_argument(
            "--snapshot",
            action="store_true",
            help="print the values of a customer that is not anonymised yet",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, print what was found, and end with the status that says it."""
        number = customer_ids.decode(options["customer"])
        if number is None:
            raise CommandError("This is not the id of a customer.", returncode=_WRONG)
        try:
            customer = Customer.with_merged.filter(pk=number).first()
            if options["snapshot"]:
                self.stdout.write(json.dumps(_snapshot(customer), ensure_ascii=False))
                return
            clues = clues_of(_read(options["values"]), country=_country(customer))
            if not clues:
                raise CommandError("There is no value to search for.", returncode=_WRONG)
            found = self._search(number, clues)
        except DatabaseError as error:
            raise CommandError(f"The search failed: {error}", returncode=_WRONG) from error
        report = self._print_json if options["json"] else self._print
        report(options["customer"], customer, clues, found)
        if found.places:
            sys.exit(1)

    def _search(self, number: int, clues: list[Clue]) -> traces.Search:
        with transaction.atomic(), connection.cursor() as cursor:
            # All tables as of one moment, however long it takes.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
            return traces.search(number, clues, tell=_Progress(self.stderr))

    def _print_json(
        self, public_id: str, customer: Customer | None, clues: list[Any], found: traces.Search
    ) -> None:
        report = {
            "customer": public_id,
            "anonymised": None if customer is None else customer.anonymised,
            "tables": found.tables,
            "columns": found.columns,
            "searched_everywhere": fields_of(clue for clue in clues if clue.tells),
            "searched_near_the_customer": fields_of(clue for clue in clues if not clue.tells),
            "places": [place._asdict() for place in found.places],
        }
        self.stdout.write(json.dumps(report))

    def _print(
        self, public_id: str, customer: Customer | None, clues: list[Any], found: traces.Search
    ) -> None:
        if customer is None:
            self.stdout.write(f"There is no customer {public_id} (any more).")
        elif not customer.anonymised:
            self.stdout.write(f"Customer {public_id} is not anonymised.")
        for place in found.places:
            key = ", ".join(f"{name} {value}" for name, value in place.key.items())
            self.stdout.write(f"{place.table}.{place.column} ({key}): {', '.join(place.fields)}")
        looked = f"{found.columns} columns of {found.tables} tables"
        if found.places:
            self.stdout.write(f"Places found: {len(found.places)}, in {looked}.")
        else:
            self.stdout.write(f"Nothing was found in {looked}.")
        near = fields_of(clue for clue in clues if not clue.tells)
        if near:
            self.stdout.write(
                f"Many people share {', '.join(near)}: counted only in rows that mention the"
                " customer, and where first and last name stand together."
            )


class _Progress:
    """Says every few seconds how far a long search is."""

    def __init__(self, stderr: Any) -> None:
        self.stderr = stderr
        self.next = time.monotonic() + 3

    def __call__(self, table: str, done: int, blocks: int) -> None:
        """Take the table, and how many of how many blocks are done."""
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + 3
            percent = 100 * done // max(blocks, 1)
            self.stderr.write(f"searching {table}, {percent} % done")


def _snapshot(customer: Customer | None) -> dict[str, Any]:
    if customer is None:
        raise CommandError("There is no such customer.", returncode=_WRONG)
    if customer.anonymised:
        raise CommandError("The customer is anonymised: nothing to keep.", returncode=_WRONG)
    return values_of(*rows_of_person(customer))


def _read(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        values = json.loads(text)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", returncode=_WRONG) from error
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}", returncode=_WRONG) from error
    if not isinstance(values, dict) or not all(map(_is_readable, values.values())):
        raise CommandError(
            'The values must be one JSON object, like {"email": "…"}.', returncode=_WRONG
        )
    return values


def _is_readable(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return not any(isinstance(each, dict | list) for each in values)


def _country(customer: Customer | None) -> str | None:
    if customer is None:
        return None
    return customer.country or Account.objects.get(pk=customer.account_id).country
