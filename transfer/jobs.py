"""Background jobs: kinds of work that run step by step, and the worker that runs them.

A kind is a function that does one step of a job and returns whether more is to be done. It
calls ``hold`` at the beginning of each of its transactions and saves the job's checkpoint
in the same one: a worker that is killed loses the step it was in, and nothing is done twice.
"""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.models.functions import Now

from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from transfer.models import Job, State

logger = logging.getLogger(__name__)

# Does one step of the job; True while there is more to do.
Step = Callable[[Job], bool]

_kinds: dict[str, Step] = {}
_AWAY = (DatabaseTrouble, EmbeddedPostgresError)


class JobTaken(Exception):
    """Another worker has the job now, or somebody cancelled it: write no more."""


def register_kind(name: str, step: Step) -> None:
    """Have the function do the jobs of this kind."""
    _kinds[name] = step


def hold(job: Job) -> None:
    """Lock the job until the transaction ends, and renew its lease.

    Raises:
        JobTaken: It is not this worker's any more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfer_job SET lease_until = CASE WHEN lease_until IS NOT NULL"
            " THEN statement_timestamp() + make_interval(secs => %s) END"
            " WHERE id = %s AND state = 'running' AND lease_token = %s",
            [float(settings.JOB_LEASE_SECONDS), job.pk, job.lease_token],
        )
        if not cursor.rowcount:
            raise JobTaken


def save_progress(job: Job) -> None:
    """Save how far the job is, in the transaction of the step."""
    job.save(update_fields=["checkpoint", "counts", "done", "total"])


def finish(job: Job, *, error: str = "") -> None:
    """Say that the job has ended, well or with an error."""
    job.state = State.FAILED if error else State.DONE
    job.error = error
    job.finished_at = Now()
    job.lease_until = None
    job.save(update_fields=["state", "error", "finished_at", "lease_until"])


def take(job: Job, *, leased: bool) -> None:
    """Make the job this process's own, whoever had it before."""
    job.lease_token = uuid.uuid4()
    Job.objects.filter(pk=job.pk).update(
        state=State.RUNNING,
        lease_token=job.lease_token,
        lease_until=Now() if leased else None,
        started_at=Now(),
    )
    job.state = State.RUNNING


_CLAIM = """
UPDATE transfer_job SET state = 'running', lease_token = %(token)s,
    lease_until = statement_timestamp() + make_interval(secs => %(seconds)s),
    started_at = coalesce(started_at, statement_timestamp())
WHERE id = (
    SELECT id FROM transfer_job
    WHERE state = 'queued' OR (state = 'running' AND lease_until < statement_timestamp())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def claim() -> Job | None:
    """Take the oldest job that waits, or whose worker is silent; None where there is none."""
    values: dict[str, Any] = {"token": uuid.uuid4(), "seconds": float(settings.JOB_LEASE_SECONDS)}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    return None if row is None else Job.objects.get(pk=row[0])


class Worker:
    """Runs jobs one after the other, until it is told to stop."""

    def __init__(self) -> None:
        """Make a worker that is not stopping."""
        # A plain flag, because signal handlers set it.
        self._is_stopping = False

    def stop(self) -> None:
        """Finish the step at hand and stop; for signal handlers."""
        self._is_stopping = True

    def run(self, *, once: bool = False) -> None:
        """Run what waits.

        Args:
            once: Return as soon as nothing waits; failures of the database are raised then.
        """
        while not self._is_stopping:
            try:
                job = claim()
                if job is not None:
                    self._run(job)
                    continue
            except _AWAY as trouble:
                if once:
                    raise
                logger.warning("Jobs wait, the database is away: %s", trouble)
                connection.close()
            if once:
                return
            self._rest()

    def _run(self, job: Job) -> None:
        try:
            step = _kinds[job.kind]
            while step(job):
                if self._is_stopping:
                    self._give_back(job)
                    return
        except JobTaken:
            logger.info("Job %s is no longer ours", job.pk)
        except REFUSALS as error:
            if _is_away(error):
                raise
            sentence = "; ".join(f"{field} {text}".strip() for field, text in faults_in(error))
            finish(job, error=sentence)
        except Exception:
            logger.exception("Job %s failed", job.pk)
            finish(job, error="Something went wrong on our side. It has been recorded.")

    def _give_back(self, job: Job) -> None:
        Job.objects.filter(pk=job.pk, lease_token=job.lease_token, state=State.RUNNING).update(
            state=State.QUEUED, lease_until=None
        )

    def _rest(self) -> None:
        deadline = time.monotonic() + settings.JOB_POLL_SECONDS
        while not self._is_stopping and time.monotonic() < deadline:
            time.sleep(0.1)


def _is_away(error: Exception) -> bool:
    # A connection that was cut says so; what a statement did wrong has a state of its own.
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, DatabaseTrouble) and state[:2] in {"", "08", "40", "53", "57", "55"}
