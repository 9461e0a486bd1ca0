"""How often one connection may call, in each worker process (companion, section 2).

The counts are kept in memory: a limit that asked a database or a cache would cost each call
more than what it saves. With several workers a connection gets up to that many times as much.
"""

import math
import time
from collections.abc import Callable, Hashable
from threading import Lock

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed, Throttled

from hubcustomers.client_address import client_address, network_of

# More callers than this at once, and those that are not short of anything are forgotten.
_MOST = 10_000


class TooManyRequests(Throttled):
    """The caller has to wait; ``wait`` says how many seconds."""

    default_detail = "Too many requests."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class Limit:
    """So many calls a minute, and so many at once before that counts.

    A token bucket of which only the moment is kept when it will be full again: one number
    for each caller.
    """

    def __init__(
        self, *, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the rate, and how many calls may come at once after a pause."""
        self._clock = clock
        self._interval = 60 / per_minute
        self._room = self._interval * burst
        self._full_at: dict[Hashable, float] = {}
        self._lock = Lock()

    def take(self, caller: Hashable) -> None:
        """Count one call.

        Raises:
            TooManyRequests: It is one too many; it does not count.
        """
        now = self._clock()
        with self._lock:
            full_at = max(self._full_at.get(caller, now), now) + self._interval
            wait = full_at - now - self._room
            # What a float loses must not refuse the last call of a burst.
            if wait > 1e-6:
                raise TooManyRequests(math.ceil(wait))
            self._full_at[caller] = full_at
            if len(self._full_at) > _MOST:
                self._forget(now)

    def _forget(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        # All of them are busy: the newest are forgotten last.
        for caller in list(self._full_at)[: max(len(self._full_at) - _MOST // 2, 0)]:
            del self._full_at[caller]


def _limit(per_minute: int, burst: int) -> Limit | None:
    # Ten seconds' worth at once, where nothing else is said.
    return Limit(per_minute=per_minute, burst=burst or -(-per_minute // 6)) if per_minute else None


calls = _limit(settings.RATE_PER_MINUTE, settings.RATE_BURST)
refusals = _limit(settings.REFUSED_PER_MINUTE, settings.REFUSED_PER_MINUTE)


def count_call(connection_id: int) -> None:
    """Count a call of the connection, where calls are limited.

    Raises:
        TooManyRequests: It is one too many.
    """
    if calls is not None:
        calls.take(connection_id)


def count_refusal(request: HttpRequest, error: AuthenticationFailed) -> Exception:
    """Return what to answer to wrong credentials, counted by where they came from.

    Whoever has the right ones is never asked to wait by this, not even behind one address
    with somebody who tries others.
    """
    address = client_address(request)
    if refusals is None or not address:
        return error
    try:
        refusals.take(network_of(address))
    except TooManyRequests as too_many:
        return too_many
    return error
