"""``manage.py rebuild_statistics``: hold the customers' statistics against their orders."""

from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from hubcustomers.api.fields import money
from hubcustomers.public_ids import account_ids, customer_ids
from orders.statistics import Difference, Statistics, find_differences, rebuild


class Command(BaseCommand):
    """Recomputes nb_orders, order_total and the first and last order dates."""

    help = (
        "Count every customer's orders anew (cancelled and rejected ones left out), print each"
        " customer whose nb_orders, order_total, first_order_date or last_order_date differs,"
        " and correct it. The hub keeps them exact by itself, so a difference means that"
        " somebody wrote past it. Safe while orders come in: only customers that differ are"
        " locked, for a moment. Exit code: 0 without differences, 1 with some, corrected or not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--account", metavar="ID", help="only this account, like 3r4s3")
        parser.add_argument("--dry-run", action="store_true", help="correct nothing, only report")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report, correct, and fail where there was a difference."""
        found = 0
        for account in self._accounts(options["account"]):
            judged = find_differences if options["dry_run"] else rebuild
            for difference in judged(account.pk):
                found += 1
                self.stdout.write(_describe(difference, account))
        if found:
            done = "found" if options["dry_run"] else "found and corrected"
            raise CommandError(f"Customers with wrong statistics {done}: {found}.", returncode=1)
        self.stdout.write("All statistics are those of the orders.")

    def _accounts(self, public_id: str | None) -> list[Account]:
        if public_id is None:
            return list(Account.objects.order_by("pk"))
        account = Account.objects.filter(pk=account_ids.decode(public_id) or 0).first()
        if account is None:
            raise CommandError(f"There is no account {public_id}.", returncode=2)
        return [account]


def _describe(difference: Difference, account: Account) -> str:
    kept, counted = (
        _values(statistics, account) for statistics in (difference.kept, difference.counted)
    )
    changes = ", ".join(
        f"{name} {kept[name]} -> {counted[name]}" for name in kept if kept[name] != counted[name]
    )
    return f"customer {customer_ids.encode(difference.customer_id)}: {changes}"


def _values(statistics: Statistics, account: Account) -> dict[str, Any]:
    zone = ZoneInfo(account.timezone)
    first, last = (
        date and date.astimezone(zone).isoformat()
        for date in (statistics.first_order_date, statistics.last_order_date)
    )
    return {
        "nb_orders": statistics.nb_orders,
        "order_total": money(statistics.order_total, account.currency),
        "first_order_date": first,
        "last_order_date": last,
    }
