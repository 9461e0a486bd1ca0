"""What the workers and the database agree on: whose turn an event is, and what became of it.

A worker claims events with a lease and settles each while the lease is still its own. It may
die at any moment: the lease runs out and another worker takes the event (design section 7).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction

from callbacks.reads import COLUMNS, PLACE, STATES, EventRow
from callbacks.sending import Outcome


@dataclass(frozen=True)
class Claim:
    """An event that one worker has for itself until the lease ends."""

    event: EventRow
    connection_id: int
    leased_until: datetime
    attempts: int
    url: str
    sealed_secret: str


# Each step asks one index for a handful of rows:
# - waiting: the connections that have anything to be sent, by hopping through due_idx;
# - receiver: those that may get something now, and how many at once;
# - candidate: their oldest due events that are the first undone one of their resource (by
#   version_uniq), none of which is on its way;
# - taken: those of them that nobody else has taken meanwhile.
# A queue's statistics are always of another hour, so the statement leaves the planner little
# choice: no NOT EXISTS that could become a join, an ORDER BY that only one index has, and no
# condition in taken by which a partial index could pose as a way to find a row by its id.
_CLAIM = f"""
WITH RECURSIVE waiting AS (
    (SELECT account_id, connection_id FROM callbacks_event
    WHERE acknowledged_at IS NULL AND given_up_at IS NULL AND due_at IS NOT NULL
    ORDER BY account_id, connection_id, due_at LIMIT 1)
    UNION ALL
    SELECT later.account_id, later.connection_id
    FROM waiting CROSS JOIN LATERAL (
        SELECT account_id, connection_id FROM callbacks_event
        WHERE acknowledged_at IS NULL AND given_up_at IS NULL AND due_at IS NOT NULL
            AND (account_id, connection_id) > (waiting.account_id, waiting.connection_id)
        ORDER BY account_id, connection_id, due_at LIMIT 1
    ) AS later
), receiver AS (
    SELECT waiting.account_id, waiting.connection_id, callback.url, client.sealed_secret,
        CASE WHEN waiting.connection_id = ANY(%(several)s::bigint[])
            THEN %(in_flight)s::bigint ELSE 1 END AS room,
        ARRAY(
            SELECT ROW(busy.resource_type, busy.resource_id)::text FROM callbacks_event AS busy
            WHERE busy.account_id = waiting.account_id
                AND busy.connection_id = waiting.connection_id
                AND busy.leased_until > statement_timestamp()
        ) AS on_the_way
    FROM waiting
    JOIN callbacks_callback AS callback ON callback.account_id = waiting.account_id
        AND callback.connection_id = waiting.connection_id
    JOIN accounts_connection AS connection ON connection.account_id = waiting.account_id
        AND connection.id = waiting.connection_id
    JOIN accounts_client AS client ON client.id = connection.client_id
    WHERE callback.url IS NOT NULL AND connection.blocked_at IS NULL
        AND waiting.connection_id <> ALL(%(left_out)s::bigint[])
        AND EXISTS (
            SELECT FROM accounts_accesstoken AS token
            WHERE token.account_id = waiting.account_id
                AND token.connection_id = waiting.connection_id AND token.revoked_at IS NULL
        )
), candidate AS (
    SELECT head.id, receiver.url, receiver.sealed_secret
    FROM receiver CROSS JOIN LATERAL (
        SELECT event.id, event.due_at FROM callbacks_event AS event
        WHERE event.account_id = receiver.account_id
            AND event.connection_id = receiver.connection_id
            AND event.acknowledged_at IS NULL AND event.given_up_at IS NULL
            AND event.due_at <= statement_timestamp()
            AND event.id = (
                SELECT first.id FROM callbacks_event AS first
                WHERE first.account_id = event.account_id
                    AND first.connection_id = event.connection_id
                    AND first.resource_type = event.resource_type
                    AND first.resource_id = event.resource_id
                    AND first.acknowledged_at IS NULL AND first.given_up_at IS NULL
                ORDER BY first.version LIMIT 1
            )
            AND ROW(event.resource_type, event.resource_id)::text <> ALL(receiver.on_the_way)
        ORDER BY event.account_id, event.connection_id, event.due_at
        LIMIT GREATEST(receiver.room - cardinality(receiver.on_the_way), 0)
    ) AS head
    ORDER BY head.due_at, head.id
    LIMIT %(limit)s::bigint
), chosen AS (
    SELECT id FROM callbacks_event
    WHERE id = ANY(ARRAY(SELECT id FROM candidate))
        AND COALESCE(acknowledged_at, given_up_at) IS NULL
        AND due_at <= statement_timestamp()
        AND COALESCE(leased_until, '-infinity') <= statement_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE callbacks_event
    SET leased_until = statement_timestamp() + %(lease)s::interval
    WHERE id = ANY(ARRAY(SELECT id FROM chosen))
    RETURNING *
)
SELECT {COLUMNS}, {STATES}, event.connection_id, event.leased_until, event.attempts,
    candidate.url, candidate.sealed_secret
