"""Customers of whom nothing was heard for a long time: found, counted and anonymised.

A list is walked by windows of its index, so that each statement is short; those found are
anonymised a few hundred at a time, after a second look under lock, in the way of the API.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction

from customers.models import Customer
from customers.services import anonymise_customers
from hubcustomers.api.errors import sqlstate
from hubcustomers.backoffice import audit

# So many customers one statement looks at, and one transaction locks; tills wait for the latter.
WINDOW = 20_000
BATCH = 200
_TRIES = 3

# What counts as a sign of life, besides that the customer was made.
SIGNS: dict[str, tuple[str, ...]] = {
    "last-order": ("customer.last_order_date",),
    "last-operation": ("points.at",),
    "last-update": ("customer.updated_at",),
}
SIGNS["any"] = tuple(sign for signs in SIGNS.values() for sign in signs)

# A card counts from when it was made; its last operation is found by the card's own number.
_POINTS = """
LEFT JOIN LATERAL (
    SELECT max(greatest(card.created_at, operation.created_at)) AS at
    FROM loyalty_loyaltycard AS card
    LEFT JOIN loyalty_loyaltyoperation AS operation ON operation.account_id = card.account_id
        AND operation.card_id = card.id AND operation.sequence = card.last_sequence
    WHERE card.account_id = customer.account_id AND card.customer_id = customer.id
) AS points ON true
"""
_INACTIVE = """
FROM customers_customer AS customer {points}
WHERE customer.account_id = %(account)s AND customer.customer_list_id = %(list)s
    AND {those} AND customer.merged_into_id IS NULL
    AND NOT customer.anonymised AND customer.created_at < %(cutoff)s {silent}
"""
_END = """
SELECT max(id), count(*) FROM (
    SELECT id FROM customers_customer
    WHERE account_id = %(account)s AND customer_list_id = %(list)s AND id > %(after)s
    ORDER BY id LIMIT %(most)s
) AS next
"""


@dataclass(frozen=True)
class Rule:
    """How long customers of a list may be silent.

    Attributes:
        account_id: The account.
        list_id: The list.
        months: So many months without a sign of life.
        by: What counts as one, a key of SIGNS.
    """

    account_id: int
    list_id: int
    months: int
    by: str = "any"

    def sql(self, those: str) -> str:
        """Return the FROM and WHERE of the silent ones among those customers."""
        signs = SIGNS[self.by]
        return _INACTIVE.format(
            points=_POINTS if "points.at" in signs else "",
            those=those,
            silent=" ".join(f"AND ({sign} IS NULL OR {sign} < %(cutoff)s)" for sign in signs),
        )

    @property
    def last_sign(self) -> str:
        """Return the expression for the last sign of life."""
        return f"greatest(customer.created_at, {', '.join(SIGNS[self.by])})"

    def values(self, **more: Any) -> dict[str, Any]:
        """Return what the statements bind."""
        return {"account": self.account_id, "list": self.list_id, **more}


@dataclass(frozen=True)
class Window:
    """A piece of a list.

    Attributes:
        after: The customer before it.
        last: The last customer in it.
        looked: How many there are.
    """

    after: int
    last: int
    looked: int


def cutoff_of(months: int) -> datetime:
    """Return the moment so many months ago."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp() - make_interval(months => %s)", [months])
        moment: datetime = cursor.fetchone()[0]
    return moment


def next_window(rule: Rule, after: int) -> Window | None:
    """Return the next piece of the list, None at its end."""
    with connection.cursor() as cursor:
        cursor.execute(_END, rule.values(after=after, most=WINDOW))
        last, looked = cursor.fetchone()
    return None if last is None else Window(after, last, looked)


@dataclass(frozen=True)
class Month:
    """How many of a piece were heard of last in one month, with a few of them."""

    month: str
    count: int
    samples: list[int]


def count_by_month(rule: Rule, cutoff: datetime, window: Window, *, zone: str) -> list[Month]:
    """Return the silent customers of the piece by the month of their last sign of life."""
    sql = (
        f"SELECT to_char({rule.last_sign} AT TIME ZONE %(zone)s, 'YYYY-MM') AS month, count(*),"
        " (array_agg(customer.id ORDER BY customer.id))[:3]"
        f" {rule.sql('customer.id > %(after)s AND customer.id <= %(last)s')}"
        " GROUP BY month ORDER BY month"
    )
    bound = rule.values(cutoff=cutoff, after=window.after, last=window.last, zone=zone)
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        return [Month(*row) for row in cursor.fetchall()]


def silent_in(rule: Rule, cutoff: datetime, window: Window) -> list[int]:
    """Return the silent customers of the piece."""
    those = "customer.id > %(after)s AND customer.id <= %(last)s"
    return _ids(rule, cutoff, those, {"after": window.after, "last": window.last})


def anonymise(
    rule: Rule,
    cutoff: datetime,
    ids: list[int],
    *,
    user: Any = None,
    beside: Callable[[int], None] = lambda count: None,
) -> Iterator[int]:
    """Anonymise those that are still silent, and yield how many after each transaction.

    Args:
        rule: Of the list.
        cutoff: Who gave a sign of life then or later stays.
        ids: The customers, as found.
        user: For the audit trail; None for the command line.
        beside: Called in each transaction with the count.
    """
    for start in range(0, len(ids), BATCH):
        yield _retried(rule, cutoff, ids[start : start + BATCH], user, beside)


def _retried(
    rule: Rule, cutoff: datetime, ids: list[int], user: Any, beside: Callable[[int], None]
) -> int:
    for attempt in range(1, _TRIES + 1):
        try:
            with transaction.atomic():
                count = _anonymise(rule, cutoff, ids, user)
                beside(count)
            return count
        except DatabaseError as error:
            # Somebody locked the same rows the other way round at this moment.
            if sqlstate(error) not in {"40001", "40P01"} or attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def _anonymise(rule: Rule, cutoff: datetime, ids: list[int], user: Any) -> int:
    with connection.cursor() as cursor:
        # Customers before cards, as everywhere. Until the end nobody orders or gets points.
        for table, column in (("customers_customer", "id"), ("loyalty_loyaltycard", "customer_id")):
            strength = "FOR NO KEY UPDATE" if column == "id" else "FOR SHARE"
            cursor.execute(
                f"SELECT id FROM {table} WHERE account_id = %(account)s"
                f" AND {column} = ANY(%(ids)s) ORDER BY id {strength}",
                {"account": rule.account_id, "ids": ids},
            )
    still = _ids(rule, cutoff, "customer.id = ANY(%(ids)s)", {"ids": ids})
    rows = Customer.objects.for_account(rule.account_id).filter(pk__in=still).order_by("pk")
    customers = list(rows.select_related("account"))
    count = anonymise_customers(customers)
    audit.record_many(user, customers, "anonymised")
    return count


def _ids(rule: Rule, cutoff: datetime, those: str, values: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT customer.id {rule.sql(those)} ORDER BY customer.id",
            rule.values(cutoff=cutoff, **values),
        )
        return [number for (number,) in cursor.fetchall()]
