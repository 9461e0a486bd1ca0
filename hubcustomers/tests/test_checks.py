"""The system check of the database: a server that forgets what it acknowledged is refused."""

import pytest
from django.db import connection

from hubcustomers.checks import check_durability


def set_to(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])


def refused() -> set[str]:
    """Return the settings that the check refuses."""
    return {error.msg.split()[3] for error in check_durability(["default"]) if error.is_serious()}


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["on", "local", "remote_write", "remote_apply"])
def test_whatever_is_written_to_disk_first_is_fine(value: str) -> None:
    set_to("synchronous_commit", value)

    assert "synchronous_commit" not in refused()


@pytest.mark.django_db
def test_a_server_that_acknowledges_before_it_writes_is_refused() -> None:
    set_to("synchronous_commit", "off")

    assert "synchronous_commit" in refused()
    [error] = [error for error in check_durability(["default"]) if "commit" in error.msg]
    assert error.msg == (
        "PostgreSQL runs with synchronous_commit = off: after a power cut points would be missing"
        " that a till was told are recorded."
    )
    assert error.hint == "Set synchronous_commit = on."


@pytest.mark.django_db
def test_each_such_setting_of_the_server_is_refused() -> None:
    # These belong to the whole server; the one of the tests has them off unless it was given.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_settings"
            " WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'"
        )
        off = {name for (name,) in cursor.fetchall()}

    assert refused() == off


def test_without_a_database_nothing_is_asked() -> None:
    # ``manage.py check`` alone starts no server.
    assert check_durability() == []
