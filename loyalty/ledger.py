"""The ledger: the only code that moves a balance (spec 4, design section 5)."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DataError, connection, transaction
from django.db.models.functions import Coalesce

from callbacks import outbox
from customers.events import customer_update
from hubcustomers.compiled import kept_cursor
from hubcustomers.exceptions import InvalidField, ObjectNotFound
from hubcustomers.public_ids import order_ids
from loyalty.models import LoyaltyCard
from loyalty.reads import OperationRow, standing_card
from orders.models import Order

# The card's row is locked by its own UPDATE, so writers that meet on one card queue there
# and each continues the balance of the one before; nothing is read that could be stale.
_POST = """
WITH card AS (
    UPDATE loyalty_loyaltycard AS card
    SET balance = card.balance + %(delta)s::numeric, last_sequence = card.last_sequence + 1
    FROM customers_customerlist AS list
    LEFT JOIN accounts_location AS location
        ON location.id = list.location_id AND location.account_id = list.account_id
    WHERE card.id = %(card)s AND card.account_id = %(account)s
        AND card.customer_list_id = %(list)s AND card.joined_into_id IS NULL
        AND list.id = card.customer_list_id AND list.account_id = %(account)s
        AND (%(location)s::bigint IS NULL OR list.location_id IS NULL
            OR list.location_id = %(location)s)
    RETURNING card.id, card.customer_id, card.balance, card.last_sequence, location.timezone
), operation AS (
    INSERT INTO loyalty_loyaltyoperation
        (account_id, card_id, sequence, delta, new_balance, reason, order_id, voids_id)
    SELECT %(account)s, id, last_sequence, %(delta)s::numeric, balance, %(reason)s,
        %(order)s::bigint, %(voids)s::bigint
    FROM card
    RETURNING id, sequence, floor(extract(epoch FROM created_at))::bigint AS created_at,
        reason, delta::text AS delta, new_balance::text AS new_balance
)
SELECT operation.id, operation.sequence, card.customer_id, operation.created_at,
    operation.reason, operation.delta, operation.new_balance, card.timezone,
    %(order)s::bigint, %(order_location)s::integer
FROM operation, card
"""


# Cards with a history of one operation, so that the guards of the chain hold at once.
_OPEN = """
WITH opened AS ({source}), card AS (
    INSERT INTO loyalty_loyaltycard
        (account_id, customer_list_id, customer_id, name, ref, balance, last_sequence)
    SELECT %(account)s, %(list)s, customer_id, name, ref, balance, (balance <> 0)::int
    FROM opened
    RETURNING id, balance
), operation AS (
    INSERT INTO loyalty_loyaltyoperation
        (account_id, card_id, sequence, delta, new_balance, reason)
    SELECT %(account)s, id, 1, balance, balance, %(reason)s FROM card WHERE balance <> 0
)
SELECT count(*) FROM card
"""

# Several cards at once. They are locked before, in the order of their ids, so that what a
# void looks for is what everybody before it has left.
_LOCK_MANY = """
SELECT FROM loyalty_loyaltycard WHERE account_id = %(account)s AND id = ANY(%(cards)s)
ORDER BY id FOR NO KEY UPDATE
"""
_POST_MANY = """
WITH wanted AS (
    SELECT * FROM unnest(%(cards)s::bigint[], %(deltas)s::numeric[], %(voids)s::bigint[])
        AS wanted (card_id, delta, voids_id)
), card AS (
    UPDATE loyalty_loyaltycard AS card
    SET balance = card.balance + wanted.delta, last_sequence = card.last_sequence + 1
    FROM wanted
    WHERE card.id = wanted.card_id AND card.account_id = %(account)s
        AND card.joined_into_id IS NULL
        AND abs(card.balance + wanted.delta) < 10::numeric ^ 14
        AND NOT EXISTS (SELECT FROM loyalty_loyaltyoperation AS void
            WHERE void.account_id = %(account)s AND void.voids_id = wanted.voids_id)
    RETURNING card.id, card.balance, card.last_sequence, wanted.delta, wanted.voids_id
), operation AS (
    INSERT INTO loyalty_loyaltyoperation
        (account_id, card_id, sequence, delta, new_balance, reason, voids_id)
    SELECT %(account)s, id, last_sequence, delta, balance, %(reason)s, voids_id FROM card
    RETURNING id, card_id
)
SELECT card_id, id FROM operation
"""

# What another hub has posted. Nothing is written where the card has moved on.
_COPY = """
WITH card AS (
    UPDATE loyalty_loyaltycard SET balance = %(balance)s, last_sequence = %(after)s + %(count)s
    WHERE id = %(card)s AND account_id = %(account)s AND customer_list_id = %(list)s
        AND last_sequence = %(after)s AND balance = %(before)s AND joined_into_id IS NULL
    RETURNING id)
