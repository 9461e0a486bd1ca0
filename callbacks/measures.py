"""What the metrics tell of the outbox."""

from collections.abc import Iterable
from typing import Any

from hubcustomers.observing.metrics import Gauge

_WAITING = """
SELECT count(*), coalesce(extract(epoch FROM statement_timestamp() - min(created_at)), 0)::float8
FROM callbacks_event
WHERE acknowledged_at IS NULL AND given_up_at IS NULL AND due_at IS NOT NULL
"""
_GIVEN_UP = """
SELECT count(*) FROM callbacks_event WHERE acknowledged_at IS NULL AND given_up_at IS NOT NULL
"""


def waiting_events(cursor: Any) -> tuple[int, float]:
    """Return how many events wait to be sent, and the age of the oldest in seconds."""
    cursor.execute(_WAITING)
    depth, age = cursor.fetchone()
    return int(depth), float(age)


def outbox_gauges(cursor: Any) -> Iterable[Gauge]:
    """Return depth and age of the outbox."""
    depth, age = waiting_events(cursor)
    yield Gauge("hub_outbox_events", "Events that wait to be sent.", "gauge", depth)
    text = "Age of the oldest event that waits to be sent."
    yield Gauge("hub_outbox_oldest_seconds", text, "gauge", age)
    cursor.execute(_GIVEN_UP)
    text = "Events given up after the last try, kept to be sent again."
    yield Gauge("hub_outbox_given_up_events", text, "gauge", cursor.fetchone()[0])
