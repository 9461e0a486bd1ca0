"""When each connection was last used, to the minute, at next to no cost to its calls.

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
# By the connection's key: when it was last noted here, and what is still to be written.
_noted: dict[int, float] = {}
_unwritten: dict[int, int] = {}

# Other processes note the same connection; one of them a minute is enough.
_WRITE = """
INSERT INTO accounts_connectionuse AS known (account_id, connection_id, last_used_at)
VALUES (%s, %s, statement_timestamp())
ON CONFLICT (account_id, connection_id) DO UPDATE SET last_used_at = EXCLUDED.last_used_at
WHERE known.last_used_at < EXCLUDED.last_used_at - interval '50 seconds'
"""


def note_use(connection: Connection) -> None:
    """Note that the connection is used right now."""
    now = time.monotonic()
    if now - _noted.get(connection.pk, -_EVERY_SECONDS) >= _EVERY_SECONDS:
        _noted[connection.pk] = now
        _unwritten[connection.pk] = connection.account_id


def write_uses(**_signal: Any) -> None:
    """Write what was noted; what fails is left out, for it is only a convenience."""
    if not _unwritten:
        return
    try:
        while _unwritten:
            connection_id, account_id = _unwritten.popitem()
            with transaction.atomic(), database.cursor() as cursor:
                cursor.execute(_WRITE, [account_id, connection_id])
    except KeyError:
        pass  # Another thread took the last one.
    except DatabaseError as error:
        # The connection may be gone meanwhile, or the database away.
        logger.info("The last use of a connection was not written: %s", type(error).__name__)
    finally:
        # The call has given its connection back before.
        close_old_connections()


def forget_uses() -> None:
    """Forget what was noted."""
    _noted.clear()
    _unwritten.clear()