INSERT INTO loyalty_loyaltyoperation
    (account_id, card_id, sequence, delta, new_balance, reason, created_at)
SELECT %(account)s, id, %(after)s + nth, delta, new_balance, reason, created_at
FROM card, unnest(%(deltas)s::numeric[], %(balances)s::numeric[], %(reasons)s::text[],
    %(moments)s::timestamptz[]) WITH ORDINALITY
    AS told (delta, new_balance, reason, created_at, nth) ORDER BY nth
"""


@dataclass(frozen=True)
class Told:
    """An operation as another hub has posted it, with the balance that it led to there."""

    delta: Decimal
    new_balance: Decimal
    reason: str | None
    created_at: datetime


@dataclass(frozen=True)
class CardPlace:
    """Where a card is, as far as the ledger must know to write to it.

    Attributes:
        account_id: The account.
        list_id: The list the card must be in.
        card_id: The card.
        location_id: The location whose token writes, None for one of the whole account.
    """

    account_id: int
    list_id: int
    card_id: int
    location_id: int | None = None


@dataclass(frozen=True)
class OrderPlace:
    """An order that an operation is attached to, and its location's number."""

    order_id: int
    location_number: int


def find_order(account_id: int, public_id: str) -> OrderPlace:
    """Return the account's order with this public id.

    Raises:
        InvalidField: There is none.
    """
    row = (
        Order.objects.for_account(account_id)
        .filter(pk=order_ids.decode(public_id) or 0)
        .values_list("id", "location__number")
        .first()
    )
    if row is None:
        raise InvalidField("order_id", "doesn't exist in this account")
    return OrderPlace(*row)


def post_operation(
    place: CardPlace,
    *,
    delta: Decimal,
    reason: str | None = None,
    order: OrderPlace | None = None,
    voids: int | None = None,
    caused_by: int | None = None,
) -> OperationRow:
    """Add an operation to a card and move its balance by delta points (spec 4.3).

    A card that was joined into another one takes none: the other one takes it.

    Args:
        place: The card to credit or debit.
        delta: Points to add, negative to remove points; at most 6 decimals.
        reason: Sentence the customer reads in the card's history.
        order: The order it belongs to.
        voids: The card's operation that this is the opposite of.
        caused_by: The client that posts it and hears no event; None for the back-office.

    Returns:
        The new operation; its ``new_balance`` is the card's balance.

    Raises:
        ObjectNotFound: No such card in reach.
        InvalidField: The balance would have more digits than are kept.
        IntegrityError: A loyalty constraint refused the operation.
    """
    values = {
        "delta": delta,
        "reason": reason,
        "order": None if order is None else order.order_id,
        "voids": voids,
        "order_location": None if order is None else order.location_number,
    }
    with customer_update(
        account_id=place.account_id,
        customer_list_id=place.list_id,
        customer_id=lambda: _customer_of(place),
        caused_by=caused_by,
    ):
        row = _post(place, values)
        if row is None and not voids:
            other = standing_card(place.account_id, place.card_id)
            row = None if other is None else _post(replace(place, card_id=other), values)
        if row is None:
            raise ObjectNotFound
        return row


@dataclass(frozen=True)
class Movement:
    """Points that one card of many is to get, and the operation that this voids."""

    card_id: int
    delta: Decimal
    voids: int | None = None


def post_to_many(
    movements: Sequence[Movement],
    *,
    account_id: int,
    reason: str,
    caused_by: int | None = None,
) -> dict[int, int]:
    """Post an operation to each of several cards of an account, in a few statements.

    Cards that are gone or joined into others, whose balance would have more digits than are
    kept, or whose operation has been voided meanwhile, are left as they are.

    Args:
        movements: At most one for each card.
        account_id: The account of them all.
        reason: Sentence that the customers read.
        caused_by: The client that posts and hears no event; None for the back-office.

    Returns:
        The new operation of each card that got one.
    """
    values: dict[str, Any] = {
        "account": account_id,
        "cards": [one.card_id for one in movements],
        "deltas": [one.delta for one in movements],
        "voids": [one.voids for one in movements],
        "reason": reason,
    }
    with transaction.atomic(), ExitStack() as told:
        for customer_id, list_id in _owners_to_tell(account_id, values["cards"], caused_by):
            told.enter_context(
                customer_update(
                    account_id=account_id,
                    customer_list_id=list_id,
                    customer_id=customer_id,
                    caused_by=caused_by,
                )
            )
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_MANY, {"account": account_id, "cards": values["cards"]})
            cursor.execute(_POST_MANY, values)
            return dict(cursor.fetchall())


