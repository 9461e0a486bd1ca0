"""Events as they are shown and sent: one query each."""

from typing import Any, NamedTuple

from django.db import connection as database

from accounts.models import Connection
from hubcustomers.api.pagination import Page


class EventRow(NamedTuple):
    """An event as read; ``created_at`` in seconds, its states as JSON texts.

    ``timezone`` is that of its location, else of its account; the states are None where
    they are not shown.
    """

    id: int
    account_id: int
    resource_type: str
    event_type: str
    resource_id: int
    customer_list_id: int | None
    created_at: int
    location_number: int | None
    timezone: str
    new_state: str | None
    previous_state: str | None


# The columns of an EventRow, for whoever joins PLACE to rows named ``event``.
COLUMNS = """event.id, event.account_id, event.resource_type, event.event_type,
    event.resource_id, event.customer_list_id,
    floor(extract(epoch FROM event.created_at))::bigint,
    location.number, COALESCE(location.timezone, account.timezone)"""
STATES = "event.new_state::text, event.previous_state::text"
PLACE = """
JOIN accounts_account AS account ON account.id = event.account_id
LEFT JOIN accounts_location AS location
    ON location.id = event.location_id AND location.account_id = event.account_id
"""
_UNACKNOWLEDGED = """
WHERE event.account_id = %(account)s AND event.connection_id = %(connection)s
    AND event.acknowledged_at IS NULL
"""


def event_page(connection: Connection, *, page: Page) -> list[EventRow]:
    """Return the connection's unacknowledged events without states, oldest first."""
    sql = (
        f"SELECT {COLUMNS}, NULL, NULL FROM callbacks_event AS event {PLACE} {_UNACKNOWLEDGED}"
        " AND event.id > %(after)s ORDER BY event.id LIMIT %(limit)s"
    )
    return _rows(sql, connection, after=page.after or 0, limit=page.limit)


def find_event(connection: Connection, event_id: int) -> EventRow | None:
    """Return the connection's event where it is not acknowledged yet, else None."""
    sql = (
        f"SELECT {COLUMNS}, {STATES} FROM callbacks_event AS event {PLACE} {_UNACKNOWLEDGED}"
        " AND event.id = %(event)s"
    )
    rows = _rows(sql, connection, event=event_id)
    return rows[0] if rows else None


def _rows(sql: str, connection: Connection, **values: Any) -> list[EventRow]:
    given = {"account": connection.account_id, "connection": connection.pk, **values}
    with database.cursor() as cursor:
        cursor.execute(sql, given)
        return [EventRow(*row) for row in cursor.fetchall()]