FROM taken AS event JOIN candidate ON candidate.id = event.id {PLACE}
ORDER BY event.due_at, event.id
"""


def claim(
    limit: int, *, several: Collection[int] = (), left_out: Collection[int] = ()
) -> list[Claim]:
    """Claim events whose turn it is, oldest first, in one statement.

    Args:
        limit: How many at most.
        several: Connections that may have several events on their way; others, one.
        left_out: Connections that get nothing now.
    """
    values: dict[str, Any] = {
        "limit": limit,
        "in_flight": settings.CALLBACK_IN_FLIGHT,
        "several": list(several),
        "left_out": list(left_out),
        "lease": timedelta(seconds=settings.CALLBACK_LEASE_SECONDS),
    }
    with database.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        rows = cursor.fetchall()
    width = len(EventRow._fields)
    return [
        Claim(
            EventRow(*row[:width]),
            connection_id=row[width],
            leased_until=row[width + 1],
            attempts=row[width + 2],
            url=row[width + 3],
            sealed_secret=row[width + 4],
        )
        for row in rows
    ]


# --- what became of it --------------------------------------------------------------

# Only while the lease is ours. A client may have acknowledged it by itself meanwhile: then
# the event is done, whatever became of this try.
_SETTLE = """
UPDATE callbacks_event SET
    leased_until = NULL,
    attempts = attempts + %(counts)s::integer,
    acknowledged_at = CASE WHEN %(done)s AND acknowledged_at IS NULL
        THEN clock_timestamp() ELSE acknowledged_at END,
    given_up_at = CASE WHEN %(given_up)s AND acknowledged_at IS NULL
        THEN clock_timestamp() END,
    due_at = CASE WHEN %(wait)s::interval IS NULL THEN due_at
        ELSE clock_timestamp() + %(wait)s::interval END
WHERE account_id = %(account)s AND id = %(event)s AND leased_until = %(lease)s
RETURNING acknowledged_at IS NOT NULL OR given_up_at IS NOT NULL
"""

# The later events of a resource whose first one waits would all be looked at, in vain, each
# time a worker comes by. So they wait as long.
_HOLD_LATER = """
UPDATE callbacks_event AS later SET due_at = head.due_at
FROM callbacks_event AS head
WHERE head.account_id = %(account)s AND head.id = %(event)s
    AND later.account_id = head.account_id AND later.connection_id = head.connection_id
    AND later.resource_type = head.resource_type AND later.resource_id = head.resource_id
    AND later.version > head.version AND later.due_at < head.due_at
    AND later.acknowledged_at IS NULL AND later.given_up_at IS NULL
