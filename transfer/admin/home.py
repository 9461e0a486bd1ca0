"""What the first page of the back-office tells of background jobs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hubcustomers.backoffice.attention import Line, register_attention
from hubcustomers.backoffice.display import change_url, short
from hubcustomers.backoffice.home import may
from transfer import jobs
from transfer.models import Job, State

# Jobs looked through, and lines at most.
_LATEST, _MOST = 200, 5


def find_jobs(request: HttpRequest, account: Any) -> Iterator[Line]:
    """Tell of the last week's jobs that failed, and of those that refused rows."""
    if not may(request, Job, "view", account):
        return
    since = timezone.now() - timedelta(days=7)
    told = 0
    for job in Job.objects.for_account(account).order_by("-pk")[:_LATEST]:
        text = _fault(job) if job.created_at >= since and told < _MOST else ""
        if text:
            told += 1
            yield Line(text, change_url(job), urgent=job.state == State.FAILED)


def _fault(job: Job) -> str:
    name = short(f"{jobs.title_of(job)} {job.title}".strip())
    if job.state == State.FAILED:
        return _("%s failed.") % name
    refused = job.counts.get("refused", 0)
    if job.state == State.DONE and refused:
        text = ngettext(
            "%(name)s refused %(count)d row.", "%(name)s refused %(count)d rows.", refused
        )
        return text % {"name": name, "count": refused}
    return ""


register_attention(find_jobs)
