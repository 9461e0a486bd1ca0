"""How far something long is: said by commands, and shown on the page of a job."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from transfer.models import Job, State


class Progress:
    """Writes rows done, the rate and the time left, once it takes longer than two seconds."""

    def __init__(self, stream: Any, total: int = 0, done: int = 0) -> None:
        """Take where to write, how many rows there are (0: unknown), and were done before."""
        self.stream, self.total = stream, total
        self._begin, self._before = time.monotonic(), done
        self._next = self._begin + 2

    def tell(self, done: int) -> None:
        """Take how many rows are done."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1
        rate = (done - self._before) / (now - self._begin)
        text = f"{done:,} rows, {rate:,.0f} a second"
        if self.total and rate:
            left = (self.total - done) / rate
            percent = 100 * done // self.total
            text = f"{percent} %, {done:,} of {self.total:,} rows, {rate:,.0f} a second,"
            text += f" {_time(left)} left"
        self.stream.write(text)


@dataclass(frozen=True)
class Pace:
    """How far a job is.

    Attributes:
        percent: 0 to 100; None where nobody knows how much there is to do.
        short: That in a few words.
        text: The same with the rate and the time left, while the job runs.
    """

    percent: int | None
    short: str
    text: str


def pace(job: Job) -> Pace:
    """Return how far the job is now."""
    done = number_format(job.done, force_grouping=True)
    if not job.total:
        return Pace(None, done, _("%s done") % done)
    total = number_format(job.total, force_grouping=True)
    percent = min(100, 100 * job.done // job.total)
    text = _("%(done)s of %(total)s") % {"done": done, "total": total}
    short = f"{text} ({percent} %)"
    rate = _rate(job)
    if job.state == State.RUNNING and rate:
        values = {
            "text": text,
            "rate": number_format(round(rate), force_grouping=True),
            "left": _time(max(0, job.total - job.done) / rate),
        }
        text = _("%(text)s, %(rate)s a second, %(left)s left") % values
    return Pace(percent, short, text)


def _rate(job: Job) -> float:
    if not isinstance(job.started_at, datetime):
        return 0.0
    seconds = (timezone.now() - job.started_at).total_seconds()
    return job.done / seconds if seconds > 0 else 0.0


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
