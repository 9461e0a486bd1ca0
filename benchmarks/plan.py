"""What is measured: the paths, their requests, and the statements the hub sends for them.

A plan is made once for each database (``prepare.py``) and read by whoever works on it: the
load generator, the thin service and the connections that run the SQL alone.
"""

import os
import pickle
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

# Stands in a case for nine digits that no request has sent before.
FRESH = "@@@@@@@@@"

# What a request of the hub sets for its statements, see hubcustomers/wsgi.py.
SESSION_OPTIONS = "-c statement_timeout=5000 -c lock_timeout=2000"


@dataclass(frozen=True)
class HotPath:
    """One of the paths; the target is its rate as a part of the thin service's, if it has one."""

    name: str
    title: str
    target: float | None


PATHS = {
    path.name: path
    for path in (
        HotPath("W1", "create customer", 0.35),
        HotPath("W2", "customer with cards", 0.45),
        HotPath("W3", "phone prefix, 10 hits", 0.45),
        HotPath("W4", "operation, many cards", 0.35),
        HotPath("W5", "operation, one hot card", 0.6),
        HotPath("W6", "newest 100 operations", 0.4),
        HotPath("O1", "create order, ten items", None),
        HotPath("O2", "retrieve order", None),
        HotPath("O3", "newest 100 orders", None),
        HotPath("E1", "100 events that wait", None),
    )
}


@dataclass
class Statement:
    """A statement as the hub sent it; each parameter is the name of a value."""

    sql: str
    names: list[str] | dict[str, str]

    def binder(self) -> Any:
        """Return a function from values by name to what psycopg takes as parameters."""
        if isinstance(self.names, list):
            names = self.names
            # Of a single name itemgetter would return the bare value.
            return itemgetter(*names) if len(names) > 1 else lambda values: [values[names[0]]]
        keys, get = tuple(self.names), itemgetter(*self.names.values())
        return lambda values: dict(zip(keys, get(values), strict=True))


@dataclass
class PathPlan:
    """One path on one database.

    Attributes:
        cases: What differs from request to request, by name.
        requests: The same cases as bytes of HTTP.
        statements: What the hub sends to the database for one of them.
        constants: Values of the statements that no case changes, by name.
        transactional: The statements are between BEGIN and COMMIT.
        answer: What the hub answered to the first case.
    """

    cases: list[dict[str, Any]]
    requests: list[bytes]
    statements: list[Statement] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    transactional: bool = False
    answer: Any = None

    @property
    def round_trips(self) -> int:
        """Return how many statements a request takes, BEGIN and COMMIT included."""
        return len(self.statements) + 2 * self.transactional


@dataclass
class Plan:
    """All that the measuring processes must know about one database."""

    url: str
    size: int
    token: str
    currency: str
    timezone: str
    paths: dict[str, PathPlan]
    # The names of what the statements return, by resource.
    columns: dict[str, tuple[str, ...]]

    def save(self, path: Path) -> None:
        """Write the plan to a file."""
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Plan":
        """Return the plan in the file."""
        plan: Plan = pickle.loads(Path(path).read_bytes())
        return plan


def freshen(case: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the case with nine fresh digits wherever it asks for them."""
    digits = f"{number:09}"
    return {
        name: value.replace(FRESH, digits) if isinstance(value, str) else value
        for name, value in case.items()
    }
