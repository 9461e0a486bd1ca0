"""The database settings: a given server, or the embedded one."""

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.env import SettingError

# psycopg's word for each of Django's own settings; all others are connection options.
_DJANGO_WORDS = {
    "NAME": "dbname",
    "USER": "user",
    "PASSWORD": "password",
    "HOST": "host",
    "PORT": "port",
}


def database_settings(
    *,
    url: str,
    embedded: EmbeddedPostgres | None,
    pool_size: int,
    statement_timeout_ms: int,
    lock_timeout_ms: int,
) -> dict[str, Any]:
    """Return Django's settings for the server of the URL, else for the embedded one.

    Connections stay open in a pool; a request waits at most 2 s for one, and at most
    64 requests wait. Timeouts are in milliseconds, zero for none.
    """
    settings: dict[str, Any] = {
        "ENGINE": "hubcustomers.tenancy.backend",
        "EMBEDDED": embedded,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": pool_size,
                "timeout": 2,
                "max_waiting": 64,
                # Each try waits twice as long as the one before it: begin anew soon, or
                # a server that was away for minutes is found again minutes late.
                "reconnect_timeout": 2,
            },
            "server_side_binding": True,
            "prepare_threshold": 2,
            "application_name": "hubcustomers",
            "options": f"-c statement_timeout={statement_timeout_ms}"
            f" -c lock_timeout={lock_timeout_ms}",
        },
    }
    if embedded is not None:
        settings.update(NAME="hub", USER=embedded.user, HOST=str(embedded.socket_dir), PORT="5432")
        return settings
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError as error:
        raise SettingError(f"DATABASE_URL is not a PostgreSQL address: {error}") from error
    if "dbname" not in given:
        raise SettingError("DATABASE_URL names no database: postgres://user@host:5432/NAME")
    for django_word, word in _DJANGO_WORDS.items():
        settings[django_word] = given.pop(word, "")
    settings["OPTIONS"].update(given)
    return settings
