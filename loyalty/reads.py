"""The queries of cards and operations that every till waits for, compiled once."""

from functools import cache
from typing import Any, NamedTuple

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Connection
from customers.reads import level, list_in_reach, parameter, reach, survivor_of
from hubcustomers.api.filters import Alternatives, Condition, asked_for, asking_instead
from hubcustomers.api.pagination import Page
from hubcustomers.api.reads import Epoch, PageQuery
from hubcustomers.compiled import CompiledQuery
from loyalty.models import LoyaltyCard, LoyaltyOperation

# A ref that as many schemes use finds only these.
_MOST_SCHEMES = 20


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
    """Return the card where the connection's level reaches its list, else None.

    One that was joined into another is answered with the other one.
    """
    values = {**reach(connection), "list": list_id, "card": card_id}
    row = _one_card(level(connection)).row(values)
    if row is None:
        other = standing_card(connection.account_id, card_id)
        if other is not None:
            row = _one_card(level(connection)).row({**values, "card": other})
    return None if row is None else CardRow(*row)


@cache
def _standing_card() -> CompiledQuery:
    joined = LoyaltyCard.with_joined.filter(
        account_id=parameter("account"), id=parameter("card"), joined_into__isnull=False
    )
    return CompiledQuery(joined.values_list("joined_into_id"))


def standing_card(account_id: int, card_id: int) -> int | None:
    """Return the card that a card was joined into, None where it was not, or is not there.

    Asked only after a card was not found where it should be: few ever are joined.
    """
    row = _standing_card().row({"account": account_id, "card": card_id})
    return None if row is None else int(row[0])


def card_page(
    connection: Connection, list_id: int, *, filters: list[Alternatives], page: Page
) -> list[CardRow]:
    """Return cards of the list, oldest first; empty also where the list is out of reach.

    The id of a merged customer finds the cards of the one who stands for it, the ref of a
    joined card the card that has its points.
    """
    values = {**reach(connection), "list": list_id}
    variant = level(connection)
    rows = _card_page.rows(values, page=page, variant=variant, filters=filters)
    through = None if rows else _through_merges(connection.account_id, list_id, filters)
    if through is not None:
        rows = _card_page.rows(values, page=page, variant=variant, filters=through)
    return [CardRow(*row) for row in rows]


def _through_merges(
    account_id: int, list_id: int, filters: list[Alternatives]
) -> list[Alternatives] | None:
    """Return the filters that find what these would but for a merge; None where nothing does."""
    owner, ref = asked_for(filters, "customer_id"), asked_for(filters, "ref")
    through = filters
    other = survivor_of(account_id, int(owner)) if owner else None
    if other is not None:
        through = asking_instead(through, "customer_id", [[Condition("customer_id", other)]])
    if ref is not None:
        joined = LoyaltyCard.with_joined.for_account(account_id).filter(
            customer_list_id=list_id, ref=ref, joined_into__isnull=False
        )
        name = asked_for(filters, "name")
        joined = joined if name is None else joined.filter(name=name)
        cards = list(joined.values_list("joined_into_id", flat=True)[:_MOST_SCHEMES])
        if cards:
            through = asking_instead(through, "ref", [[Condition("id", one)] for one in cards])
            through = [each for each in through if asked_for([each], "name") is None]
    return None if through is filters else through


def _operations(level: str) -> QuerySet[Any, Any]:
    return _of_card(level).filter(card__joined_into__isnull=True)


def _of_card(level: str) -> QuerySet[Any, Any]:
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
    return CompiledQuery(_of_card(level).filter(id=parameter("operation")))


_operation_page = PageQuery(_operations, key="-sequence")


def find_operation(
    connection: Connection, list_id: int, card_id: int, operation_id: int
) -> OperationRow | None:
    """Return the card's operation where the connection's level reaches its list, else None.

    A card that was joined into another has its own operations and those of the other.
    """
    values = {**reach(connection), "list": list_id, "card": card_id, "operation": operation_id}
    row = _one_operation(level(connection)).row(values)
    if row is None:
        other = standing_card(connection.account_id, card_id)
        if other is not None:
            row = _one_operation(level(connection)).row({**values, "card": other})
    return None if row is None else OperationRow(*row)


def operation_page(
    connection: Connection, list_id: int, card_id: int, *, page: Page
) -> list[OperationRow]:
    """Return the card's operations, newest first; empty also where it is out of reach.

    For a card that was joined into another, those of the other.
    """
    values = {**reach(connection), "list": list_id, "card": card_id}
    rows = _operation_page.rows(values, page=page, variant=level(connection))
    other = None if rows else standing_card(connection.account_id, card_id)
    if other is not None:
        values["card"] = other
        rows = _operation_page.rows(values, page=page, variant=level(connection))
    return [OperationRow(*row) for row in rows]
