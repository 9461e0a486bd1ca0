"""The connection: Django's own, quicker to take from the pool, and careful with dead servers."""

import select
import time
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base

from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.tenancy.backend.features import DatabaseFeatures
from hubcustomers.tenancy.backend.schema import DatabaseSchemaEditor

# A connection that was used so shortly before is not looked at; a server that ends takes longer.
_FRESH_SECONDS = 0.02


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the database of the hub."""

    SchemaEditorClass = DatabaseSchemaEditor
    features_class = DatabaseFeatures
    _connection_pools: ClassVar[dict[str, Any]]

    def connect(self) -> None:
        """Take a connection; each request does, so from a pool only what has to be done is done.

        Django would check the settings again, set the mode that the connection is in already,
        and send a signal: as much work as all the rest of taking one.
        """
        if self.alias not in self._connection_pools:
            super().connect()
            return
        self.in_atomic_block = self.needs_rollback = False
        self.savepoint_ids: list[Any] = []
        self.atomic_blocks: list[Any] = []
        self.closed_in_transaction = self.errors_occurred = False
        self.health_check_done = True
        self.close_at = time.monotonic()
        self.connection = self.get_new_connection({})
        if not self.connection.autocommit:
            # It was given back in the middle of a transaction.
            self.connection.autocommit = True
        self.autocommit = True
        self.run_on_commit: list[Any] = []

    def kept_cursor(self) -> Any:
        """Return a cursor for one statement whose rows are fetched at once; nobody closes it.

        The connection keeps it together with what psycopg looks up of types, which would
        otherwise be looked up for each statement anew.
        """
        if self.connection is None:
            self.ensure_connection()
        cursor = getattr(self.connection, "hub_cursor", None)
        if cursor is None:
            cursor = self.connection.hub_cursor = self.create_cursor()
        return self._prepare_cursor(cursor)  # type: ignore[attr-defined]

    def close_if_unusable_or_obsolete(self) -> None:
        """Give the connection back behind a request; what shape it is in, the pool looks."""
        if self.connection is not None:
            self.close()

    def _close(self) -> Any:
        if self.connection is not None:
            self.connection.idle_since = time.monotonic()
        return super()._close()  # type: ignore[misc]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection whose server lives; the embedded one is started where needed."""
        embedded: EmbeddedPostgres | None = self.settings_dict.get("EMBEDDED")
        if embedded is not None and not embedded.is_joined:
            embedded.ensure()
        try:
            connection = self._dial(conn_params)
        except psycopg.OperationalError:
            if embedded is None:
                raise
            # Nobody answered: it may have died while this process had no connection.
            embedded.ensure()
            connection = self._dial(conn_params)
        while getattr(connection, "_pool", None) and _was_cut(connection):
            # A restart cuts the whole pool; without this each of them would cost a request.
            connection.close()
            if embedded is not None:
                embedded.ensure()
            connection._pool.putconn(connection)  # which makes another in its place
            connection = self._dial(conn_params)
        return connection

    def _dial(self, conn_params: dict[str, Any]) -> Any:
        pool = self._connection_pools.get(self.alias)
        if pool is None or pool.closed:
            return super().get_new_connection(conn_params)
        return pool.getconn()


def _was_cut(connection: Any) -> bool:
    """Tell whether the server has closed an idle connection.

    The kernel knows: a closed connection can be read, to its end, and a living one that was
    asked nothing cannot. A statement would cost each request one; even looking costs a thread
    its turn where many are busy, and then connections are never idle for long.
    """
    if time.monotonic() - getattr(connection, "idle_since", 0.0) < _FRESH_SECONDS:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
