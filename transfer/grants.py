"""Bulk grants: the same points for many cards, once for each, whatever happens to a worker.

The cards are written down when the grant is confirmed. A worker then posts to them batch by
batch; each batch is one transaction with the marks of its cards and the job's checkpoint.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty import ledger
from loyalty.ledger import Movement
from loyalty.models import LoyaltyCard, LoyaltyOperation
from transfer import jobs
from transfer.models import ACTIVE, GrantedCard, Job, State

GRANT, VOID = "grant", "void_grant"
# With listeners each card costs several statements, and holds its customer meanwhile.
BATCH_CARDS, BATCH_CARDS_HEARD = 1000, 100
# Grants of these states have an end, so that they can be voided.
ENDED = (State.DONE, State.CANCELLED, State.FAILED)
COUNTED: jobs.Counted = {
    "granted": lambda count: ngettext("card got the points", "cards got the points", count),
    "refused": lambda count: ngettext(
        "card could not take them", "cards could not take them", count
    ),
    "gone": lambda count: ngettext(
        "card was gone, or joined into another", "cards were gone, or joined into others", count
    ),
}
COUNTED_VOIDS: jobs.Counted = {
    "voided": lambda count: ngettext("operation voided", "operations voided", count),
    "skipped": lambda count: ngettext(
        "operation left: voided before, or the card could not take it",
        "operations left: voided before, or the card could not take it",
        count,
    ),
}


@dataclass(frozen=True)
class Grant:
    """What is granted.

    Attributes:
        account_id: The account of all the cards.
        points: How many each card gets; more than 0.
        reason: Sentence that the customers read.
        card_name: The scheme of the cards.
        filters: What was asked for, each as title and value in words; nothing of a person.
    """

    account_id: int
    points: Decimal
    reason: str
    card_name: str
    filters: list[list[str]]


def register_grants() -> None:
    """Have workers grant points, and void grants."""
    jobs.register_kind(GRANT, step_of_grant, title=_("Grant of points"), counted=COUNTED)
    jobs.register_kind(VOID, step_of_void, title=_("Void of a grant"), counted=COUNTED_VOIDS)


def cards_of(customers: QuerySet[Any], account_id: int, card_name: str) -> QuerySet[Any]:
    """Return the customers' cards of that scheme."""
    # As a join from the customer, so that PostgreSQL may begin with either.
    mine = customers.order_by().filter(account_id=account_id, pk=OuterRef("customer_id"))
    rows = LoyaltyCard.objects.for_account(account_id).filter(name=card_name)
    return rows.filter(Exists(mine))


@transaction.atomic
def start(cards: QuerySet[Any], grant: Grant, *, expected: int, user: Any) -> Job:
    """Write down the cards, and queue the grant.

    Args:
        cards: What ``cards_of`` returned.
        grant: What each of them gets.
        expected: How many cards the user saw and confirmed.
        user: Who grants.

    Raises:
        ValidationError: They are not as many any more; nothing is kept.
    """
    jobs.let_take_time()
    job = Job.objects.create(
        account_id=grant.account_id,
        kind=GRANT,
        title=grant.reason[:255],
        user=user,
        user_name=user.get_username()[:255],
        options={
            "points": str(grant.points),
            "reason": grant.reason,
            "card_name": grant.card_name,
            "filters": grant.filters,
        },
    )
    job.total = _write_down(job, cards)
    if job.total != expected:
        text = ngettext(
            "There is %d card now. Look again before you grant.",
            "There are %d cards now. Look again before you grant.",
            job.total,
        )
        raise ValidationError(text % job.total)
    job.save(update_fields=["total"])
    jobs.start(job)
    return job


def _write_down(job: Job, cards: QuerySet[Any]) -> int:
    try:
        sql, values = cards.order_by().values_list("pk").query.sql_with_params()
    except EmptyResultSet:
        # A search that found nobody.
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO transfer_grantedcard (account_id, job_id, card_id)"
            f" SELECT %s::bigint, %s::bigint, found.card FROM ({sql}) AS found (card)",
            [job.account_id, job.pk, *values],
        )
        return int(cursor.rowcount)


