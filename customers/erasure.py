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


# Takes customers of one account, and the client that causes it (None for the back-office).
Eraser = Callable[[Sequence[Erased], int | None], None]

_erasers: list[Eraser] = []


def register_eraser(eraser: Eraser) -> None:
    """Have the eraser run whenever customers are anonymised."""
    _erasers.append(eraser)


def run_erasers(erased: Sequence[Erased], *, caused_by: int | None) -> None:
    """Erase what apps further up hold of these customers, all of one account."""
    for eraser in _erasers:
        eraser(erased, caused_by)