def is_heard(account_id: int, *, caused_by: int | None = None) -> bool:
    """Return whether somebody listens to what operations do, which makes them slower."""
    return outbox.any_listener(account_id, "customer", "update", caused_by=caused_by)


def _owners_to_tell(
    account_id: int, cards: list[int], caused_by: int | None
) -> list[tuple[int, int]]:
    """Return the cards' customers with their lists, in the order of locks; none if none hears."""
    if not is_heard(account_id, caused_by=caused_by):
        return []
    rows = LoyaltyCard.objects.for_account(account_id).filter(pk__in=cards)
    owners = rows.order_by("customer_id").values_list("customer_id", "customer_list_id")
    return list(owners.distinct())


def open_cards(
    source: str, *, account_id: int, list_id: int, reason: str, values: Mapping[str, Any]
) -> int:
    """Make cards with opening balances, set-based; the caller records the events.

    Args:
        source: A query that returns ``customer_id, name, ref, balance`` of new cards.
        account_id: The account.
        list_id: The list of all the customers.
        reason: Of the one operation that opens a balance other than zero.
        values: What the query binds.

    Returns:
        How many cards were made.

    Raises:
        IntegrityError: A name or a ref is taken, or a customer is not in the list.
    """
    bound = {**values, "account": account_id, "list": list_id, "reason": reason}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN.format(source=source), bound)
        return int(cursor.fetchone()[0])


def copy_history(
    place: CardPlace,
    history: Sequence[Told],
    *,
    after: int,
    balance: Decimal,
    caused_by: int | None = None,
) -> bool:
    """Add operations of another hub to a card, oldest first, each with its own time.

    The first one continues the card's ``balance``, ``after`` so many operations.

    Returns:
        False where the card has moved on meanwhile; nothing is written then.

    Raises:
        InvalidField: The chain is broken, or the balance would have too many digits.
    """
    expected = balance
    for told in history:
        expected += told.delta
        if told.new_balance != expected:
            raise InvalidField("new_balance", f"must be {expected:f}, not {told.new_balance:f}")
    values: dict[str, Any] = {
        "account": place.account_id,
        "list": place.list_id,
        "card": place.card_id,
        "after": after,
        "before": balance,
        "balance": expected,
        "count": len(history),
        "deltas": [told.delta for told in history],
        "balances": [told.new_balance for told in history],
        "reasons": [told.reason for told in history],
        "moments": [told.created_at for told in history],
    }
    with customer_update(
        account_id=place.account_id,
        customer_list_id=place.list_id,
        customer_id=lambda: _customer_of(place),
        caused_by=caused_by,
    ):
        try:
            with connection.cursor() as cursor:
                cursor.execute(_COPY, values)
                return bool(cursor.rowcount)
        except DataError as error:
            raise InvalidField("delta", "would take the balance out of its range") from error


def post_untold(place: CardPlace, *, delta: Decimal, reason: str) -> int:
    """Add an operation as ``post_operation`` does, but leave its event to the caller.

    For a change of several cards, which is one event for each customer.

    Returns:
        The operation.

    Raises:
        ObjectNotFound: No such card, or it was joined into another.
        InvalidField: The balance would have more digits than are kept.
    """
    plain = {"order": None, "voids": None, "order_location": None}
    row = _post(place, {**plain, "delta": delta, "reason": reason})
    if row is None:
        raise ObjectNotFound
    return row.id


def _post(place: CardPlace, values: dict[str, Any]) -> OperationRow | None:
    bound = {
        **values,
        "account": place.account_id,
        "list": place.list_id,
        "card": place.card_id,
        "location": place.location_id,
    }
    try:
        cursor = kept_cursor()
        cursor.execute(_POST, bound)
        row = cursor.fetchone()
    except DataError as error:
        raise InvalidField("delta", "would take the balance out of its range") from error
    return None if row is None else OperationRow(*row)


def _customer_of(place: CardPlace) -> int | None:
    cards = LoyaltyCard.with_joined.for_account(place.account_id).filter(
        customer_list_id=place.list_id, pk=place.card_id
    )
    owner = Coalesce("joined_into__customer_id", "customer_id")
    return cards.values_list(owner, flat=True).first()
