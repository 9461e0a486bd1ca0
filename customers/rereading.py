"""Phone numbers read again: kept before the hub could read them, or written past it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from callbacks.outbox import any_listener
from customers.models import Customer, CustomerList
from customers.services import lock_customer, update_customer
from hubcustomers.exceptions import ObjectNotFound
from hubcustomers.phones import normalise_phone

BATCH = 2000
# Where somebody listens each customer takes some statements, and tills wait for its lock.
_TOLD_BATCH = 100


@dataclass(frozen=True)
class Change:
    """A number that reads otherwise than it is kept."""

    customer_id: int
    old: str
    new: str | None


@dataclass
class Batch:
    """Some customers of a list, oldest first.

    Attributes:
        phones: How many have a number.
        international: How many of these are kept in E.164.
        changes: Which read otherwise.
    """

    phones: int
    international: int
    changes: list[Change]


def batches(customer_list: CustomerList) -> Iterator[Batch]:
    """Yield the list's customers with what would change; nothing is written."""
    home = (customer_list.location or customer_list.account).country
    rows = Customer.objects.for_account(customer_list.account_id).filter(
        customer_list=customer_list, phone__isnull=False
    )
    last = 0
    while True:
        found = rows.filter(pk__gt=last).order_by("pk").values_list("pk", "phone", "country")
        page = list(found[:BATCH])
        if not page:
            return
        last = page[-1][0]
        changes = [
            Change(number, old, new)
            for number, old, country in page
            if (new := normalise_phone(old, country or home) or None) != old
        ]
        yield Batch(len(page), sum(is_international(old) for _, old, _ in page), changes)


def is_international(phone: str | None) -> bool:
    """Return whether the number is written in E.164."""
    return phone is not None and phone.startswith("+") and phone[1:].isdecimal()


def write(customer_list: CustomerList, changes: list[Change]) -> int:
    """Keep the numbers as they read; return how many were still as they had been.

    Listeners are told of each customer, as of every change.
    """
    if not any_listener(customer_list.account_id, "customer", "update", caused_by=None):
        return _write_together(customer_list.account_id, changes)
    written = 0
    for start in range(0, len(changes), _TOLD_BATCH):
        with transaction.atomic():
            for change in changes[start : start + _TOLD_BATCH]:
                written += _write_told(customer_list, change)
    return written


_LOCK = """
SELECT id FROM customers_customer WHERE account_id = %(account)s AND id = ANY(%(ids)s)
ORDER BY id FOR NO KEY UPDATE
"""
_WRITE = """
UPDATE customers_customer AS customer SET phone = change.new
FROM unnest(%(ids)s::bigint[], %(old)s::text[], %(new)s::text[]) AS change (id, old, new)
WHERE customer.account_id = %(account)s AND customer.id = change.id
    AND customer.phone = change.old COLLATE "C" AND customer.merged_into_id IS NULL
"""


@transaction.atomic
def _write_together(account_id: int, changes: list[Change]) -> int:
    values: dict[str, Any] = {
        "account": account_id,
        "ids": [change.customer_id for change in changes],
        "old": [change.old for change in changes],
        "new": [change.new for change in changes],
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, values)
        cursor.execute(_WRITE, values)
        return int(cursor.rowcount)


def _write_told(customer_list: CustomerList, change: Change) -> bool:
    try:
        customer = lock_customer(customer_list.account_id, customer_list.pk, change.customer_id)
    except ObjectNotFound:
        return False
    if customer.pk != change.customer_id or customer.phone != change.old:
        return False
    home = (customer_list.location or customer_list.account).country
    data = {"phone": change.old}
    return update_customer(customer, client=None, country=home, data=data)
