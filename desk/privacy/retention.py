"""Retention: how long customers without a sign of life are kept, previewed and then applied.

A preview and a run are background jobs that walk the lists window by window. Both carry a
plan: for each list how many months, by which sign, and the moment that follows from it; a
run takes the plan of the preview that was looked at.
"""

import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from customers.models import Customer, CustomerList
from desk import inactive
from desk.inactive import Rule, Window
from desk.privacy.models import RetentionRule
from transfer import jobs
from transfer.models import Job, State

PREVIEW = "retention preview"
RUN = "retention"
COUNTED: jobs.Counted = {
    "anonymised": lambda count: ngettext("customer anonymised", "customers anonymised", count)
}
# So long a step walks before it notes how far it is.
_STEP_SECONDS = 5.0
_SAMPLES = 3
# An older preview is made anew before anybody is anonymised by it.
VALID_FOR = timedelta(days=1)


def register_retention() -> None:
    """Have workers make previews, and apply them."""
    jobs.register_kind(PREVIEW, step_of_preview, title=_("Retention preview"), officers=True)
    jobs.register_kind(RUN, step_of_run, title=_("Retention"), counted=COUNTED, officers=True)


# --- which lists ------------------------------------------------------------------------


class Planned(NamedTuple):
    """One list of a plan; ``cutoff`` is a time in ISO 8601."""

    list_id: int
    months: int
    by: str
    cutoff: str


def lists_of(rule: RetentionRule) -> list[CustomerList]:
    """Return the lists that the rule is for."""
    rows = CustomerList.objects.for_account(rule.account_id).order_by("pk")
    if rule.customer_list_id is not None:
        return list(rows.filter(pk=rule.customer_list_id))
    own = RetentionRule.objects.for_account(rule.account_id).exclude(customer_list=None)
    return list(rows.exclude(pk__in=list(own.values_list("customer_list_id", flat=True))))


def rule_for(customer_list: CustomerList) -> RetentionRule | None:
    """Return the rule of the list: its own, else that of the account."""
    rows = RetentionRule.objects.for_account(customer_list.account_id)
    own = rows.filter(customer_list=customer_list).first()
    found: RetentionRule | None = own or rows.filter(customer_list=None).first()
    return found


# --- jobs -------------------------------------------------------------------------------


def start_preview(rule: RetentionRule, *, user: Any) -> Job:
    """Queue the counting of whom the rule would anonymise."""
    return _queue(PREVIEW, rule, _plan_of(rule), user)


@transaction.atomic
def start_run(rule: RetentionRule, preview: Job, *, user: Any) -> Job:
    """Queue the anonymising of those whom the preview counted and who are silent still.

    Raises:
        ValidationError: The rules are not what they were when the preview was made.
    """
    # Every rule of the account: one of a list's own takes the list away from the account's.
    rules = RetentionRule.objects.for_account(rule.account_id).order_by("pk").select_for_update()
    current = next((one for one in rules if one.pk == rule.pk), None)
    if current is None or not _is_of(preview, current):
        raise ValidationError(_("The rules were changed since the preview. Make another one."))
    plan = [Planned(*one) for one in preview.options["plan"]]
    return _queue(RUN, rule, plan, user)


def _plan_of(rule: RetentionRule) -> list[Planned]:
    cutoff = inactive.cutoff_of(rule.months).isoformat()
    return [Planned(one.pk, rule.months, rule.by, cutoff) for one in lists_of(rule)]


def _is_of(preview: Job, rule: RetentionRule) -> bool:
    """Return whether the rule says of each list what it said for the preview."""
    then = {Planned(*one)[:3] for one in preview.options["plan"]}
    return then <= {one[:3] for one in _plan_of(rule)}


def _queue(kind: str, rule: RetentionRule, plan: list[Planned], user: Any) -> Job:
    numbers = [one.list_id for one in plan]
    customers = Customer.objects.for_account(rule.account_id).filter(customer_list__in=numbers)
    return Job.objects.create(
        account_id=rule.account_id,
        customer_list_id=rule.customer_list_id,
        kind=kind,
        title="",
        state=State.QUEUED,
        total=customers.count(),
        options={"rule": rule.pk, "plan": [list(one) for one in plan]},
        user=user,
        user_name=user.get_username()[:255],
    )


