"""The register of erasures on paper: told to a file, and applied again after a restore.

A line of the file is one customer that was anonymised: ids, when the customer was made and
when it was erased. Nothing in it tells who it was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from customers.models import Customer, Erasure
from customers.services import anonymise_customers
from hubcustomers import exact_json
from hubcustomers.backoffice import audit
from hubcustomers.public_ids import account_ids, customer_ids, customer_list_ids

_PAGE = 2000
# So many customers are locked at once, and tills may wait for one of them.
BATCH = 200
OUTCOMES = ("applied", "done_before", "missing")


class UnreadableRegister(ValueError):
    """The file is none of ours; the message says where."""


@dataclass(frozen=True)
class Line:
    """One erasure, as the file tells it."""

    account_id: int
    customer_list_id: int
    customer_id: int
    customer_created_at: datetime
    erased_at: datetime | None


def lines(*, since: datetime | None = None) -> Iterator[str]:
    """Yield the register as JSON Lines, in the order of the erasures.

    Args:
        since: Only what was erased then or later.
    """
    rows = Erasure.objects.order_by("pk")
    if since is not None:
        rows = rows.filter(erased_at__gte=since)
    last = 0
    while page := list(rows.filter(pk__gt=last)[:_PAGE]):
        for row in page:
            told = {
                "account_id": account_ids.encode(row.account_id),
                "customer_list_id": customer_list_ids.encode(row.customer_list_id),
                "customer_id": customer_ids.encode(row.customer_id),
                "customer_created_at": row.customer_created_at.isoformat(),
                "erased_at": None if row.erased_at is None else row.erased_at.isoformat(),
            }
            yield exact_json.dumps(told).decode() + "\n"
        last = page[-1].pk


def read(texts: Iterable[str]) -> list[Line]:
    """Return what a file tells.

    Raises:
        UnreadableRegister: A line is none of ours.
    """
    found = []
    for number, text in enumerate(texts, start=1):
        if text.strip():
            try:
                found.append(_line(exact_json.loads(text)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise UnreadableRegister(f"Line {number} is no line of such a file.") from error
    return found


def _line(told: Any) -> Line:
    numbers = [
        ids.decode(told[name])
        for ids, name in (
            (account_ids, "account_id"),
            (customer_list_ids, "customer_list_id"),
            (customer_ids, "customer_id"),
        )
    ]
    if None in numbers:
        raise ValueError("an id")
    moments = [told["customer_created_at"], told["erased_at"] or told["customer_created_at"]]
    made, erased = (datetime.fromisoformat(text) for text in moments)
    if made.utcoffset() is None or erased.utcoffset() is None:
        raise ValueError("a time without offset")
    account, customer_list, customer = (number or 0 for number in numbers)
    return Line(account, customer_list, customer, made, erased if told["erased_at"] else None)


def reapply(erasures: Iterable[Line], *, write: bool) -> Iterator[dict[str, int]]:
    """Anonymise again whom a restore brought back, and yield the outcome of each batch.

    A customer is known by its id and the moment it was made: after a restore a new customer
    may have been given the id of one that the backup did not have yet.

    Args:
        erasures: What was erased.
        write: Whether to write, or only to say what would be done.
    """
    in_order = sorted(erasures, key=lambda line: (line.account_id, line.customer_id))
    for account_id, group in groupby(in_order, key=lambda line: line.account_id):
        known = list(group)
        for start in range(0, len(known), BATCH):
            batch = {line.customer_id: line for line in known[start : start + BATCH]}
            with transaction.atomic():
                yield _reapply(account_id, batch, write=write)


def _reapply(account_id: int, batch: dict[int, Line], *, write: bool) -> dict[str, int]:
    rows = Customer.with_merged.for_account(account_id).filter(pk__in=batch).order_by("pk")
    if write:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
        rows = rows.select_for_update(no_key=True)
    same = [row for row in rows if row.created_at == batch[row.pk].customer_created_at]
    again = [row for row in same if not row.anonymised]
    if write and again:
        # First, with the time of the first erasure: the trigger then leaves the row alone.
        Erasure.objects.bulk_create(
            [
                Erasure(
                    account_id=account_id,
                    customer_list_id=row.customer_list_id,
                    customer_id=row.pk,
                    customer_created_at=row.created_at,
                    erased_at=batch[row.pk].erased_at,
                )
                for row in again
            ],
            ignore_conflicts=True,
        )
        anonymise_customers(again)
        audit.record_many(None, again, "anonymised")
    counts = (len(again), len(same) - len(again), len(batch) - len(same))
    return dict(zip(OUTCOMES, counts, strict=True))
