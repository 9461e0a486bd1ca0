"""Background jobs: kinds of work that run step by step, and the worker that runs them.

A kind has a function that does one step of a job and returns whether more is to be done. It
calls ``hold`` at the beginning of each of its transactions and saves the job's checkpoint
in the same one: a worker that is killed loses the step it was in, and nothing is done twice.
The back-office shows every job on a page of its own (transfer/admin/jobs.py).
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.functional import Promise

from hubcustomers.backoffice import figures
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.observing import metrics
from hubcustomers.observing.logs import lines_about, plainly
from hubcustomers.observing.pulse import Pulse
from transfer.models import OPEN, Job, State

logger = logging.getLogger(__name__)

# Does one step of the job; True while there is more to do.
Step = Callable[[Job], bool]
# How a count reads behind its number, like "customers created".
Counted = Mapping[str, Callable[[int], str]]


@dataclass(frozen=True)
class Kind:
    """What jobs of one kind do, and how their page reads.

    Attributes:
        step: Does one step.
        title: What such a job is called, like "Import".
        counted: How the names in ``counts`` read, in the order of the page.
        tried: The same of a job that only tries, which has ``dry_run`` among its options.
        tidy: Deletes what the job needed only while it ran; called when it ends badly.
        officers: Whether privacy officers may cancel such jobs; managers may cancel any.
    """

    step: Step
    title: str | Promise
    counted: Counted = field(default_factory=dict)
    tried: Counted = field(default_factory=dict)
    tidy: Callable[[Job], None] | None = None
    officers: bool = False


_kinds: dict[str, Kind] = {}
_AWAY = (DatabaseTrouble, EmbeddedPostgresError)


class JobTaken(Exception):
    """Another worker has the job now, or somebody cancelled it: write no more."""


def register_kind(
    name: str,
    step: Step,
    *,
    title: str | Promise = "",
    counted: Counted | None = None,
    tried: Counted | None = None,
    tidy: Callable[[Job], None] | None = None,
    officers: bool = False,
) -> None:
    """Have the function do the jobs of this kind; ``Kind`` tells the rest."""
    _kinds[name] = Kind(step, title or name, counted or {}, tried or {}, tidy, officers)


def title_of(job: Job) -> str:
    """Return what jobs of its kind are called."""
    kind = _kinds.get(job.kind)
    return job.kind if kind is None else str(kind.title)


def counted_by(job: Job) -> Counted:
    """Return how the names in its counts read."""
    kind = _kinds.get(job.kind)
    if kind is None:
        return {}
    return kind.tried if job.options.get("dry_run") else kind.counted


def is_for_officers(job: Job) -> bool:
    """Return whether privacy officers may cancel it."""
    kind = _kinds.get(job.kind)
    return kind is not None and kind.officers


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


def finish(job: Job, *, error: str = "", state: State = State.DONE) -> bool:
    """Say that the job has ended, well or with an error; return False where it is not ours now."""
    job.state = State.FAILED if error else state
    job.error = error
    ours = Job.objects.filter(pk=job.pk, state=State.RUNNING, lease_token=job.lease_token)
    return bool(ours.update(state=job.state, error=error, finished_at=Now(), lease_until=None))


def fail(job: Job, error: str) -> None:
    """Say why the job has failed, and delete what it needed only while it ran.

    Nothing of a job that another worker took meanwhile, and needs all of it.
    """
    with transaction.atomic():
        if finish(job, error=error):
            _tidy(job)


def start(job: Job) -> None:
    """Queue the job, from its beginning."""
    Job.objects.filter(pk=job.pk).update(
        state=State.QUEUED,
        options=job.options,
        checkpoint={},
        counts={},
        done=0,
        error="",
        lease_token=None,
        lease_until=None,
        started_at=None,
        finished_at=None,
    )
    job.state = State.QUEUED


def cancel(job: Job) -> bool:
    """Let the job do no further step; return False where it was over already.

    What it has done stays. A step that is being done is finished first, as it holds the row.
    """
    with transaction.atomic():
        let_take_time()
        changed = Job.objects.filter(pk=job.pk, state__in=OPEN).update(
            state=State.CANCELLED, finished_at=Now(), lease_until=None
        )
        if changed:
            _tidy(job)
    return bool(changed)


def let_take_time() -> None:
    """Lift the limits on requests for this transaction: rows of a whole file take a while."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL lock_timeout = '20s'")


def _tidy(job: Job) -> None:
    kind = _kinds.get(job.kind)
    if kind is not None and kind.tidy is not None:
        kind.tidy(job)


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
        self._pulse = Pulse("run_jobs")
        self._next_count = 0.0

    def stop(self) -> None:
        """Finish the step at hand and stop; for signal handlers."""
        self._is_stopping = True

    def run(self, *, once: bool = False) -> None:
        """Run what waits.

        Args:
            once: Return as soon as nothing waits; failures of the database are raised then.
        """
        try:
            self._run_all(once=once)
        finally:
            with contextlib.suppress(*_AWAY):
                self._pulse.end()

    def _run_all(self, *, once: bool) -> None:
        while not self._is_stopping:
            try:
                self._pulse.beat()
                self._count_figures()
                job = claim()
                if job is not None:
                    with lines_about(f"job-{job.pk}"):
                        self._run(job)
                        _count(job)
                    continue
            except _AWAY as trouble:
                if once:
                    raise
                logger.warning("Jobs wait, the database is away: %s", plainly(trouble))
                connection.close()
            if once:
                return
            self._rest()

    def _run(self, job: Job) -> None:
        try:
            step = _kinds[job.kind].step
            while step(job):
                self._pulse.beat()
                if self._is_stopping:
                    self._give_back(job)
                    return
                self._count_figures()
        except JobTaken:
            logger.info("Job %s is no longer ours", job.pk)
        except REFUSALS as error:
            if _is_away(error):
                raise
            sentence = "; ".join(f"{field} {text}".strip() for field, text in faults_in(error))
            fail(job, sentence)
        except Exception:
            logger.exception("Job %s failed", job.pk)
            fail(job, "Something went wrong on our side. It has been recorded.")

    def _count_figures(self) -> None:
        """Count what the first page of the back-office shows, where somebody looks at it."""
        if time.monotonic() < self._next_count:
            return
        try:
            figures.refresh_due()
        except Exception:
            # Whatever is wrong with a figure, the jobs are not to blame and go on.
            logger.exception("The figures of the first page could not be counted")
        self._next_count = time.monotonic() + settings.FIGURES_POLL_SECONDS

    def _give_back(self, job: Job) -> None:
        Job.objects.filter(pk=job.pk, lease_token=job.lease_token, state=State.RUNNING).update(
            state=State.QUEUED, lease_until=None
        )

    def _rest(self) -> None:
        deadline = time.monotonic() + settings.JOB_POLL_SECONDS
        while not self._is_stopping and time.monotonic() < deadline:
            time.sleep(0.1)


def _count(job: Job) -> None:
    """Count a job that has ended, and write a line about it."""
    logger.info("job", extra={"fields": {"kind": job.kind, "state": job.state, "rows": job.done}})
    if job.state not in OPEN or job.state == State.CHECKED:
        metrics.count("hub_jobs_ended_total", kind=job.kind, state=job.state)


def _is_away(error: Exception) -> bool:
    # A connection that was cut says so; what a statement did wrong has a state of its own.
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, DatabaseTrouble) and state[:2] in {"", "08", "40", "53", "57", "55"}
