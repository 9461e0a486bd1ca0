"""What the hub counts of itself, and the page that tells it in Prometheus' text form.

Counted only where ``HUB_METRICS_TOKEN`` is set. What every process sees for itself (requests,
deliveries, pools) is counted in ``shared.py``; what the database knows (depth of the outbox,
jobs that wait, operations) is asked at each scrape, at most once in some seconds.
"""

import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from hubcustomers.observing.logs import plainly
from hubcustomers.observing.shared import Series, SharedNumbers, Sums

logger = logging.getLogger(__name__)

# Upper bounds in seconds: a warm read takes 1 ms, statement_timeout ends at 5 s.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0)
# A histogram's row: one place for each bucket, one for what is above, one for the sum.
_ABOVE, _SUM = len(BUCKETS), len(BUCKETS) + 1
_WIDTH = len(BUCKETS) + 2
_SAMPLE_SECONDS = 2.0
_ASK_SECONDS = 5.0

_HELP = {
    "hub_http_requests_total": "Answers by route, method and class of status.",
    "hub_http_request_seconds": "Time to answer, streamed bodies left out.",
    "hub_deliveries_total": "Tries to deliver an event, by outcome.",
    "hub_delivery_seconds": "Time that a receiver took to answer.",
    "hub_jobs_ended_total": "Background jobs that a worker ended, by kind and state.",
    "hub_pool_size": "Connections to the database that the web processes of this machine keep.",
    "hub_pool_available": "Those of them that nobody uses.",
    "hub_pool_waiting": "Requests that wait for a connection.",
    "hub_web_processes": "Web processes of this machine that have answered requests.",
}


class Gauge(NamedTuple):
    """A number that the database knows.

    Attributes:
        name: The metric.
        help: What it tells, in a sentence.
        type: ``gauge`` or ``counter``.
        value: The number.
        labels: What tells it from others of that name.
    """

    name: str
    help: str
    type: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


numbers = SharedNumbers(settings.METRICS_DIR)
is_on = bool(settings.METRICS_TOKEN)
_asked: list[Callable[[Any], Iterable[Gauge]]] = []
_requests: dict[tuple[str, str, int], int] = {}
_sampler: threading.Thread | None = None


def register_gauges(ask: Callable[[Any], Iterable[Gauge]]) -> None:
    """Have the function ask the database at a scrape; it is given a cursor."""
    _asked.append(ask)


# --- counting -----------------------------------------------------------------------


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answer; about a microsecond."""
    key = (route, method, status // 100)
    start = _requests.get(key)
    if start is None:
        start = _requests[key] = _new_request(*key)
    view = numbers.view
    place = start + bisect_left(BUCKETS, seconds)
    with numbers.lock:
        view[place] += 1.0
        view[start + _SUM] += seconds


def _new_request(route: str, method: str, status: int) -> int:
    _start_sampler()
    labels = (("method", method), ("route", route), ("status", f"{status}xx"))
    return numbers.place(Series("hub_http_request_seconds", labels), _WIDTH)


def count(metric: str, **labels: str) -> None:
    """Add one to a counter."""
    if is_on:
        numbers.add(numbers.place(Series(metric, tuple(labels.items()))), 1.0)


def time_taken(metric: str, seconds: float) -> None:
    """Note how long something took, in a histogram."""
    if is_on:
        start = numbers.place(Series(metric, ()), _WIDTH)
        with numbers.lock:
            numbers.view[start + bisect_left(BUCKETS, seconds)] += 1.0
            numbers.view[start + _SUM] += seconds


# --- the pool, which only its own process can see -----------------------------------


def _start_sampler() -> None:
    global _sampler
    if _sampler is None:
        _sampler = threading.Thread(target=_sample_for_ever, daemon=True, name="metrics")
        _sampler.start()


def _sample_for_ever() -> None:
    while True:
        sample()
        time.sleep(_SAMPLE_SECONDS)


def sample() -> None:
    """Write down how this process' pool of connections is."""
    pool = connection.pool  # type: ignore[attr-defined]
    stats = {} if pool is None else pool.get_stats()
    gauges = {
        "hub_web_processes": 1,
        "hub_pool_size": stats.get("pool_size", 0),
        "hub_pool_available": stats.get("pool_available", 0),
        "hub_pool_waiting": stats.get("requests_waiting", 0),
    }
    for metric, value in gauges.items():
        start = numbers.place(Series(metric, ()), gauge=True)
        numbers.view[start] = float(value)


