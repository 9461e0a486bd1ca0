"""The outbox: events are recorded in the transaction of the change they tell (companion, 9).

Whoever changes a resource asks first who listens, changes it, and then records one event
for each listener. Nobody listens most of the time, and then one small query is all it costs.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from accounts.scopes import Scope
from hubcustomers import exact_json
from hubcustomers.compiled import kept_cursor


@dataclass(frozen=True)
class Listener:
    """A connection that wants to hear of a change.

    Attributes:
        connection_id: The connection.
        client_id: Its client, whose own private refs the states show.
        scope: What the connection may read.
        customer_list_id: The one list of a ``customer_list.*`` permission.
        is_active: Whether it has a URL; else it asks for its events by itself.
        location_id: The location its token is bound to; None for the whole account.
    """

    connection_id: int
    client_id: int
    scope: Scope
    customer_list_id: int | None
    is_active: bool
    location_id: int | None = None

    def may_read_list(self, customer_list_id: int) -> bool:
        """Return whether the scope covers the list."""
        if self.scope.allows("all_customer_lists", write=False):
            return True
        chosen = customer_list_id == self.customer_list_id
        return chosen and self.scope.allows("customer_list", write=False)


@dataclass(frozen=True)
class Subject:
    """The resource that changes, as events name it.

    Attributes:
        account_id: The account.
        resource_type: customer, order or customer_list.
        resource_id: The row's number.
        customer_list_id: The list, for customers and lists.
        location_id: The location: of an order, or of the list; None for an account's list.
    """

    account_id: int
    resource_type: str
    resource_id: int
    customer_list_id: int | None = None
    location_id: int | None = None


_LISTENERS = """
SELECT callback.connection_id, connection.client_id, connection.scope,
    connection.customer_list_id, callback.url IS NOT NULL, connection.location_id
FROM callbacks_callback AS callback
JOIN accounts_connection AS connection
    ON connection.id = callback.connection_id AND connection.account_id = callback.account_id
WHERE callback.account_id = %(account)s
    AND callback.events @> %(event)s::jsonb
    AND connection.blocked_at IS NULL
    AND (%(client)s::bigint IS NULL OR connection.client_id <> %(client)s)
    AND EXISTS (
        SELECT FROM accounts_accesstoken AS token
        WHERE token.account_id = callback.account_id
            AND token.connection_id = callback.connection_id AND token.revoked_at IS NULL
    )
"""


def listening(
    account_id: int, resource_type: str, event_type: str, *, caused_by: int | None
) -> list[Listener]:
    """Return who in the account wants to hear of such a change, in reach of it or not.

    Args:
        account_id: The account.
        resource_type: Like ``customer``.
        event_type: ``create`` or ``update``.
        caused_by: The client that makes the change and hears nothing of it; None for the
            back-office.
    """
    values: dict[str, Any] = {
        "account": account_id,
        "event": json.dumps({resource_type: [event_type]}),
        "client": caused_by,
    }
    cursor = kept_cursor()
    cursor.execute(_LISTENERS, values)
    rows = cursor.fetchall()
    return [
        Listener(connection_id, client_id, Scope.parse(scope), list_id, is_active, location_id)
        for connection_id, client_id, scope, list_id, is_active, location_id in rows
    ]


def any_listener(
    account_id: int, resource_type: str, event_type: str, *, caused_by: int | None
) -> bool:
    """Return whether anybody in the account may want to hear of such a change."""
    return bool(listening(account_id, resource_type, event_type, caused_by=caused_by))


def in_reach(listeners: Iterable[Listener], subject: Subject) -> list[Listener]:
    """Return those listeners that can reach the resource."""
    return [
        one
        for one in listeners
        if (one.location_id is None or subject.location_id in (None, one.location_id))
        and _may_read(one, subject)
    ]


def find_listeners(subject: Subject, event_type: str, *, caused_by: int | None) -> list[Listener]:
    """Return who listens to such a change and can reach the resource."""
    everybody = listening(
        subject.account_id, subject.resource_type, event_type, caused_by=caused_by
    )
    return in_reach(everybody, subject)


def _may_read(listener: Listener, subject: Subject) -> bool:
    if subject.customer_list_id is not None:
        return listener.may_read_list(subject.customer_list_id)
    return listener.scope.allows("orders", write=False)


_RECORD = """
INSERT INTO callbacks_event (account_id, connection_id, resource_type, event_type, resource_id,
    version, customer_list_id, location_id, new_state, previous_state, due_at)
VALUES (%(account)s, %(connection)s, %(resource_type)s, %(event_type)s, %(resource)s,
    %(version)s, %(list)s, %(location)s, %(new)s::jsonb, %(previous)s::jsonb,
    CASE WHEN %(active)s THEN statement_timestamp() END)
"""


@dataclass(frozen=True)
class States:
    """What one listener's event shows: the resource after, and for an update before."""

    listener: Listener
    new: dict[str, Any]
    previous: dict[str, Any] | None = None


def record(subject: Subject, event_type: str, version: int, told: Iterable[States]) -> None:
    """Record one event for each listener; the caller's transaction makes it true.

    Args:
        subject: The resource.
        event_type: ``create`` or ``update``.
        version: The resource's own, taken under its lock; it orders the events.
        told: Each listener with the states it may see.
    """
    values = [
        {
            "account": subject.account_id,
            "connection": states.listener.connection_id,
            "resource_type": subject.resource_type,
            "event_type": event_type,
            "resource": subject.resource_id,
            "version": version,
            "list": subject.customer_list_id,
            "location": subject.location_id,
            "new": exact_json.dumps(states.new).decode(),
            "previous": None
            if states.previous is None
            else exact_json.dumps(states.previous).decode(),
            "active": states.listener.is_active,
        }
        for states in told
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_RECORD, values)


def erase_states(
    account_id: int,
    resource_type: str,
    resource_ids: Iterable[int],
    fields: Iterable[str],
    *,
    inside: str | None = None,
) -> None:
    """Blank fields in every stored state of the resources, told or not yet told.

    Args:
        account_id: The account.
        resource_type: Like ``customer``.
        resource_ids: The rows.
        fields: The names to set to null.
        inside: The member of the state that has them; None for the state itself.
    """
    values: dict[str, Any] = {
        "account": account_id,
        "type": resource_type,
        "ids": list(resource_ids),
        "blank": json.dumps(dict.fromkeys(fields)),
        "inside": inside,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, values)


_ERASE = """
UPDATE callbacks_event SET
    new_state = {new_state}, previous_state = {previous_state}
WHERE account_id = %(account)s AND resource_type = %(type)s AND resource_id = ANY(%(ids)s)
""".format(
    **{
        state: f"""CASE
        WHEN %(inside)s::text IS NULL THEN {state} || %(blank)s::jsonb
        WHEN jsonb_typeof({state} -> %(inside)s::text) = 'object' THEN jsonb_set(
            {state}, ARRAY[%(inside)s::text], ({state} -> %(inside)s::text) || %(blank)s::jsonb)
        ELSE {state} END"""
        for state in ("new_state", "previous_state")
    }
)
