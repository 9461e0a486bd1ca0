"""``manage.py anonymise_inactive``: anonymises customers of whom nothing was heard for long."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from customers.models import Customer, CustomerList
from desk import inactive
from desk.inactive import Rule
from desk.privacy.retention import rule_for
from hubcustomers.commands import ExplainedCommand
from hubcustomers.progress import Progress
from hubcustomers.public_ids import account_ids
from transfer.commandline import WRONG, find_list

_HELP = """
Anonymise the customers of whom nothing was heard for so many months. Without --apply nothing
is written: it prints, for each list, how many that would be, by the month of their last sign
of life.

  manage.py anonymise_inactive --months 36
  manage.py anonymise_inactive --months 36 --list ag8u4 --apply
  manage.py anonymise_inactive --rules --apply

A sign of life is, with --by any (the default), the latest of the last order (cancelled and
rejected ones left out), the last operation or the making of a card, the last change of what
is known of the person, and the customer's creation. --by last-order, last-operation and
last-update look at that one alone, and at the creation.

Each customer is anonymised as the API does it: orders, events and kept answers included,
listening clients are told, and the audit trail says so. It is done a few hundred at a time,
each of them looked at again under lock, so it may run while tills work. A run that was
stopped loses nothing: the same command goes on.

Exit status: 0 done, 1 stopped or failed on the way, 2 wrong usage.
"""


class Command(ExplainedCommand):
    """Anonymises inactive customers, or says who they would be."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        how_long = parser.add_mutually_exclusive_group(required=True)
        how_long.add_argument(
            "--months", type=_months, metavar="N", help="1 to 1200 months of silence"
        )
        how_long.add_argument(
            "--rules",
            action="store_true",
            help="as the retention rules of the back-office say; lists without one are left alone",
        )
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--list", metavar="ID", help="only this list (default: every list)")
        where.add_argument("--account", metavar="ID", help="only the lists of this account")
        parser.add_argument(
            "--by", choices=list(inactive.SIGNS), default="any", help="what counts (default: any)"
        )
        parser.add_argument("--apply", action="store_true", help="anonymise them")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look or anonymise, and print what came of it."""
        try:
            lists = _lists(options)
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0")
            total = Customer.objects.filter(customer_list__in=lists).count()
            self.progress = Progress(self.stderr, total, what="customers")
            self.looked = 0
            reports = [
                self._list(one, rule, options)
                for one in lists
                if (rule := _rule(one, options)) is not None
            ]
        except DatabaseError as error:
            raise CommandError(f"It failed, and may be begun again: {error}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on from here.") from None
        self._print(reports, options)

    def _list(
        self, customer_list: CustomerList, rule: Rule, options: dict[str, Any]
    ) -> dict[str, Any]:
        cutoff = inactive.cutoff_of(rule.months)
        zone = (customer_list.location or customer_list.account).timezone
        months: Counter[str] = Counter()
        looked = anonymised = 0
        for window in _windows(rule):
            for month in inactive.count_by_month(rule, cutoff, window, zone=zone):
                months[month.month] += month.count
            if options["apply"]:
                ids = inactive.silent_in(rule, cutoff, window)
                for number, count in enumerate(inactive.anonymise(rule, cutoff, ids), start=1):
                    anonymised += count
                    share = window.looked * number * inactive.BATCH // max(len(ids), 1)
                    self.progress.tell(self.looked + min(share, window.looked))
            looked += window.looked
            self.looked += window.looked
            self.progress.tell(self.looked)
        return {
            "account_id": account_ids.encode(customer_list.account_id),
            "customer_list_id": customer_list.public_id,
            "name": customer_list.name,
            "silent_since": cutoff.isoformat(),
            "by": rule.by,
            "customers": looked,
            "inactive": months.total(),
            "anonymised": anonymised,
            "months": dict(sorted(months.items())),
        }

    def _print(self, reports: list[dict[str, Any]], options: dict[str, Any]) -> None:
        totals = {name: sum(one[name] for one in reports) for name in ("inactive", "anonymised")}
        if options["json"]:
            report = {"apply": options["apply"], **totals, "lists": reports}
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        for one in reports:
            if one["inactive"]:
                self.stdout.write(
                    f"List {one['customer_list_id']} ({one['name']}): {one['inactive']:,} of"
                    f" {one['customers']:,} customers, silent since {one['silent_since'][:10]}"
                )
                for month, count in one["months"].items():
                    self.stdout.write(f"  {month}  {count:>9,}")
        if options["apply"]:
            self.stdout.write(f"{totals['anonymised']:,} customers anonymised.")
        else:
            self.stdout.write(
                f"{totals['inactive']:,} customers would be anonymised."
                " Nothing was written; --apply does it."
            )


def _windows(rule: Rule) -> Iterator[inactive.Window]:
    after = 0
    while (window := inactive.next_window(rule, after)) is not None:
        yield window
        after = window.last


def _rule(customer_list: CustomerList, options: dict[str, Any]) -> Rule | None:
    months, by = options["months"], options["by"]
    if options["rules"]:
        kept = rule_for(customer_list)
        if kept is None:
            return None
        months, by = kept.months, kept.by
    return Rule(customer_list.account_id, customer_list.pk, months, by)


def _lists(options: dict[str, Any]) -> list[CustomerList]:
    if options["list"]:
        return [find_list(options["list"])]
    rows = CustomerList.objects.select_related("account", "location").order_by("account_id", "pk")
    if options["account"]:
        number = account_ids.decode(options["account"])
        rows = rows.filter(account_id=number or 0)
        if not rows:
            raise CommandError(f"No list in an account {options['account']}.", returncode=WRONG)
    return list(rows)


def _months(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1200):
        raise ArgumentTypeError("must be 1 to 1200")
    return int(text)