def _forget() -> None:
    global _sampler
    _sampler = None
    _requests.clear()
    numbers.forget()


os.register_at_fork(after_in_child=_forget)


# --- what the database knows --------------------------------------------------------

_last_asked: tuple[float, list[Gauge]] = (-_ASK_SECONDS, [])


def ask_database() -> list[Gauge]:
    """Return the registered numbers, at most some seconds old; none while it is away."""
    global _last_asked
    when, gauges = _last_asked
    if time.monotonic() - when < _ASK_SECONDS:
        return gauges
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '2s'")
            gauges = [gauge for ask in _asked for gauge in ask(cursor)]
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The database tells no metrics: %s", plainly(error))
        gauges = []
    _last_asked = (time.monotonic(), gauges)
    return gauges


# --- the page -----------------------------------------------------------------------


def exposition() -> str:
    """Return all metrics in Prometheus' text form."""
    sums = numbers.sums()
    asked = ask_database()
    parts = [*_requests_text(sums), *_counters_text(sums), *_gauges_text(sums), *_asked_text(asked)]
    return "\n".join(parts) + "\n"


def _head(metric: str, kind: str, text: str) -> str:
    return f"# HELP {metric} {text}\n# TYPE {metric} {kind}"


def _line(metric: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
    number = str(int(value)) if value == int(value) else repr(value)
    return f"{metric}{{{told}}} {number}" if told else f"{metric} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _histogram(metric: str, labels: tuple[tuple[str, str], ...], row: list[float]) -> Iterator[str]:
    total = 0.0
    for bound, seen in zip([*map(str, BUCKETS), "+Inf"], row[: _ABOVE + 1], strict=True):
        total += seen
        yield _line(f"{metric}_bucket", (*labels, ("le", bound)), total)
    yield _line(f"{metric}_sum", labels, row[_SUM])
    yield _line(f"{metric}_count", labels, total)


def _requests_text(sums: Sums) -> Iterator[str]:
    """Yield the answers by route, method and status, and their times by route and method."""
    found = {s: row for s, row in sums.counted.items() if s.metric == "hub_http_request_seconds"}
    yield _head("hub_http_requests_total", "counter", _HELP["hub_http_requests_total"])
    times = Sums()
    for series, row in sorted(found.items()):
        yield _line("hub_http_requests_total", series.labels, sum(row[: _ABOVE + 1]))
        times.add(Series(series.metric, series.labels[:2]), row)
    yield _head("hub_http_request_seconds", "histogram", _HELP["hub_http_request_seconds"])
    for series, row in sorted(times.counted.items()):
        yield from _histogram(*series, row)


def _counters_text(sums: Sums) -> Iterator[str]:
    last = "hub_http_request_seconds"
    for series, row in sorted(sums.counted.items()):
        if series.metric == "hub_http_request_seconds":
            continue
        is_histogram = len(row) == _WIDTH
        if series.metric != last:
            kind = "histogram" if is_histogram else "counter"
            yield _head(series.metric, kind, _HELP[series.metric])
            last = series.metric
        yield from _histogram(*series, row) if is_histogram else [_line(*series, row[0])]


def _gauges_text(sums: Sums) -> Iterator[str]:
    for series, row in sorted(sums.gauges.items()):
        yield _head(series.metric, "gauge", _HELP[series.metric])
        yield _line(*series, row[0])


def _asked_text(asked: list[Gauge]) -> Iterator[str]:
    last = ""
    for gauge in asked:
        if gauge.name != last:
            yield _head(gauge.name, gauge.type, gauge.help)
            last = gauge.name
        yield _line(gauge.name, gauge.labels, gauge.value)
