"""The cards of two customers who become one, or two again (desk/merging.py).

Each function expects both customers to be locked; it locks their cards, and the caller
records the events.
"""

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from customers.models import Customer
from loyalty import ledger
from loyalty.models import LoyaltyCard, LoyaltyOperation


@dataclass(frozen=True)
class Join:
    """Two cards of one name that became one.

    Attributes:
        card: The emptied card.
        into: The card that has its points.
        points: How many were moved.
        credit: The operation that gave them; None where there were none.
        ref: The emptied card's ref before.
        stood_for: The cards that had been joined into the emptied one before.
    """

    card: int
    into: int
    points: str
    credit: int | None
    ref: str | None
    stood_for: list[int]


@dataclass
class HandedOver:
    """What became of the cards: moved as they are, or joined."""

    moved: list[int] = field(default_factory=list)
    joined: list[Join] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "HandedOver":
        """Return what ``as_json`` wrote."""
        return cls(kept["moved"], [Join(**one) for one in kept["joined"]])


def lock_cards(*customers: Customer) -> dict[int, list[LoyaltyCard]]:
    """Return the cards of the customers by customer, locked in the order of their keys."""
    numbers = [customer.pk for customer in customers]
    rows = LoyaltyCard.objects.for_account(customers[0].account_id).filter(customer_id__in=numbers)
    found: dict[int, list[LoyaltyCard]] = {number: [] for number in numbers}
    for card in rows.order_by("pk").select_for_update(no_key=True):
        found[card.customer_id].append(card)
    return found


def hand_over_cards(giver: Customer, taker: Customer) -> HandedOver:
    """Give all cards to another customer; of a name that both have, only the points.

    Raises:
        InvalidField: A balance would have more digits than are kept.
    """
    cards = lock_cards(giver, taker)
    named = {card.name: card for card in cards[taker.pk]}
    result = HandedOver()
    for card in cards[giver.pk]:
        if card.name in named:
            result.joined.append(_join(card, named[card.name]))
        else:
            result.moved.append(card.pk)
    _rows(giver).filter(pk__in=result.moved).update(customer_id=taker.pk)
    return result


def _join(card: LoyaltyCard, into: LoyaltyCard) -> Join:
    # copy_negate, because a plain minus rounds to the context's digits.
    _post(card, card.balance.copy_negate(), _("Merged into card %s") % into.public_id)
    credit = _post(into, card.balance, _("Merged from card %s") % card.public_id)
    rows = LoyaltyCard.with_joined.for_account(card.account_id)
    stood_for = list(rows.filter(joined_into_id=card.pk).values_list("pk", flat=True))
    rows.filter(pk__in=[*stood_for, card.pk]).update(joined_into_id=into.pk)
    if into.ref is None and card.ref is not None:
        rows.filter(pk=card.pk).update(ref=None)
        rows.filter(pk=into.pk).update(ref=card.ref)
    return Join(card.pk, into.pk, format(card.balance, "f"), credit, card.ref, stood_for)


def take_back_cards(merged: Customer, survivor: Customer, kept: HandedOver) -> None:
    """Give the cards back, and the points that each had when its customers were merged.

    What was earned and spent since stays on the survivor's cards, whose balance may so
    become less than zero.

    Raises:
        IntegrityError: The customer would have two cards of one name, renamed meanwhile.
        InvalidField: A balance would have more digits than are kept.
    """
    lock_cards(survivor)
    for join in kept.joined:
        _part(merged, join)
    moved = _rows(survivor).filter(pk__in=kept.moved, customer_id=survivor.pk)
    moved.update(customer_id=merged.pk)


def _part(merged: Customer, join: Join) -> None:
    rows = _rows(merged)
    rows.filter(pk=join.card).update(joined_into_id=None)
    rows.filter(pk__in=join.stood_for).update(joined_into_id=join.card)
    cards = {card.pk: card for card in rows.filter(pk__in=[join.card, join.into])}
    card, into = cards[join.card], cards[join.into]
    points = Decimal(join.points)
    if not _is_voided(into, join.credit):
        # Else staff took the points from the survivor already; only the other one lacks them.
        _post(into, points.copy_negate(), _("Merge undone: back to card %s") % card.public_id)
    _post(card, points, _("Merge undone: back from card %s") % into.public_id)
    if join.ref is not None and into.ref == join.ref:
        rows.filter(pk=into.pk).update(ref=None)
        rows.filter(pk=card.pk).update(ref=join.ref)
        rows.filter(pk=into.pk).update(ref=card.ref)


def _is_voided(card: LoyaltyCard, credit: int | None) -> bool:
    operations = LoyaltyOperation.objects.for_account(card.account_id)
    return credit is not None and operations.filter(voids_id=credit).exists()


def _post(card: LoyaltyCard, delta: Decimal, reason: str) -> int | None:
    if not delta:
        return None
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    return ledger.post_untold(place, delta=delta, reason=reason)


def _rows(customer: Customer) -> Any:
    return LoyaltyCard.with_joined.for_account(customer.account_id)