"""

# The next one only: the one behind it has its turn when that is done.
_FREE_NEXT = """
UPDATE callbacks_event SET due_at = clock_timestamp()
WHERE account_id = %(account)s AND attempts = 0 AND due_at > clock_timestamp() AND id IN (
    SELECT next.id
    FROM callbacks_event AS done CROSS JOIN LATERAL (
        SELECT id FROM callbacks_event AS undone
        WHERE undone.account_id = done.account_id
            AND undone.connection_id = done.connection_id
            AND undone.resource_type = done.resource_type
            AND undone.resource_id = done.resource_id
            AND undone.acknowledged_at IS NULL AND undone.given_up_at IS NULL
        ORDER BY undone.version LIMIT 1
    ) AS next
    WHERE done.account_id = %(account)s AND done.id = ANY(%(events)s)
)
"""


def settle(claim: Claim, outcome: Outcome) -> bool:
    """Write down what became of a claimed event; return False where the lease was lost.

    Not acknowledged, it is due again after a wait that grows from try to try; after the
    last it is given up, kept for replay, and the next event of the resource goes on.
    """
    waits = settings.CALLBACK_RETRY_SECONDS
    done = outcome.is_acknowledgement
    given_up = not done and claim.attempts >= len(waits)
    wait = None if done or given_up else waits[claim.attempts]
    with transaction.atomic():
        _note(claim, outcome)
        return _finish(claim, counts=1, done=done, given_up=given_up, wait=wait)


def hand_back(claim: Claim) -> bool:
    """Give a claimed event back, due at once, as if nobody had tried it."""
    with transaction.atomic():
        return _finish(claim, counts=0, done=False, given_up=False, wait=0.0)


def _finish(claim: Claim, *, counts: int, done: bool, given_up: bool, wait: float | None) -> bool:
    values: dict[str, Any] = {
        "account": claim.event.account_id,
        "event": claim.event.id,
        "lease": claim.leased_until,
        "counts": counts,
        "done": done,
        "given_up": given_up,
        "wait": None if wait is None else timedelta(seconds=wait),
    }
    with database.cursor() as cursor:
        cursor.execute(_SETTLE, values)
        row = cursor.fetchone()
        if row is None:
            return False
        if row[0]:
            free_next(claim.event.account_id, [claim.event.id])
        elif wait:
            cursor.execute(_HOLD_LATER, values)
    return True


def free_next(account_id: int, event_ids: Iterable[int]) -> None:
    """Let the next event of each resource go at once, now that these are done."""
    with database.cursor() as cursor:
        cursor.execute(_FREE_NEXT, {"account": account_id, "events": list(event_ids)})


_NOTE = """
INSERT INTO callbacks_deliveryattempt
    (account_id, event_id, started_at, duration_ms, status, error)
SELECT account_id, id, clock_timestamp() - %(took)s::interval, %(duration)s::integer,
    %(status)s::smallint, %(error)s
FROM callbacks_event WHERE account_id = %(account)s AND id = %(event)s
"""


def _note(claim: Claim, outcome: Outcome) -> None:
    values: dict[str, Any] = {
        "account": claim.event.account_id,
        "event": claim.event.id,
        "took": timedelta(seconds=outcome.seconds),
        "duration": int(outcome.seconds * 1000),
        "status": outcome.status,
        "error": outcome.error,
    }
    with database.cursor() as cursor:
        cursor.execute(_NOTE, values)


# --- events that nobody sends -------------------------------------------------------

# An event recorded while its callback got a URL may have missed it.
_FIND_MISSED = """
UPDATE callbacks_event AS event SET due_at = clock_timestamp()
FROM callbacks_callback AS callback
WHERE callback.url IS NOT NULL
    AND event.account_id = callback.account_id AND event.connection_id = callback.connection_id
    AND event.acknowledged_at IS NULL AND event.given_up_at IS NULL AND event.due_at IS NULL
"""


def find_missed() -> int:
    """Make due what was recorded for a callback just before it got its URL; return how many."""
    with database.cursor() as cursor:
        cursor.execute(_FIND_MISSED)
        return int(cursor.rowcount)
