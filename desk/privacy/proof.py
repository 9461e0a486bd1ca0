"""Erasure with proof: anonymise a customer, then search the whole database for the person.

What to look for must outlive the erasure by the minutes that the search takes. It waits in
the job, encrypted with the installation's key, and goes with the last step, with a failure
and when the job is cancelled.
"""

import json
import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from customers import services
from customers.clues import Clue, clues_of, fields_of, values_of
from customers.merging import rows_of_person
from customers.models import Customer
from customers.traces import blocks_of_all, pieces
from desk.privacy.models import ErasureCertificate
from hubcustomers.backoffice import audit
from hubcustomers.encryption import decrypt, encrypt
from transfer import jobs
from transfer.models import Job

KIND = "erasure proof"
# So long a step searches before it notes how far it is, and so much at once: a worker must
# be heard of within a minute, also on a busy machine.
_STEP_SECONDS = 10.0
_BLOCKS = 512
_KEPT_FOR = timedelta(days=1)


def register_proof() -> None:
    """Have workers search for who was erased."""
    jobs.register_kind(KIND, step_of_proof, title=_("Proof of erasure"), tidy=forget, officers=True)


def erase(customer: Customer, *, user: Any) -> Job | None:
    """Anonymise the customer and queue the search; in one transaction of the caller's.

    Returns:
        The job; None where the customer was anonymised before, and nothing is left to prove.

    Raises:
        ObjectNotFound: The customer is gone.
    """
    locked = services.lock_customer(customer.account_id, customer.customer_list_id, customer.pk)
    values = values_of(*rows_of_person(locked))
    country = locked.country or locked.account.country
    if not services.anonymise_customer(locked):
        return None
    audit.record(user, locked, "anonymised")
    return Job.objects.create(
        account_id=locked.account_id,
        customer_list_id=locked.customer_list_id,
        kind=KIND,
        title=locked.public_id,
        state="queued",
        total=blocks_of_all(),
        options={
            "customer_id": locked.pk,
            "erased_at": timezone.now().isoformat(),
            "sealed": encrypt(json.dumps({"values": values, "country": country})),
        },
        user=user,
        user_name=user.get_username()[:255],
    )


def step_of_proof(job: Job) -> bool:
    """Search on for a while; return whether there is more to search."""
    if timezone.now() - _erased_at(job) > _KEPT_FOR:
        jobs.fail(
            job, str(_("No worker searched within a day, so what to look for was forgotten."))
        )
        return False
    clues = _clues(job)
    noted = {"next": ["", 0], "tables": 0, "columns": 0, "found": {}, **job.checkpoint}
    deadline = time.monotonic() + _STEP_SECONDS
    begin = (noted["next"][0], noted["next"][1])
    ended = True
    for piece in pieces(job.options["customer_id"], clues, begin=begin, size=_BLOCKS):
        noted["next"] = list(piece.next)
        noted["tables"] += piece.columns > 0
        noted["columns"] += piece.columns
        for place in piece.places:
            name = f"{place.table}.{place.column}"
            noted["found"][name] = noted["found"].get(name, 0) + 1
        job.done += min(piece.end, max(piece.blocks, 1)) - piece.start
        if time.monotonic() > deadline:
            ended = False
            break
    job.checkpoint = noted
    with transaction.atomic():
        jobs.hold(job)
        if ended:
            _certify(job, clues)
        else:
            jobs.save_progress(job)
    return not ended


def _certify(job: Job, clues: list[Clue]) -> None:
    noted = job.checkpoint
    certificate = ErasureCertificate.objects.create(
        account_id=job.account_id,
        customer_id=job.options["customer_id"],
        erased_at=_erased_at(job),
        user_id=job.user_id,
        user_name=job.user_name,
        fields=fields_of(clues),
        tables=noted["tables"],
        columns=noted["columns"],
        found=noted["found"],
    )
    job.total = job.done
    job.checkpoint = {"certificate": certificate.pk}
    jobs.save_progress(job)
    forget(job)
    jobs.finish(job)


def forget(job: Job) -> None:
    """Delete what to look for."""
    job.options = {name: value for name, value in job.options.items() if name != "sealed"}
    Job.objects.for_account(job.account_id).filter(pk=job.pk).update(options=job.options)


def _clues(job: Job) -> list[Clue]:
    told = json.loads(decrypt(job.options["sealed"]))
    return clues_of(told["values"], country=told["country"])


def _erased_at(job: Job) -> Any:
    return parse_datetime(job.options["erased_at"])
