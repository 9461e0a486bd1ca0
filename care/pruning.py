"""What is kept for a while only, and is deleted once it is old enough.

Rows go in batches, each in a transaction of its own that waits for nobody: a row that
somebody holds just now stays until the next time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from desk.merging.services import UNDO_DAYS, forget_former, undoable_no_more
from desk.privacy.proof import KIND as PROOF

_BATCH = 2000


@dataclass(frozen=True)
class Rule:
    """One kind of rows, and when they are old.

    Attributes:
        name: The word in options and reports.
        text: What they are, for people.
        days: How old they are when they go, unless an option says otherwise.
        table: Where they are.
        key: Its primary key.
        old: The condition; ``%(before)s`` is the moment before which a row is old.
        made: A column that grows with the key: behind the first young row all are young.
        least: The days that an option cannot go below.
        kept: Returns the rows that ``forget`` would empty, in place of the condition.
        forget: Empties the rows, so many at once, instead of having them deleted; returns
            how many they were, none when there is nothing left to do.
    """

    name: str
    text: str
    days: int
    table: str
    old: str = ""
    key: str = "id"
    made: str | None = None
    least: int = 0
    kept: Callable[[datetime], Any] | None = None
    forget: Callable[[datetime, int], int] | None = None


_OVER = "state IN ('done', 'failed', 'cancelled')"
RULES = (
    Rule(
        "events",
        "acknowledged events, with their delivery attempts",
        30,
        "callbacks_event",
        "acknowledged_at < %(before)s",
        made="created_at",
    ),
    Rule(
        "answers",
        "answers kept for repeated requests (Idempotency-Key)",
        2,
        "accounts_idempotentanswer",
        "created_at < %(before)s",
        made="created_at",
        # Promised for 24 hours.
        least=1,
    ),
    Rule(
        "refused-rows",
        "rows that imports refused",
        7,
        "transfer_refusedrow",
        "job_id IN (SELECT id FROM transfer_job WHERE finished_at < %(before)s)",
    ),
    Rule(
        "uploads",
        "uploaded files whose import was never started",
        7,
        "transfer_stagedrow",
        "job_id IN (SELECT id FROM transfer_job WHERE created_at < %(before)s"
        " AND state NOT IN ('queued', 'running'))",
    ),
    Rule(
        "jobs",
        "background jobs that are over, with what they refused",
        90,
        "transfer_job",
        f"finished_at < %(before)s AND {_OVER}",
    ),
    Rule(
        "searches",
        "searches for erased people that no worker ended, with what to look for",
        1,
        "transfer_job",
        f"kind = '{PROOF}' AND created_at < %(before)s AND NOT {_OVER}",
        least=1,
    ),
    Rule(
        "sessions",
        "sessions of staff that have expired",
        0,
        "signin_session",
        "expire_date < %(before)s",
        key="session_key",
    ),
    Rule(
        "codes",
        "authorization codes, used or not",
        1,
        "accounts_authorizationcode",
        "created_at < %(before)s",
        made="created_at",
        least=1,
    ),
    Rule(
        "merges",
        "customers merged into others, emptied of all that only an undo would need",
        UNDO_DAYS,
        "desk_merge",
        least=UNDO_DAYS,
        kept=undoable_no_more,
        forget=forget_former,
    ),
)


@dataclass
class Pruned:
    """How many rows of each kind went, or would go."""

    rows: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many rows there were in all."""
        return sum(self.rows.values())


def prune(
    days: dict[str, int], *, dry_run: bool = False, tell: Callable[[int], None] = lambda done: None
) -> Pruned:
    """Delete what is older than so many days.

    Args:
        days: For the names of rules; a rule that is not named is left alone.
        dry_run: Count only.
        tell: Called with how many rows are gone so far.
    """
    pruned = Pruned()
    for rule in RULES:
        if rule.name not in days:
            continue
        before = timezone.now() - timedelta(days=days[rule.name])
        pruned.rows[rule.name] = 0
        if rule.name == "uploads" and not dry_run:
            # First, so that none of them can be started while its rows go.
            _close_drafts(before)
        found = [_count(rule, before)] if dry_run else _clear(rule, before)
        for rows in found:
            pruned.rows[rule.name] += rows
            tell(pruned.total)
    return pruned


def _count(rule: Rule, before: datetime) -> int:
    if rule.kept is not None:
        return int(rule.kept(before).count())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {rule.table} WHERE {rule.old}", {"before": before})
        return int(cursor.fetchone()[0])


# A batch: the next rows by their key. Where a column grows with the key, the batch also
# tells whether anything in it can be old at all.
_NEXT = """
SELECT max(key), min(made) FROM (
    SELECT {key} AS key, {made} AS made FROM {table}
    WHERE {behind} ORDER BY {key} LIMIT {batch}
) AS batch
"""
_DELETE = """
DELETE FROM {table} WHERE {key} IN (
    SELECT {key} FROM {table}
    WHERE {behind} AND {key} <= %(upto)s AND {old}
    FOR UPDATE SKIP LOCKED
)
"""


def _clear(rule: Rule, before: datetime) -> Iterator[int]:
    """Delete, or empty, batch by batch; yield how many rows that were each time."""
    if rule.forget is None:
        yield from _delete(rule, before)
        return
    while rows := rule.forget(before, _BATCH):
        yield rows


def _delete(rule: Rule, before: datetime) -> Iterator[int]:
    """Delete batch by batch; yield how many rows went with each."""
    words = {"table": rule.table, "key": rule.key, "old": rule.old, "batch": _BATCH}
    words |= {"made": rule.made or "NULL::timestamptz", "behind": "TRUE"}
    values: dict[str, Any] = {"before": before}
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_NEXT.format(**words), values)
            values["upto"], made = cursor.fetchone()
            if values["upto"] is None or (made is not None and made >= before):
                return
            cursor.execute(_DELETE.format(**words), values)
            rows = int(cursor.rowcount)
        words["behind"], values["last"] = f"{rule.key} > %(last)s", values["upto"]
        yield rows


def _close_drafts(before: datetime) -> None:
    """Cancel the jobs whose uploaded files are to go: they can be started no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transfer_job SET state = 'cancelled', finished_at = statement_timestamp()"
            " WHERE state IN ('draft', 'checked') AND created_at < %s",
            [before],
        )
