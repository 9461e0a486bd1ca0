"""Statements of cards: every operation of a period, with the balance before and after."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from loyalty.models import LoyaltyCard, LoyaltyOperation

# More operations than these make no statement that anybody reads.
MOST_OPERATIONS = 10_000


class TooLong(Exception):
    """The period has more operations than a statement takes."""


@dataclass(frozen=True)
class Statement:
    """One card's operations of a period.

    Attributes:
        opening: The balance before the first of them.
        closing: The balance after the last.
        earned: The points added.
        used: The points removed, as a positive number.
        operations: Oldest first, with their orders.
    """

    opening: Decimal
    closing: Decimal
    earned: Decimal
    used: Decimal
    operations: list[Any]


def statement_of(
    card: LoyaltyCard, *, begin: datetime | None = None, end: datetime | None = None
) -> Statement:
    """Return the statement of a period.

    Statements of periods that follow each other share no operation and leave none out, and
    each closes with the balance that the next one opens with: the ledger's own order counts,
    in which a time may stand a moment before the one of the operation before it.

    Args:
        card: The card.
        begin: The first moment; None for the card's beginning.
        end: The moment after the last; None for now.

    Raises:
        TooLong: There are more than ``MOST_OPERATIONS``.
    """
    rows = LoyaltyOperation.objects.for_account(card.account_id).filter(card=card)
    first = 0 if begin is None else _last_before(rows, begin)
    if end is not None:
        rows = rows.filter(sequence__lte=_last_before(rows, end))
    opening = rows.filter(sequence=first).values_list("new_balance", flat=True).first()
    found = list(
        rows.filter(sequence__gt=first)
        .select_related("order__location")
        .order_by("sequence")[: MOST_OPERATIONS + 1]
    )
    if len(found) > MOST_OPERATIONS:
        raise TooLong
    opening = opening or Decimal(0)
    return Statement(
        opening=opening,
        closing=found[-1].new_balance if found else opening,
        earned=sum((one.delta for one in found if one.delta > 0), Decimal(0)),
        used=-sum((one.delta for one in found if one.delta < 0), Decimal(0)),
        operations=found,
    )


def _last_before(rows: Any, moment: datetime) -> int:
    """Return the number of the last operation before the moment, 0 where there is none."""
    earlier = rows.filter(created_at__lt=moment).order_by("-sequence")
    return earlier.values_list("sequence", flat=True).first() or 0
