"""The queries of cards and operations that every till waits for, compiled once."""

from functools import cache
from typing import Any, NamedTuple

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Connection
from customers.reads import level, list_in_reach, parameter, reach
from hubcustomers.api.filters import Alternatives
from hubcustomers.api.pagination import Page
from hubcustomers.api.reads import Epoch, PageQuery
from hubcustomers.compiled import CompiledQuery
from loyalty.models import LoyaltyCard, LoyaltyOperation


class CardRow(NamedTuple):
    """A card as read; the balance as PostgreSQL's text."""

    id: int
    customer_id: int
    name: str
    ref: str | None
    balance: str


class OperationRow(NamedTuple):
    """An operation as read; points as PostgreSQL's text, the time in seconds since 1970.

    ``order_location`` is the number of the order's location within the account.
    """

    id: int
    sequence: int
    customer_id: int
    created_at: int
    reason: str | None
    delta: str
    new_balance: str
    timezone: str | None
    order_id: int | None
    order_location: int | None


def _cards(level: str) -> QuerySet[Any, Any]:
    return LoyaltyCard.objects.filter(
        list_in_reach(level, "customer_list__"),
        account_id=parameter("account"),
        customer_list_id=parameter("list"),
    ).values_list("id", "customer_id", "name", "ref", Cast("balance", TextField()))


@cache
def _one_card(level: str) -> CompiledQuery:
    return CompiledQuery(_cards(level).filter(id=parameter("card")))


_card_page = PageQuery(_cards)


def find_card(connection: Connection, list_id: int, card_id: int) -> CardRow | None:
    """Return the card where the connection's level reaches its list, else None."""
    row = _one_card(level(connection)).row({**reach(connection), "list": list_id, "card": card_id})
    return None if row is None else CardRow(*row)


def card_page(
    connection: Connection, list_id: int, *, filters: list[Alternatives], page: Page
) -> list[CardRow]:
    """Return cards of the list, oldest first; empty also where the list is out of reach."""
    rows = _card_page.rows(
        {**reach(connection), "list": list_id},
        page=page,
        variant=level(connection),
        filters=filters,
    )
    return [CardRow(*row) for row in rows]


def _operations(level: str) -> QuerySet[Any, Any]:
    return LoyaltyOperation.objects.filter(
        list_in_reach(level, "card__customer_list__"),
        account_id=parameter("account"),
        card_id=parameter("card"),
        card__account_id=parameter("account"),
        card__customer_list_id=parameter("list"),
    ).values_list(
        "id",
        "sequence",
        "card__customer_id",
        Epoch("created_at"),
        "reason",
        Cast("delta", TextField()),
        Cast("new_balance", TextField()),
        "card__customer_list__location__timezone",
        "order_id",
        "order__location__number",
    )


@cache
def _one_operation(level: str) -> CompiledQuery:
    return CompiledQuery(_operations(level).filter(id=parameter("operation")))


_operation_page = PageQuery(_operations, key="-sequence")


def find_operation(
    connection: Connection, list_id: int, card_id: int, operation_id: int
) -> OperationRow | None:
    """Return the card's operation where the connection's level reaches its list, else None."""
    row = _one_operation(level(connection)).row(
        {
            **reach(connection),
            "list": list_id,
            "card": card_id,
            "operation": operation_id,
        }
    )
    return None if row is None else OperationRow(*row)


def operation_page(
    connection: Connection, list_id: int, card_id: int, *, page: Page
) -> list[OperationRow]:
    """Return the card's operations, newest first; empty also where it is out of reach."""
    rows = _operation_page.rows(
        {**reach(connection), "list": list_id, "card": card_id},
        page=page,
        variant=level(connection),
    )
    return [OperationRow(*row) for row in rows]