def latest_preview(rule: RetentionRule) -> Job | None:
    """Return the last preview of the rule that is done and not too old; None without one.

    None as well where the rules say something else by now, or of other lists.
    """
    rows = Job.objects.for_account(rule.account_id).filter(
        kind=PREVIEW,
        state=State.DONE,
        options__rule=rule.pk,
        finished_at__gt=timezone.now() - VALID_FOR,
    )
    found: Job | None = rows.order_by("-pk").first()
    return found if found is not None and _is_of(found, rule) else None


def counted(preview: Job) -> dict[int, dict[str, int]]:
    """Return how many would be anonymised, by list and month."""
    return {int(key): months for key, months in preview.checkpoint.get("months", {}).items()}


def samples(preview: Job) -> list[int]:
    """Return a few of the customers."""
    return [number for some in preview.checkpoint.get("samples", {}).values() for number in some]


# --- steps ------------------------------------------------------------------------------


def step_of_preview(job: Job) -> bool:
    """Count on for a while; return whether there is more."""
    zones = _zones(job)
    deadline = time.monotonic() + _STEP_SECONDS
    while (place := _next(job)) is not None:
        planned, rule, window = place
        key = str(planned.list_id)
        zone = zones.get(planned.list_id, "UTC")
        months = job.checkpoint.setdefault("months", {}).setdefault(key, {})
        some = job.checkpoint.setdefault("samples", {}).setdefault(key, [])
        for month in inactive.count_by_month(rule, _cutoff(planned), window, zone=zone):
            months[month.month] = months.get(month.month, 0) + month.count
            some += month.samples[: _SAMPLES - len(some)]
        _pass(job, window)
        if time.monotonic() > deadline:
            break
    return _note(job, ended=place is None)


def step_of_run(job: Job) -> bool:
    """Anonymise on for a while; return whether there is more."""
    deadline = time.monotonic() + _STEP_SECONDS
    while (place := _next(job)) is not None:
        planned, rule, window = place
        ids = inactive.silent_in(rule, _cutoff(planned), window)
        _anonymise(job, rule, _cutoff(planned), ids)
        _pass(job, window)
        if time.monotonic() > deadline:
            break
    return _note(job, ended=place is None)


def _anonymise(job: Job, rule: Rule, cutoff: datetime, ids: list[int]) -> None:
    so_far = job.counts.get("anonymised", 0)
    # Who began it may be gone meanwhile.
    user = get_user_model().objects.filter(pk=job.user_id or 0).first()

    def beside(count: int) -> None:
        # In the transaction of the batch: who lost the job to another worker undoes it.
        jobs.hold(job)
        job.counts = {"anonymised": so_far + count}
        jobs.save_progress(job)

    for count in inactive.anonymise(rule, cutoff, ids, user=user, beside=beside):
        so_far += count


def _next(job: Job) -> tuple[Planned, Rule, Window] | None:
    """Return where the job goes on, None at the end of its last list."""
    plan = [Planned(*one) for one in job.options["plan"]]
    while (number := job.checkpoint.get("number", 0)) < len(plan):
        planned = plan[number]
        rule = Rule(job.account_id, planned.list_id, planned.months, planned.by)
        window = inactive.next_window(rule, job.checkpoint.get("after", 0))
        if window is not None:
            return planned, rule, window
        job.checkpoint.update(number=number + 1, after=0)
    return None


def _pass(job: Job, window: Window) -> None:
    job.checkpoint["after"] = window.last
    job.done += window.looked


@transaction.atomic
def _note(job: Job, *, ended: bool) -> bool:
    jobs.hold(job)
    jobs.save_progress(job)
    if ended:
        jobs.finish(job)
    return not ended


def _cutoff(planned: Planned) -> datetime:
    return datetime.fromisoformat(planned.cutoff)


def _zones(job: Job) -> dict[int, str]:
    rows = CustomerList.objects.for_account(job.account_id).select_related("location", "account")
    return {one.pk: (one.location or one.account).timezone for one in rows}
