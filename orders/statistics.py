"""A customer's statistics: they follow its orders, cancelled and rejected ones left out.

They change in the transaction of the order and under the lock of the customer's row, which
every writer of its orders takes first: each sees all orders written before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import DataError, connection, transaction

from hubcustomers.exceptions import InvalidField
from orders.models import VOID_STATUSES

_BATCH = 1000

_COME_BACK = """
UPDATE customers_customer SET
    nb_orders = nb_orders + 1,
    order_total = order_total + %(total)s,
    first_order_date = LEAST(first_order_date, placed.created_at),
    last_order_date = GREATEST(last_order_date, placed.created_at)
FROM (SELECT created_at FROM orders_order WHERE account_id = %(account)s AND id = %(order)s) placed
WHERE account_id = %(account)s AND id = %(customer)s
"""

# The index (account, customer, created_at) answers both dates from its two ends.
_LEAVE = """
UPDATE customers_customer SET
    nb_orders = nb_orders - 1,
    order_total = order_total - %(total)s,
    first_order_date = (
        SELECT created_at FROM orders_order
        WHERE account_id = %(account)s AND customer_id = %(customer)s AND status <> ALL(%(void)s)
        ORDER BY created_at LIMIT 1
    ),
    last_order_date = (
        SELECT created_at FROM orders_order
        WHERE account_id = %(account)s AND customer_id = %(customer)s AND status <> ALL(%(void)s)
        ORDER BY created_at DESC LIMIT 1
    )
WHERE account_id = %(account)s AND id = %(customer)s
"""


def counts(status: str) -> bool:
    """Return whether orders of this status are counted."""
    return status not in VOID_STATUSES


def recount(
    account_id: int, customer_id: int, order_id: int, *, total: Decimal, counted: bool
) -> None:
    """Take an order whose status has just changed into the statistics, or out of them.

    Args:
        account_id: The account.
        customer_id: The customer, locked.
        order_id: The order, already changed.
        total: What it costs.
        counted: Whether it counts now.
    """
    values: dict[str, Any] = {
        "account": account_id,
        "customer": customer_id,
        "order": order_id,
        "total": total,
        "void": list(VOID_STATUSES),
    }
    with refuse_overflow(), connection.cursor() as cursor:
        cursor.execute(_COME_BACK if counted else _LEAVE, values)


@contextmanager
def refuse_overflow() -> Iterator[None]:
    """Say what is wrong where the customer's total would not fit (a context manager).

    Raises:
        InvalidField: ``order_total`` would have more digits than are kept.
    """
    try:
        yield
    except DataError as error:
        message = "would take the customer's order_total out of its range"
        raise InvalidField("items", message) from error


# --- rebuilding ---------------------------------------------------------------------


@dataclass(frozen=True)
class Statistics:
    """``nb_orders``, ``order_total`` and the two dates of one customer."""

    nb_orders: int
    order_total: Decimal
    first_order_date: Any
    last_order_date: Any


@dataclass(frozen=True)
class Difference:
    """A customer whose statistics are not those of its orders."""

    customer_id: int
    kept: Statistics
    counted: Statistics


_COUNTED = """
    SELECT customer.id, customer.nb_orders, customer.order_total, customer.first_order_date,
        customer.last_order_date, coalesce(counted.nb_orders, 0) AS new_nb_orders,
        coalesce(counted.order_total, 0) AS new_order_total,
        counted.first_order_date AS new_first, counted.last_order_date AS new_last
    FROM customers_customer AS customer
    LEFT JOIN (
        SELECT customer_id, count(*) AS nb_orders, sum(total) AS order_total,
            min(created_at) AS first_order_date, max(created_at) AS last_order_date
        FROM orders_order
        WHERE account_id = %(account)s AND customer_id IS NOT NULL AND status <> ALL(%(void)s)
            AND (%(ids)s::bigint[] IS NULL OR customer_id = ANY(%(ids)s::bigint[]))
        GROUP BY customer_id
    ) AS counted ON counted.customer_id = customer.id
    WHERE customer.account_id = %(account)s
        AND (%(ids)s::bigint[] IS NULL OR customer.id = ANY(%(ids)s::bigint[]))
        AND (customer.nb_orders, customer.order_total, customer.first_order_date,
             customer.last_order_date)
        IS DISTINCT FROM (coalesce(counted.nb_orders, 0), coalesce(counted.order_total, 0),
             counted.first_order_date, counted.last_order_date)
"""

_LOCK = """
SELECT id FROM customers_customer WHERE account_id = %(account)s AND id = ANY(%(ids)s::bigint[])
ORDER BY id FOR NO KEY UPDATE
"""

_REBUILD = f"""
WITH difference AS ({_COUNTED}), corrected AS (
    UPDATE customers_customer AS customer SET
        nb_orders = difference.new_nb_orders, order_total = difference.new_order_total,
        first_order_date = difference.new_first, last_order_date = difference.new_last
    FROM difference
    WHERE customer.account_id = %(account)s AND customer.id = difference.id
)
SELECT * FROM difference ORDER BY id
"""


def find_differences(account_id: int) -> list[Difference]:
    """Return whose statistics are wrong, by customer; one snapshot, so no false ones."""
    with transaction.atomic():
        return _differences(f"{_COUNTED} ORDER BY customer.id", account_id, None)


def rebuild(account_id: int) -> Iterator[Difference]:
    """Correct the statistics of the account's customers, and return each that was wrong.

    Only customers that look wrong are locked, a thousand at a time and for one statement;
    under the lock they are counted again, so orders placed meanwhile are in.
    """
    suspects = [difference.customer_id for difference in find_differences(account_id)]
    for start in range(0, len(suspects), _BATCH):
        ids = suspects[start : start + _BATCH]
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_LOCK, {"account": account_id, "ids": ids})
            corrected = _differences(_REBUILD, account_id, ids)
        yield from corrected


def recompute(account_id: int, customer_ids: list[int]) -> None:
    """Count the orders of locked customers anew, of which some have changed hands.

    Raises:
        InvalidField: ``order_total`` would have more digits than are kept.
    """
    with refuse_overflow():
        _differences(_REBUILD, account_id, customer_ids)


def _differences(sql: str, account_id: int, ids: list[int] | None) -> list[Difference]:
    values = {"account": account_id, "ids": ids, "void": list(VOID_STATUSES)}
    with connection.cursor() as cursor:
        # Counting all orders takes longer than a request usually may.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    return [
        Difference(customer_id, Statistics(*values[:4]), Statistics(*values[4:]))
        for customer_id, *values in rows
    ]
