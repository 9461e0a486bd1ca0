"""Events that are due, and what becomes of them, for tests of claims and of workers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks import claims
from callbacks.claims import Claim
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.models import Event
from callbacks.sending import Outcome
from callbacks.tests.receivers import Receiver

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TAKEN = Outcome(200, None, 0.01)
FAILED = Outcome(503, None, 0.01)
SILENT = Outcome(None, "no answer within 20 seconds", 20.0)
Receivers = Callable[..., Receiver]


def make_till(url: str | None = "https://example.com/", **fields: Any) -> Connection:
    till = ConnectionFactory(**fields)
    issue_token(till)
    CallbackFactory(connection=till, url=url)
    return till


def due(till: Connection, resource: int, version: int = 0, **fields: Any) -> Event:
    fields = {"due_at": LONG_AGO + timedelta(seconds=version), **fields}
    return EventFactory(connection=till, resource_id=resource, version=version, **fields)


def claimed(limit: int = 100, **limits: Any) -> list[int]:
    return [claim.event.id for claim in claims.claim(limit, **limits)]


def claim_one() -> Claim:
    [claim] = claims.claim(1, several=Connection.objects.values_list("pk", flat=True))
    return claim


def wait_is_over(event: Event) -> None:
    Event.objects.for_account(event.account).filter(pk=event.pk).update(due_at=LONG_AGO)


def lease_is_over(event: Event) -> None:
    Event.objects.for_account(event.account).filter(pk=event.pk).update(leased_until=LONG_AGO)


def seconds_until(moment: datetime) -> float:
    return (moment - timezone.now()).total_seconds()


def fresh(event: Event) -> Event:
    event.refresh_from_db()
    return event
