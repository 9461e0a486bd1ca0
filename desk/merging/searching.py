"""The search for duplicates as a background job."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerList
from desk.merging.duplicates import REASONS, Search
from transfer import jobs
from transfer.models import ACTIVE, Job, State

KIND = "find_duplicates"


def register_search() -> None:
    """Have workers search lists for duplicates."""
    counted = {name: partial(_reason, name) for name in REASONS}
    jobs.register_kind(KIND, step_of_search, title=_("Search for duplicates"), counted=counted)


def _reason(name: str, _count: int) -> str:
    return str(REASONS[name])


@transaction.atomic
def queue_search(customer_list: CustomerList, *, user: Any) -> Job:
    """Have a worker search the list; where one is to do so already, return that job."""
    waiting = latest_search(customer_list, state__in=ACTIVE)
    if waiting is not None:
        return waiting
    return Job.objects.create(
        account_id=customer_list.account_id,
        customer_list=customer_list,
        kind=KIND,
        title=customer_list.name,
        state=State.QUEUED,
        user=user,
        user_name=user.get_username()[:255],
    )


def latest_search(customer_list: CustomerList, **conditions: Any) -> Job | None:
    """Return the latest search of the list under the conditions, None where there is none."""
    rows = Job.objects.for_account(customer_list.account_id).filter(
        customer_list=customer_list, kind=KIND, **conditions
    )
    found: Job | None = rows.order_by("-pk").first()
    return found


def step_of_search(job: Job) -> bool:
    """Do the next step; return whether there are more."""
    with transaction.atomic():
        jobs.hold(job)
        assert job.customer_list is not None
        if not job.checkpoint:
            begun = Search.begin(job.customer_list)
            job.checkpoint = {"began": begun.began.isoformat(), "buckets": begun.buckets}
            job.total = begun.steps
        began = datetime.fromisoformat(job.checkpoint["began"])
        begun = Search(job.customer_list, began, job.checkpoint["buckets"])
        reason, found = begun.do(job.done)
        if reason:
            job.counts[reason] = job.counts.get(reason, 0) + found
        job.done += 1
        jobs.save_progress(job)
        if job.done < begun.steps:
            return True
        jobs.finish(job)
    return False
