"""Index endpoints: a bare array, ``count``, ``cursor`` and ``X-Cursor-Next``.

A page starts behind the last row of the one before it, by that row's own key, so its
cost does not grow with depth and rows that come and go move nothing (companion, 5).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpResponse
from rest_framework.exceptions import ParseError

from hubcustomers.api.rendering import json_response
from hubcustomers.public_ids import cursor_ids

MAX_COUNT = 100
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page:
    """What one request for a page asks: at most ``count`` rows behind key ``after``."""

    count: int
    after: int | None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Page":
        """Return the page that the query string asks for.

        Raises:
            ParseError: ``count`` is no number above zero, or ``cursor`` is none of ours.
        """
        count = parameters.get("count", str(MAX_COUNT))
        if not (count.isascii() and count.isdigit() and count.strip("0")):
            raise ParseError("count must be a whole number above zero.")
        # Python reads no more than 4,300 digits; four say already that it is too many.
        digits = count.lstrip("0")
        wanted = int(digits) if len(digits) < 4 else MAX_COUNT
        cursor = parameters.get("cursor")
        after = None if cursor is None else cursor_ids.decode(cursor)
        if cursor is not None and after is None:
            raise ParseError("cursor is not one that a former page gave.")
        return cls(min(wanted, MAX_COUNT), after)

    @property
    def limit(self) -> int:
        """Return how many rows to ask for: one more tells whether a next page exists."""
        return self.count + 1

    def answer(
        self,
        rows: Sequence[Row],
        *,
        key: Callable[[Row], int],
        represent: Callable[[Row], dict[str, Any]],
    ) -> HttpResponse:
        """Return the page's rows, with a cursor only where more follow."""
        shown = rows[: self.count]
        headers = None
        if len(rows) > self.count:
            headers = {"X-Cursor-Next": cursor_ids.encode(key(shown[-1]))}
        return json_response([represent(row) for row in shown], headers=headers)
