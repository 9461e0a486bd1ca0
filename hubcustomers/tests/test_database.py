"""Connections of the pool: as good as new when they are taken, and looked at after a rest."""

import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import DataError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

from customers.models import Customer
from customers.reads import customer_state
from hubcustomers.compiled import kept_cursor
from hubcustomers.tenancy.backend import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _new_pool() -> Iterator[None]:
    # Of one connection, so that each test meets the one it has spoilt.
    connection.close()
    connection.close_pool()
    execute("SELECT 1")
    yield
    connection.close()
    connection.close_pool()


def execute(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A connection beside the pool."""
    words = connection.get_connection_params()
    names = {"dbname", "user", "password", "host", "port"}
    given = {name: value for name, value in words.items() if name in names}
    with psycopg.connect(autocommit=True, **given) as made:
        yield made


def cut_all(other: psycopg.Connection) -> None:
    """End every session of the database but this one, and wait for their end."""
    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_connection_given_back_in_the_middle_of_everything_is_taken_as_new() -> None:
    pid = execute("SELECT pg_backend_pid()")
    block = transaction.atomic()
    block.__enter__()
    execute("SELECT 1")
    connection.savepoint()
    connection.close()
    # Django goes on to think of a transaction that has gone with its connection.
    block.__exit__(None, None, None)
    # The pool rolls it back behind the scenes, and may have another one meanwhile.
    while execute("SELECT pg_backend_pid()") != pid:
        connection.close()

    assert connection.connection.info.transaction_status == TransactionStatus.IDLE
    assert connection.connection.autocommit
    assert connection.get_autocommit()
    assert not connection.in_atomic_block
    assert connection.savepoint_ids == connection.run_on_commit == []
    with transaction.atomic():
        assert execute("SELECT 1") == 1


def test_what_was_cut_during_a_rest_is_replaced(other: psycopg.Connection) -> None:
    connection.close()
    cut_all(other)
    time.sleep(base._FRESH_SECONDS)

    assert execute("SELECT 1") == 1


def test_what_was_cut_within_an_instant_costs_one_failure(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    cut_all(other)
    with monkeypatch.context() as slow:
        # So long that this test is never slower.
        slow.setattr(base, "_FRESH_SECONDS", 60.0)

        with pytest.raises(OperationalError):
            execute("SELECT 1")
        connection.close()

    time.sleep(base._FRESH_SECONDS)
    assert execute("SELECT 1") == 1


# --- the kept cursor ----------------------------------------------------------------


def test_a_connection_keeps_one_cursor_for_its_statements() -> None:
    cursors = [kept_cursor() for _ in range(2)]

    assert cursors[0].cursor is cursors[1].cursor
    for cursor in cursors:
        cursor.execute("SELECT %s, 'x'", [7])
        assert cursor.fetchall() == [(7, "x")]


def test_a_statement_that_fails_does_not_spoil_it() -> None:
    for _ in range(3):
        with pytest.raises(DataError):
            kept_cursor().execute("SELECT 1 / 0")

    cursor = kept_cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_its_statements_are_counted_and_wrapped(
    django_assert_num_queries: Any, customer: Customer
) -> None:
    seen = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with django_assert_num_queries(1), connection.execute_wrapper(note):
        customer_state(customer.account_id, customer.customer_list_id, customer.pk)

    assert len(seen) == 1


def test_each_thread_has_its_own() -> None:
    found = []

    def look() -> None:
        cursor = kept_cursor()
        cursor.execute("SELECT pg_backend_pid()")
        found.append(cursor.fetchone())
        connection.close()

    thread = Thread(target=look)
    thread.start()
    thread.join()

    assert found != [(execute("SELECT pg_backend_pid()"),)]


def test_one_that_was_cut_is_gone_with_its_connection(other: psycopg.Connection) -> None:
    kept_cursor().execute("SELECT 1")
    connection.close()
    cut_all(other)
    time.sleep(base._FRESH_SECONDS)

    cursor = kept_cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
