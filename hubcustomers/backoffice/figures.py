"""The figures of the first page, counted by a worker and kept for each account.

To count a million rows takes a second; no page does. Whoever opens the page says so in the
account's row (``look``), and a worker of background jobs counts anew what somebody looked at
within the hour and is five minutes old (``refresh_due``).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from hubcustomers.models import AccountFigures

logger = logging.getLogger(__name__)

# After that the figures are counted again, while somebody looks; in a hub where they take
# long, not before a worker has had twenty times as long for other work.
FRESH_SECONDS = 300
_REST = 20
_LOOKED_SECONDS = 3600
# Views within that time say it once.
_NOTE_SECONDS = 1800
_LEASE_SECONDS = 120

# Takes the account and returns what JSON can hold; points are text.
Count = Callable[[Any], dict[str, Any]]
_counted: dict[str, Count] = {}


@dataclass(frozen=True)
class Figures:
    """What is known of an account.

    Attributes:
        as_of: When it was counted; None where it never was.
        values: What each app counted, by the app's name.
        due: Whether they are to be counted anew.
        late: Whether nobody does so although somebody waits.
    """

    as_of: datetime | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    due: bool = True
    late: bool = False


def register_figures(name: str, count: Count) -> None:
    """Have the function count for the first page; ``values[name]`` is what it returned."""
    _counted[name] = count


def look(account_id: int) -> Figures:
    """Return the account's figures, and have them counted again where they are old."""
    row, _ = AccountFigures.objects.get_or_create(account_id=account_id)
    now, asked = timezone.now(), row.asked_at
    if asked is None or asked < now - timedelta(seconds=_NOTE_SECONDS):
        AccountFigures.objects.filter(pk=row.pk).update(asked_at=now)
    due_at = row.created_at
    if row.computed_at is not None:
        due_at = row.computed_at + timedelta(seconds=max(FRESH_SECONDS, _REST * row.seconds))
    return Figures(
        row.computed_at, row.values, due=due_at <= now, late=_is_late(now, due_at, asked)
    )


def _is_late(now: datetime, due_at: datetime, asked_at: datetime | None) -> bool:
    """Return whether somebody has looked in vain for new figures for more than a minute."""
    if asked_at is None or asked_at < now - timedelta(seconds=_LOOKED_SECONDS):
        return False
    return now - max(due_at, asked_at) > timedelta(minutes=1)


_CLAIM = """
UPDATE hubcustomers_accountfigures
SET leased_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM hubcustomers_accountfigures
    WHERE asked_at > statement_timestamp() - make_interval(secs => %(looked)s)
        AND (computed_at IS NULL
            OR computed_at < statement_timestamp()
                - make_interval(secs => greatest(%(fresh)s, %(rest)s * seconds)))
        AND (leased_until IS NULL OR leased_until < statement_timestamp())
    ORDER BY computed_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING account_id
"""


def refresh_due() -> bool:
    """Count the figures of one account that is due; return whether there was one."""
    values = {
        "lease": float(_LEASE_SECONDS),
        "looked": float(_LOOKED_SECONDS),
        "fresh": float(FRESH_SECONDS),
        "rest": float(_REST),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        row = cursor.fetchone()
    if row is not None:
        refresh(row[0])
    return row is not None


def refresh(account_id: int) -> None:
    """Count the account's figures and keep them."""
    account = apps.get_model("accounts", "Account").objects.get(pk=account_id)
    begin, as_of = time.monotonic(), timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        values = {name: count(account) for name, count in _counted.items()}
    AccountFigures.objects.filter(account_id=account_id).update(
        values=values,
        computed_at=as_of,
        seconds=time.monotonic() - begin,
        leased_until=None,
    )
