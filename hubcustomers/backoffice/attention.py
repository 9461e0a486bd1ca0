"""What needs somebody's attention, told on the first page of the back-office.

An app adds lines of its own: ``register_attention(find)`` in its admin package. The function
is called for each view of the page, so it asks an index; it judges itself what the user may
know (``model_admin.reach(request, right).covers(account.pk)``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True)
class Line:
    """One thing that waits for somebody.

    Attributes:
        text: A sentence; whoever it is about, no personal data.
        url: Where it is looked at.
        urgent: Whether something is failing now, or a day has passed.
    """

    text: str
    url: str
    urgent: bool = False


# Takes the request and the account that is shown.
Find = Callable[[HttpRequest, Any], Iterable[Line]]
_finders: list[Find] = []


def register_attention(find: Find) -> None:
    """Have the function add lines to the first page."""
    _finders.append(find)


def lines_for(request: HttpRequest, account: Any) -> list[Line]:
    """Return what needs attention in the account, the urgent first."""
    lines = [line for find in _finders for line in find(request, account)]
    return sorted(lines, key=lambda line: not line.urgent)
