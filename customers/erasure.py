"""Anonymising reaches further than the customer's row (spec 2.5, design section 7).

Apps further up that hold a person's data register an eraser here when Django starts; all
of them run in the transaction that anonymises the customer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from customers.models import Customer

# Takes the customer, the client that causes it (None for the back-office), and the private
# fields as they were before: the customer itself is blank already.
Eraser = Callable[[Customer, int | None, Mapping[str, Any]], None]

_erasers: list[Eraser] = []


def register_eraser(eraser: Eraser) -> None:
    """Have the eraser run whenever a customer is anonymised."""
    if eraser not in _erasers:
        _erasers.append(eraser)


def run_erasers(customer: Customer, *, caused_by: int | None, before: Mapping[str, Any]) -> None:
    """Erase what apps further up hold of the customer."""
    for eraser in _erasers:
        eraser(customer, caused_by, before)
