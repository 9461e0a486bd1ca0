"""Signs of life: a worker writes one every few seconds, and everybody can see who is at work."""

import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from hubcustomers.observing.metrics import Gauge

# The workers that every hub needs beside the web server.
KINDS = ("deliver_events", "run_jobs")
_BEAT_SECONDS = 10.0
# A worker may be busy with one step for a while; who is silent for longer is gone.
SILENT_SECONDS = 90.0
# Of workers that were killed, to be seen for a day.
_REMEMBERED = "1 day"

_BEAT = """
INSERT INTO hubcustomers_workerpulse (kind, token, host, pid)
VALUES (%(kind)s, %(token)s, %(host)s, %(pid)s)
ON CONFLICT (token) DO UPDATE SET seen_at = statement_timestamp()
"""
_BURY = f"""
DELETE FROM hubcustomers_workerpulse
WHERE kind = %(kind)s AND seen_at < statement_timestamp() - interval '{_REMEMBERED}'
"""
_SEEN = """
SELECT kind, host, pid, started_at, extract(epoch FROM statement_timestamp() - seen_at)::float8
FROM hubcustomers_workerpulse ORDER BY seen_at DESC
"""


class Seen(NamedTuple):
    """A worker that was seen: which, where, since when, and how many seconds ago."""

    kind: str
    host: str
    pid: int
    started_at: datetime
    seconds: float

    @property
    def is_alive(self) -> bool:
        """Tell whether it was seen lately."""
        return self.seconds < SILENT_SECONDS


class Pulse:
    """The sign of life of one worker; ``beat`` may be called as often as it comes by."""

    def __init__(self, kind: str) -> None:
        """Take the name of the command."""
        self._values: dict[str, Any] = {
            "kind": kind,
            "token": uuid.uuid4(),
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
        }
        self._next = 0.0
        self._was_seen = False

    def beat(self) -> None:
        """Say that the worker is at work, at most every few seconds.

        Raises:
            DatabaseError: The database is away.
        """
        if time.monotonic() < self._next:
            return
        with connection.cursor() as cursor:
            if not self._was_seen:
                cursor.execute(_BURY, self._values)
            cursor.execute(_BEAT, self._values)
        self._was_seen = True
        self._next = time.monotonic() + _BEAT_SECONDS

    def end(self) -> None:
        """Say that the worker has ended in good order.

        Raises:
            DatabaseError: The database is away.
        """
        if self._was_seen:
            with connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM hubcustomers_workerpulse WHERE token = %(token)s", self._values
                )


def worker_gauges(cursor: Any) -> Iterable[Gauge]:
    """Return how many workers of each kind are alive."""
    alive = Counter(worker.kind for worker in workers() if worker.is_alive)
    for kind in KINDS:
        text = "Worker processes that were seen lately."
        yield Gauge("hub_workers", text, "gauge", alive[kind], (("kind", kind),))


def workers(kind: str | None = None) -> list[Seen]:
    """Return the workers that were seen within a day, of one kind or of all, latest first."""
    with connection.cursor() as cursor:
        cursor.execute(_SEEN)
        seen = [Seen(*row) for row in cursor.fetchall()]
    return [worker for worker in seen if kind in {None, worker.kind}]
