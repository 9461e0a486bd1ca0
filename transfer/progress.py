"""How far a job is, for its page."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from hubcustomers.progress import in_words
from transfer.models import Job, State


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
            "left": in_words(max(0, job.total - job.done) / rate),
        }
        text = _("%(text)s, %(rate)s a second, %(left)s left") % values
    return Pace(percent, short, text)


def _rate(job: Job) -> float:
    if not isinstance(job.started_at, datetime):
        return 0.0
    seconds = (timezone.now() - job.started_at).total_seconds()
    return job.done / seconds if seconds > 0 else 0.0
