"""What clients and the back-office do to callbacks and to events that wait."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from accounts.models import Connection
from callbacks.claims import free_next
from callbacks.models import UNDONE, Callback, Event
from callbacks.sending import Delivery, Outcome
from hubcustomers.exceptions import DomainError, ObjectNotFound


class NoUrl(DomainError):
    """The connection's callback has no URL to send to."""


@transaction.atomic
def set_callback(
    connection: Connection, *, url: str | None, events: dict[str, list[str]]
) -> Callback:
    """Set or replace the connection's callback (companion, 9).

    With another URL what waits for the connection is due at once, and tried as often as a
    new event; without one it waits until the client asks for it.

    Args:
        connection: Whose callback it is.
        url: Where to send events, checked; None where the client asks by itself.
        events: The event types by resource type, checked.
    """
    own = Callback.objects.for_account(connection.account_id).filter(connection=connection)
    old_url = own.select_for_update().values_list("url", flat=True).first()
    callback, _ = Callback.objects.update_or_create(
        account_id=connection.account_id,
        connection=connection,
        defaults={"url": url, "events": events},
    )
    if url is None or url != old_url:
        _reschedule(connection, is_active=url is not None)
    return callback


@transaction.atomic
def remove_callback(connection: Connection) -> None:
    """Remove the connection's callback; its events stay for the client to ask for."""
    Callback.objects.for_account(connection.account_id).filter(connection=connection).delete()
    _reschedule(connection, is_active=False)


def _reschedule(connection: Connection, *, is_active: bool) -> None:
    undone = Event.objects.for_account(connection.account_id).filter(UNDONE, connection=connection)
    if is_active:
        undone.update(due_at=Now(), attempts=0)
    else:
        undone.filter(due_at__isnull=False).update(due_at=None)


@transaction.atomic
def acknowledge(connection: Connection, event_id: int) -> None:
    """Acknowledge an event for the connection's client, who has taken it by itself.

    Raises:
        ObjectNotFound: The connection has no such event, or has acknowledged it.
    """
    own = Event.objects.for_account(connection.account_id).filter(connection=connection)
    if not own.filter(pk=event_id, acknowledged_at=None).update(acknowledged_at=Now()):
        raise ObjectNotFound
    free_next(connection.account_id, [event_id])


def replay(events: Iterable[Event]) -> int:
    """Send events again that were given up, and those that wait for their next try, at once.

    Each keeps its id and its body and is tried as often as a new one. What is on its way
    right now, or was acknowledged, is left alone.

    Returns:
        How many events are due now.
    """
    replayed = 0
    for account_id, ids in _by_account(events).items():
        waiting = Event.objects.for_account(account_id).filter(
            Q(leased_until=None) | Q(leased_until__lt=Now()), pk__in=ids, acknowledged_at=None
        )
        replayed += waiting.update(given_up_at=None, attempts=0, due_at=Now(), leased_until=None)
    return replayed


def given_up_for(connection: Connection) -> QuerySet[Event]:
    """Return the events that were given up for the connection and still wait for a replay."""
    events: QuerySet[Event] = Event.objects.for_account(connection.account_id)
    return events.filter(connection=connection, acknowledged_at=None, given_up_at__isnull=False)


def replay_given_up(connection: Connection) -> int:
    """Send again, at once, all that was given up for the connection: its receiver is back.

    Returns:
        How many events are due now.
    """
    given_up = given_up_for(connection)
    return given_up.update(given_up_at=None, attempts=0, due_at=Now(), leased_until=None)


@transaction.atomic
def discard(events: Iterable[Event]) -> int:
    """Treat events as acknowledged, so that nobody hears of them any more.

    Returns:
        How many there were.
    """
    discarded = 0
    for account_id, ids in _by_account(events).items():
        unacknowledged = Event.objects.for_account(account_id).filter(
            pk__in=ids, acknowledged_at=None
        )
        discarded += unacknowledged.update(acknowledged_at=Now())
        free_next(account_id, ids)
    return discarded


def _by_account(events: Iterable[Event]) -> dict[int, list[int]]:
    ids: dict[int, list[int]] = {}
    for event in events:
        ids.setdefault(event.account_id, []).append(event.pk)
    return ids


def send_test_event(connection: Connection) -> Outcome:
    """Send a test event to the connection's URL, at once, and return what became of it.

    It is signed like every other, but is no event of the hub: it is not kept and not
    tried again. Its ``resource_type`` is ``test``.

    Raises:
        NoUrl: The callback has none.
    """
    own = Callback.objects.for_account(connection.account_id).filter(connection=connection)
    url = own.values_list("url", flat=True).first()
    if url is None:
        raise NoUrl(gettext_noop("This connection has no callback URL."))
    body: dict[str, Any] = {
        "id": "test",
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "resource_type": "test",
        "event_type": "create",
        "new_state": {},
    }
    secret = connection.client.client_secret
    return Delivery(url, json.dumps(body).encode(), secret=secret).send()
