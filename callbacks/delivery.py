"""The worker that sends events to their receivers (companion, 9).

One dispatcher claims events whose turn it is; each is sent by a thread of its own, outside
any transaction, and settled. Any number of such workers may run side by side.

The dispatcher looks for events a few times a second while it is idle. A NOTIFY from each
change would wake it at once, but PostgreSQL lets transactions that notify commit only one
after the other, and it is the tills that would wait for each other.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection as database

from callbacks import claims
from callbacks.claims import Claim
from callbacks.sending import Delivery, Outcome
from callbacks.serializers import represent_event_with_states
from hubcustomers import exact_json
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.encryption import decrypt
from hubcustomers.observing import metrics
from hubcustomers.observing.logs import lines_about, plainly
from hubcustomers.observing.pulse import Pulse
from hubcustomers.public_ids import event_ids

logger = logging.getLogger(__name__)

_SLOW_SECONDS = 5.0
_SWEEP_SECONDS = 30.0
_PAUSE_SECONDS = 1.0
# How long threads that were cut off may take to give their events back.
_FAREWELL_SECONDS = 3.0
_AWAY = (DatabaseTrouble, EmbeddedPostgresError)


class Standing:
    """How each receiver did the last time, so that a bad one holds up only itself.

    Who answered well and quickly gets several events at once; all others get one at a time,
    and those that failed or were slow together never more than half of the threads.
    """

    def __init__(self, threads: int) -> None:
        """Take the number of threads."""
        self._threads = threads
        self._lock = threading.Lock()
        self._was_good: dict[int, bool] = {}

    def note(self, connection_id: int, outcome: Outcome) -> None:
        """Remember how a receiver did."""
        good = outcome.is_acknowledgement and outcome.seconds < _SLOW_SECONDS
        with self._lock:
            self._was_good[connection_id] = good

    def good(self) -> list[int]:
        """Return the connections that may have several events on their way."""
        return self._those(good=True)

    def left_out(self, busy: list[int]) -> list[int]:
        """Return the connections that must wait now, given those with an event on its way."""
        bad = self._those(good=False)
        room = max(1, self._threads // 2) - sum(number in set(bad) for number in busy)
        random.shuffle(bad)
        return bad[max(0, room) :]

    def _those(self, *, good: bool) -> list[int]:
        with self._lock:
            return [number for number, was_good in self._was_good.items() if was_good is good]


class Worker:
    """Delivers what is due, until it is told to stop."""

    def __init__(self, threads: int | None = None) -> None:
        """Take how many events to send at once."""
        self.threads = threads or settings.CALLBACK_WORKERS
        self._standing = Standing(self.threads)
        self._lock = threading.Lock()
        # The connection of each event on its way, and how to cut its line.
        self._on_the_way: dict[Claim, Delivery | None] = {}
        self._wake = threading.Event()
        # Plain flags, because signal handlers set them: an Event has a lock, and the handler
        # may interrupt the very thread that holds it.
        self._is_stopping = False
        self._is_over = False
        self._next_sweep = 0.0
        self._pulse = Pulse("deliver_events")
        self._poll_seconds = settings.CALLBACK_POLL_SECONDS

    def stop(self) -> None:
        """Claim nothing more and finish soon, at once if asked again; for signal handlers."""
        self._is_over = self._is_stopping
        self._is_stopping = True

    def run(self, *, once: bool = False) -> None:
        """Deliver what is due.

        Args:
            once: Return as soon as nothing is due any more; failures of the database are
                raised then.
        """
        try:
            while not self._is_stopping:
                was_idle = not self._on_the_way
                started = self._start_some(patient=not once)
                if once and was_idle and not started:
                    break
                if not started:
                    self._rest(self._poll_seconds)
        finally:
            self._finish()

    def _start_some(self, *, patient: bool) -> int:
        """Claim events for the free threads and start sending them; return how many."""
        with self._lock:
            busy = [claim.connection_id for claim in self._on_the_way]
        free = self.threads - len(busy)
        if not free:
            return 0
        begin = time.monotonic()
        try:
            self._pulse.beat()
            self._sweep()
            claimed = claims.claim(
                free, several=self._standing.good(), left_out=self._standing.left_out(busy)
            )
        except _AWAY as trouble:
            if not patient:
                raise
            logger.warning("Events wait, the database is away: %s", plainly(trouble))
            _forget_broken_connection()
            self._poll_seconds = _PAUSE_SECONDS
            return 0
        # However many connections there are to look through, looking costs a twentieth.
        took = time.monotonic() - begin
        self._poll_seconds = max(settings.CALLBACK_POLL_SECONDS, 20 * took)
        for claim in claimed:
            with self._lock:
                self._on_the_way[claim] = None
            name = f"event {claim.event.id}"
            threading.Thread(
                target=self._deliver, args=(claim, begin), daemon=True, name=name
            ).start()
        return len(claimed)

    def _rest(self, seconds: float) -> None:
        """Wait until something was settled, or that long; notice a stop soon."""
        deadline = time.monotonic() + seconds
        while not self._is_stopping and (left := deadline - time.monotonic()) > 0:
            if self._wake.wait(min(left, settings.CALLBACK_POLL_SECONDS)):
                break
        self._wake.clear()

    def _sweep(self) -> None:
        if time.monotonic() >= self._next_sweep:
            claims.find_missed()
            self._next_sweep = time.monotonic() + _SWEEP_SECONDS

    # --- in a thread of its own ------------------------------------------------------

    def _deliver(self, claim: Claim, claimed_at: float) -> None:
        with lines_about(f"event-{event_ids.encode(claim.event.id)}"):
            self._deliver_claimed(claim, claimed_at)

    def _deliver_claimed(self, claim: Claim, claimed_at: float) -> None:
        lease_ends = claimed_at + settings.CALLBACK_LEASE_SECONDS
        try:
            latest_start = lease_ends - settings.CALLBACK_DEADLINE_SECONDS
            if time.monotonic() > latest_start:
                # This machine slept: another worker may have the event before we are done.
                self._surely(lambda: claims.hand_back(claim), until=lease_ends)
                return
            outcome = self._send(claim)
            self._standing.note(claim.connection_id, outcome)
            _count(claim, outcome)
            if outcome.was_cut:
                self._surely(lambda: claims.hand_back(claim), until=lease_ends)
            else:
                self._surely(lambda: claims.settle(claim, outcome), until=lease_ends)
        except Exception:
            # The lease ends by itself, and then the event has its turn again.
            logger.exception("Event %s could not be settled", claim.event.id)
        finally:
            database.close()
            with self._lock:
                del self._on_the_way[claim]
            self._wake.set()

    def _send(self, claim: Claim) -> Outcome:
        try:
            body = exact_json.dumps(represent_event_with_states(claim.event))
            delivery = Delivery(claim.url, body, secret=decrypt(claim.sealed_secret))
        except Exception as failure:
            # Nobody can send it, now or later: let it count its tries and be given up.
            logger.exception("Event %s could not be written", claim.event.id)
            return Outcome(None, f"could not be written: {type(failure).__name__}", 0.0)
        with self._lock:
            self._on_the_way[claim] = delivery
        if self._is_over:
            delivery.cut()
        return delivery.send()

    def _surely(self, write: Callable[[], bool], *, until: float) -> None:
        """Write down what became of an event, while that is still ours to say."""
        while True:
            try:
                if not write():
                    logger.warning("An event's lease was lost before it was settled")
                return
            except _AWAY as trouble:
                if self._is_over or time.monotonic() > until:
                    raise
                logger.warning("An event cannot be settled yet: %s", plainly(trouble))
                _forget_broken_connection()
                time.sleep(_PAUSE_SECONDS)

    # --- the end ---------------------------------------------------------------------

    def _finish(self) -> None:
        """Let what is on its way arrive; cut off what takes too long and give it back."""
        self._wait_for_rest(settings.CALLBACK_STOP_SECONDS)
        self._is_over = True
        with self._lock:
            rest = [delivery for delivery in self._on_the_way.values() if delivery]
        for delivery in rest:
            delivery.cut()
        self._wait_for_rest(_FAREWELL_SECONDS)
        with contextlib.suppress(*_AWAY):
            self._pulse.end()
        database.close()

    def _wait_for_rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        was_over = self._is_over
        while self._on_the_way and time.monotonic() < deadline and self._is_over == was_over:
            self._wake.wait(0.05)
            self._wake.clear()


def _count(claim: Claim, outcome: Outcome) -> None:
    """Count a try, and write a line about it."""
    word = "cut" if outcome.was_cut else "acknowledged" if outcome.is_acknowledgement else "failed"
    metrics.count("hub_deliveries_total", outcome=word)
    metrics.time_taken("hub_delivery_seconds", outcome.seconds)
    fields = {
        "outcome": word,
        "status": outcome.status,
        "ms": round(outcome.seconds * 1000, 1),
        "connection": claim.connection_id,
        "try": claim.attempts + 1,
    }
    logger.info("delivery", extra={"fields": fields})


def _forget_broken_connection() -> None:
    """Give this thread's connection back; the next one is looked at before it is used."""
    database.close()
