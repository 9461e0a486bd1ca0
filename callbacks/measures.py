"""What the metrics tell of the outbox."""

from collections.abc import Iterable
from typing import Any

from django.db import connection

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


# Only those that a worker would take: a callback with a URL, and a token that still works.
_OVERDUE = """
SELECT count(*), coalesce(max(extract(epoch FROM statement_timestamp() - event.due_at)), 0)::float8
FROM callbacks_event AS event
JOIN callbacks_callback AS callback ON callback.account_id = event.account_id
    AND callback.connection_id = event.connection_id AND callback.url IS NOT NULL
JOIN accounts_connection AS connection ON connection.account_id = event.account_id
    AND connection.id = event.connection_id AND connection.blocked_at IS NULL
WHERE event.acknowledged_at IS NULL AND event.given_up_at IS NULL
    AND event.due_at < statement_timestamp() - interval '5 minutes'
    AND EXISTS (
        SELECT FROM accounts_accesstoken AS token
        WHERE token.account_id = event.account_id
            AND token.connection_id = event.connection_id AND token.revoked_at IS NULL
    )
"""


def overdue_events() -> tuple[int, float]:
    """Return how many events should have been sent 5 minutes ago, and the longest delay."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE)
        late, seconds = cursor.fetchone()
    return int(late), float(seconds)
