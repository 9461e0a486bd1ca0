"""``manage.py normalise_phones``: phone numbers in E.164, wherever they can be read."""

import json
import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from customers.models import Customer, CustomerList
from customers.rereading import Change, batches, is_international, write
from hubcustomers.backoffice import audit
from hubcustomers.progress import Progress
from hubcustomers.public_ids import customer_ids
from transfer.commandline import find_list

_MOST_SAMPLES = 10


class Command(BaseCommand):
    """Reads the phone numbers of customers again."""

    help = (
        "Read the phone numbers of customers again, national ones with the country of the"
        " customer, else of the list's location, else of the account, and keep those that can"
        " be read in E.164, like +33612345678. Without --apply nothing is written: the report"
        " says what would be. Connected applications are told of each customer that changes."
        " Numbers are shown with their last two digits only. Exit code: 0, 2 for wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--list", metavar="ID", help="only this customer list (default: all)")
        parser.add_argument("--apply", action="store_true", help="write what the report says")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look through the lists, write if asked, and report."""
        lists = CustomerList.objects.select_related("account", "location").order_by("pk")
        wanted = [find_list(options["list"])] if options["list"] else list(lists)
        reports = [self._read(one, apply=options["apply"]) for one in wanted]
        if options["json"]:
            told = {"applied": options["apply"], "customer_lists": reports}
            self.stdout.write(json.dumps(told))
            return
        for report in reports:
            self._print(report, applied=options["apply"])
        if not options["apply"] and any(report["changes"] for report in reports):
            self.stdout.write("Nothing was written; --apply writes it.")

    def _read(self, customer_list: CustomerList, *, apply: bool) -> dict[str, Any]:
        rows = Customer.objects.for_account(customer_list.account_id)
        total = rows.filter(customer_list=customer_list, phone__isnull=False).count()
        progress = Progress(self.stderr, total, what="numbers")
        phones = before = changed = written = gained = 0
        samples: list[dict[str, str]] = []
        for batch in batches(customer_list):
            phones += batch.phones
            before += batch.international
            changed += len(batch.changes)
            gained += sum(is_international(change.new) for change in batch.changes)
            gained -= sum(is_international(change.old) for change in batch.changes)
            samples += [_sample(one) for one in batch.changes[: _MOST_SAMPLES - len(samples)]]
            if apply and batch.changes:
                written += write(customer_list, batch.changes)
            progress.tell(phones)
        if written:
            audit.record(None, customer_list, "changed", fields=["phone"])
        return {
            "customer_list": customer_list.public_id,
            "numbers": phones,
            "in_e164_before": before,
            "in_e164_after": before + gained,
            "changes": changed,
            "written": written,
            "samples": samples,
        }

    def _print(self, report: dict[str, Any], *, applied: bool) -> None:
        self.stdout.write(
            f"List {report['customer_list']}: {report['numbers']:,} numbers,"
            f" {report['in_e164_before']:,} in E.164, {report['in_e164_after']:,} afterwards."
        )
        for sample in report["samples"]:
            self.stdout.write(
                f"  customer {sample['customer']}: {sample['old']} -> {sample['new']}"
            )
        done = f"{report['written']:,} written" if applied else "not written"
        if report["changes"]:
            self.stdout.write(f"  {report['changes']:,} changes, {done}.")


def _sample(change: Change) -> dict[str, str]:
    return {
        "customer": customer_ids.encode(change.customer_id),
        "old": _masked(change.old),
        "new": _masked(change.new or "(none)"),
    }


def _masked(phone: str) -> str:
    """Return the number as it is written, all but its last two characters hidden."""
    return re.sub(r"\w", "•", phone[:-2]) + phone[-2:]