@transaction.atomic
def start_void(grant: Job, *, reason: str, user: Any) -> Job:
    """Queue the void of everything that a grant posted.

    Raises:
        ValidationError: It goes on yet, or is being voided already.
    """
    # Two who press the button at once wait here for each other.
    state = Job.objects.select_for_update().values_list("state", flat=True).get(pk=grant.pk)
    if state not in ENDED:
        raise ValidationError(_("The grant is not over yet. Cancel it first."))
    if voids_of(grant).filter(state__in=ACTIVE).exists():
        raise ValidationError(_("The grant is being voided already."))
    job = Job.objects.create(
        account_id=grant.account_id,
        kind=VOID,
        title=reason[:255],
        user=user,
        user_name=user.get_username()[:255],
        total=grant.counts.get("granted", 0),
        options={"grant": grant.pk, "reason": reason},
    )
    jobs.start(job)
    return job


def voids_of(grant: Job) -> QuerySet[Any]:
    """Return the jobs that void the grant."""
    rows = Job.objects.for_account(grant.account_id).filter(kind=VOID)
    return rows.filter(options__grant=grant.pk)


def left_out(grant: Job) -> QuerySet[Any]:
    """Return the cards behind which the grant is and that did not get the points."""
    rows = GrantedCard.objects.for_account(grant.account_id).filter(job=grant, operation_id=None)
    return rows.filter(card_id__lte=grant.checkpoint.get("card", 0)).order_by("card_id")


# --- what workers do --------------------------------------------------------------------


def step_of_grant(job: Job) -> bool:
    """Post to the next cards; return whether there are more."""
    points = Decimal(job.options["points"])
    with transaction.atomic():
        jobs.hold(job)
        cards = [card for card, _operation in _next(job, of=job.pk)]
        if not cards:
            jobs.finish(job)
            return False
        posted = ledger.post_to_many(
            [Movement(card, points) for card in cards],
            account_id=job.account_id,
            reason=job.options["reason"],
        )
        _mark(job, posted)
        there = LoyaltyCard.objects.for_account(job.account_id).filter(pk__in=cards).count()
        counted = {
            "granted": len(posted),
            "refused": there - len(posted),
            "gone": len(cards) - there,
        }
        _save(job, cards, counted)
    return True


def step_of_void(job: Job) -> bool:
    """Post the opposites of the next operations; return whether there are more."""
    with transaction.atomic():
        jobs.hold(job)
        marked = [(card, one) for card, one in _next(job, of=job.options["grant"], posted=True)]
        if not marked:
            jobs.finish(job)
            return False
        rows = LoyaltyOperation.objects.for_account(job.account_id)
        deltas = dict(rows.filter(pk__in=[one for _card, one in marked]).values_list("pk", "delta"))
        posted = ledger.post_to_many(
            # copy_negate, because a plain minus rounds to the context's digits.
            [
                Movement(card, deltas[one].copy_negate(), voids=one)
                for card, one in marked
                if one in deltas
            ],
            account_id=job.account_id,
            reason=job.options["reason"],
        )
        counted = {"voided": len(posted), "skipped": len(marked) - len(posted)}
        _save(job, [card for card, _one in marked], counted)
    return True


def _next(job: Job, *, of: int, posted: bool = False) -> list[tuple[int, int]]:
    """Return the next cards of a grant with the operations it posted to them."""
    most = BATCH_CARDS_HEARD if ledger.is_heard(job.account_id) else BATCH_CARDS
    rows = GrantedCard.objects.for_account(job.account_id).filter(
        job_id=of, card_id__gt=job.checkpoint.get("card", 0), operation_id__isnull=not posted
    )
    return list(rows.order_by("card_id").values_list("card_id", "operation_id")[:most])


def _mark(job: Job, posted: dict[int, int]) -> None:
    """Set the operations of the cards; the database refuses to set one a second time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfer_grantedcard AS granted SET operation_id = posted.operation_id"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS posted (card_id, operation_id)"
            " WHERE granted.account_id = %s AND granted.job_id = %s"
            " AND granted.card_id = posted.card_id",
            [list(posted), list(posted.values()), job.account_id, job.pk],
        )


def _save(job: Job, cards: list[int], counted: dict[str, int]) -> None:
    for name, count in counted.items():
        job.counts[name] = job.counts.get(name, 0) + count
    job.done += len(cards)
    job.checkpoint = {"card": cards[-1]}
    jobs.save_progress(job)
