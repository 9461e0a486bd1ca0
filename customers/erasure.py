"""Anonymising reaches further than the customer's row (spec 2.5, design section 7).

Apps further up that hold a person's data register an eraser here when Django starts; all
of them run in the transaction that anonymises the customer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from customers.models import Customer


class Erased(NamedTuple):
    """A customer that is being anonymised: blank already, and the private fields before."""

    customer: Customer
    before: Mapping[str, Any]


# Takes the customer, the client that causes it (None for the back-office), and the private
# fields as they were before: the customer itself is blank already.
Eraser = Callable[[Customer, int | None, Mapping[str, Any]], None]
# The same for several customers of one account at once.
EraserOfMany = Callable[[Sequence[Erased], int | None], None]

_erasers: dict[Eraser, EraserOfMany | None] = {}


def register_eraser(eraser: Eraser, *, of_many: EraserOfMany | None = None) -> None:
    """Have the eraser run whenever a customer is anonymised.

    Args:
        eraser: Erases what the app holds of one customer.
        of_many: Does the same for several customers of one account in fewer statements;
            without it the eraser is called for each of them.
    """
    _erasers[eraser] = of_many


def run_erasers(erased: Sequence[Erased], *, caused_by: int | None) -> None:
    """Erase what apps further up hold of these customers, all of one account."""
    for eraser, of_many in _erasers.items():
        if of_many is not None:
            of_many(erased, caused_by)
            continue
        for customer, before in erased:
            eraser(customer, caused_by, before)
