"""When each connection was last used, or last refused, to the minute, at little cost to calls.

Finding a token notes the connection in memory, once a minute in each process. The note is
written when the call is done with everything else (``hubcustomers/wsgi.py``).
"""

import logging
import time
from typing import Any

from django.db import DatabaseError, close_old_connections, transaction
from django.db import connection as database

from accounts.models import Connection

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 60.0
# By the connection's key and the column: when it was last noted here, and, with the account,
# what is still to be written.
_noted: dict[tuple[int, str], float] = {}
_unwritten: dict[tuple[int, str], int] = {}

# Other processes note the same connection; one of them a minute is enough.
_WRITE = """
INSERT INTO accounts_connectionuse AS known (account_id, connection_id, {column})
VALUES (%s, %s, statement_timestamp())
ON CONFLICT (account_id, connection_id) DO UPDATE SET {column} = EXCLUDED.{column}
WHERE COALESCE(known.{column}, '-infinity') < EXCLUDED.{column} - interval '50 seconds'
"""


def note_use(connection: Connection) -> None:
    """Note that the connection is used right now."""
    _note(connection, "last_used_at")


def note_refusal(connection: Connection) -> None:
    """Note that the connection calls right now although it is blocked."""
    _note(connection, "refused_at")


def _note(connection: Connection, column: str) -> None:
    key, now = (connection.pk, column), time.monotonic()
    if now - _noted.get(key, -_EVERY_SECONDS) >= _EVERY_SECONDS:
        _noted[key] = now
        _unwritten[key] = connection.account_id


def write_noted() -> None:
    """Write what was noted; what fails is left out, for it is only a convenience."""
    try:
        while _unwritten:
            (connection_id, column), account_id = _unwritten.popitem()
            with transaction.atomic(), database.cursor() as cursor:
                cursor.execute(_WRITE.format(column=column), [account_id, connection_id])
    except KeyError:
        pass  # Another thread took the last one.
    except DatabaseError as error:
        # The connection may be gone meanwhile, or the database away.
        logger.info("The last use of a connection was not written: %s", type(error).__name__)


def write_uses(**_signal: Any) -> None:
    """Write what was noted, when a call is done and has given its connection back."""
    if _unwritten:
        write_noted()
        close_old_connections()


def forget_uses() -> None:
    """Forget what was noted."""
    _noted.clear()
    _unwritten.clear()
