"""The connection: Django's own, plus the care for servers that start anew."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.tenancy.backend.features import DatabaseFeatures
from hubcustomers.tenancy.backend.schema import DatabaseSchemaEditor


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the database of the hub."""

    SchemaEditorClass = DatabaseSchemaEditor
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection whose server lives; the embedded one is started where needed."""
        embedded: EmbeddedPostgres | None = self.settings_dict.get("EMBEDDED")
        if embedded is not None and not embedded.is_joined:
            embedded.ensure()
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            if embedded is None:
                raise
            # Nobody answered: it may have died while this process had no connection.
            embedded.ensure()
            connection = super().get_new_connection(conn_params)
        while getattr(connection, "_pool", None) and _was_cut(connection):
            # A restart cuts the whole pool; without this each of them would cost a request.
            connection.close()
            if embedded is not None:
                embedded.ensure()
            connection._pool.putconn(connection)  # which makes another in its place
            connection = super().get_new_connection(conn_params)
        return connection


def _was_cut(connection: Any) -> bool:
    """Tell whether the server has closed an idle connection.

    The kernel knows: a closed connection can be read, to its end, and a living one that was
    asked nothing cannot. Looking costs microseconds, a statement would cost each request one.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
