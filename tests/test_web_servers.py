"""The hub behind the web servers that the README names, and what it says when it has too much.

The requests come over real sockets: what a server does to bodies, headers and methods before
and after our own code is part of what a till sees.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPMessage
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from conftest import HubClient
from customers.models import Customer
from loyalty.models import LoyaltyCard
from tests.web_server import PROGRAMS, WebServer, database_words, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # One after another: together they would take more connections than a server has.
    pytest.mark.xdist_group("many connections"),
]

Answer = tuple[int, HTTPMessage, bytes]


def customer_path(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


def operations_path(card: LoyaltyCard) -> str:
    base = f"/customer_lists/{card.customer_list.public_id}"
    return f"{base}/loyalty_cards/{card.public_id}/operations"


def check_refused(answer: Answer, status: int, error_type: str) -> None:
    assert (answer[0], json.loads(answer[2])["error_type"]) == (status, error_type)
    assert answer[1]["Content-Type"] == "application/json"


def check_busy(answer: Answer, status: int, error_type: str) -> None:
    check_refused(answer, status, error_type)
    assert int(answer[1]["Retry-After"]) >= 1


# --- the servers --------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_server_serves_the_same(
    api: HubClient, card: LoyaltyCard, tmp_path: Path, program: str
) -> None:
    path = customer_path(card.customer)
    expected = api.get(path)
    server = WebServer(tmp_path, program=program)

    with server.running():
        read, head = (server.ask(method, path, token=api.token) for method in ("GET", "HEAD"))
        posted = server.ask("POST", operations_path(card), {"delta": "4.2"}, token=api.token)
        unknown, unauthorized = server.ask("GET", "/nope"), server.ask("GET", path)

    assert (read[0], read[2]) == (200, expected.content)
    assert (head[0], head[2]) == (200, b"")
    # Each request has an id of its own.
    alike = {name: value for name, value in expected.headers.items() if name != "X-Request-Id"}
    for name, value in alike.items():
        assert read[1].get_all(name) == head[1].get_all(name) == [value]
    assert (posted[0], json.loads(posted[2])["new_balance"]) == (200, "4.2")
    check_refused(unknown, 404, "routing_error")
    check_refused(unauthorized, 401, "unauthorized")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_server_reads_bodies_the_same(
    api: HubClient, customer: Customer, tmp_path: Path, program: str
) -> None:
    path = customer_path(customer)
    server = WebServer(tmp_path, program=program)

    with server.running():
        # Without a length they are sent in chunks.
        chunks = iter([b'{"city": "Li', b'\xc3\xa8ge"}'])
        in_chunks = server.ask("PATCH", path, chunks, token=api.token)
        too_many = server.ask("PATCH", path, iter([b" " * 700_000] * 2), token=api.token)
        headers = {"X-Http-Method-Override": "PUT"}
        overridden = server.ask("POST", path, {"city": "Lyon"}, token=api.token, headers=headers)

    assert (in_chunks[0], json.loads(in_chunks[2])["city"]) == (200, "Liège")
    check_refused(too_many, 413, "payload_too_large")
    assert (overridden[0], json.loads(overridden[2])["city"]) == (200, "Lyon")


# --- too much -----------------------------------------------------------------------


@contextmanager
def held(card: LoyaltyCard) -> Iterator[None]:
    """Hold the card's row, so that nobody can post to it."""
    with psycopg.connect(**database_words()) as holder:
        holder.execute(
            "SELECT id FROM loyalty_loyaltycard WHERE account_id = %s AND id = %s FOR UPDATE",
            [card.account_id, card.pk],
        )
        yield


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND cardinality(pg_blocking_pids(pid)) > 0)"
        )
        return bool(cursor.fetchone()[0])


def test_who_finds_no_connection_free_is_told_so_after_two_seconds(
    api: HubClient, card: LoyaltyCard, tmp_path: Path
) -> None:
    server = WebServer(tmp_path, DATABASE_POOL_SIZE="1", DATABASE_LOCK_TIMEOUT_MS="60000")
    path, operations = customer_path(card.customer), operations_path(card)

    with server.running(), ExitStack() as lock:
        lock.enter_context(held(card))
        with server.sent("POST", operations, {"delta": "1"}, token=api.token) as slow:
            wait_until(somebody_waits)
            begin = time.monotonic()
            refused = server.ask("GET", path, token=api.token)
            took = time.monotonic() - begin
            lock.close()
            waited = slow.getresponse().status
        later = server.ask("GET", path, token=api.token)

    check_busy(refused, 503, "service_unavailable")
    assert took >= 1.9
    # Whoever had the connection was served, and so is everybody now.
    assert (waited, later[0]) == (200, 200)


def test_who_waits_two_seconds_for_a_lock_is_told_so(
    api: HubClient, card: LoyaltyCard, tmp_path: Path
) -> None:
    server = WebServer(tmp_path)

    with server.running(), held(card):
        begin = time.monotonic()
        refused = server.ask("POST", operations_path(card), {"delta": "1"}, token=api.token)
        took = time.monotonic() - begin

    check_busy(refused, 409, "conflict")
    assert 1.9 <= took < 5
    assert api.get(operations_path(card)).json() == []


def test_a_statement_that_takes_too_long_is_ended(
    api: HubClient, card: LoyaltyCard, tmp_path: Path
) -> None:
    server = WebServer(
        tmp_path, DATABASE_LOCK_TIMEOUT_MS="60000", DATABASE_STATEMENT_TIMEOUT_MS="500"
    )

    with server.running(), held(card):
        refused = server.ask("POST", operations_path(card), {"delta": "1"}, token=api.token)

    check_busy(refused, 503, "service_unavailable")
    assert api.get(operations_path(card)).json() == []


def test_a_database_that_is_nowhere_is_told_in_time(api: HubClient, tmp_path: Path) -> None:
    server = WebServer(tmp_path, DATABASE_URL="postgres://hub@127.0.0.1:9/hub")

    with server.running():
        begin = time.monotonic()
        refused = server.ask("GET", "/location", token=api.token)
        took = time.monotonic() - begin
        unknown = server.ask("GET", "/nope", token=api.token)

    check_busy(refused, 503, "service_unavailable")
    assert took < 5
    # What needs no database is served all the same.
    check_refused(unknown, 404, "routing_error")
