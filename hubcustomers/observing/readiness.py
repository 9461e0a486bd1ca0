"""Whether the hub can serve: its database answers, is migrated, and keeps what it is told."""

import logging
import threading
import time
from functools import lru_cache

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from hubcustomers.checks import MUST_BE_ON
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.observing.logs import plainly

logger = logging.getLogger(__name__)

_REMEMBERED_SECONDS = 1.0
_ASK = """
SELECT ARRAY(SELECT name FROM unnest(%s::text[]) AS name WHERE current_setting(name) = 'off'),
    (SELECT array_agg(app || '.' || name) FROM django_migrations)
"""


@lru_cache(maxsize=1)
def known_migrations() -> frozenset[str]:
    """Return the migrations of this version of the hub, like ``loyalty.0005_voids``."""
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    return frozenset(f"{app}.{name}" for app, name in graph.nodes)


class Readiness:
    """The answer to "can it serve?", found out at most once a second in each process."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._until = 0.0
        self._obstacle = ""

    def obstacle(self) -> str:
        """Return why the hub cannot serve, in a sentence without internals; '' where it can."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._obstacle = _look()
                self._until = time.monotonic() + _REMEMBERED_SECONDS
            return self._obstacle

    def forget(self) -> None:
        """Look anew the next time."""
        self._until = 0.0


def _look() -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '1s'")
            cursor.execute(_ASK, [list(MUST_BE_ON)])
            off, applied = cursor.fetchone()
    except (DatabaseError, InterfaceError, EmbeddedPostgresError) as error:
        logger.warning("Not ready: %s", plainly(error))
        state = getattr(error.__cause__, "sqlstate", None)
        if state == "42P01":  # There is not even a table of migrations.
            return "The database lacks migrations of this version."
        return "The database does not answer."
    missing = known_migrations() - set(applied or ())
    if missing:
        logger.warning("Not ready: not migrated: %s", ", ".join(sorted(missing)))
        return "The database lacks migrations of this version."
    if off:
        logger.warning("Not ready: PostgreSQL runs with %s off", ", ".join(off))
        return "The database does not keep what it acknowledges."
    return ""


readiness = Readiness()
