"""Idempotency-Key under fire: parallel repeats, attempts killed half-way, servers killed."""

import http.client
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.http import HttpResponse

from accounts import idempotency
from accounts.models import Connection, IdempotentAnswer
from conftest import HubClient
from loyalty.models import LoyaltyCard, LoyaltyOperation
from tests.web_server import WebServer, database_words, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # One after another: together they would take more connections than a server has.
    pytest.mark.xdist_group("many connections"),
]

CHECKOUT = Path(__file__).resolve().parents[1]
REPEATS = 32
KEYS = 200


def operations_url(card: LoyaltyCard) -> str:
    below = f"loyalty_cards/{card.public_id}/operations"
    return f"/customer_lists/{card.customer_list.public_id}/{below}"


def post(api: HubClient, card: LoyaltyCard, key: str, delta: str = "1") -> HttpResponse:
    return api.request(
        "POST", operations_url(card), {"delta": delta}, headers={"Idempotency-Key": key}
    )


def operations(card: LoyaltyCard):
    return LoyaltyOperation.objects.for_account(card.account_id).filter(card=card)


# --- many repeats at once -----------------------------------------------------------


class Killer:
    """Ends the database session of the first attempts of some keys, effect done, no answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.killed: Counter[str] = Counter()
        self._lock = threading.Lock()
        complete = idempotency.Attempt.complete

        def complete_or_die(attempt: idempotency.Attempt, answer: idempotency.Answer) -> None:
            if self._chooses(attempt._values["key"]):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            complete(attempt, answer)

        monkeypatch.setattr(idempotency.Attempt, "complete", complete_or_die)

    def _chooses(self, key: str) -> bool:
        with self._lock:
            if int(key) % 4 or self.killed[key] == 2:
                return False
            self.killed[key] += 1
            return True


def test_32_repeats_of_200_keys_make_one_effect_and_one_answer_each(
    api: HubClient, card: LoyaltyCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = Killer(monkeypatch)
    barrier = threading.Barrier(REPEATS)
    told: dict[str, list[bytes]] = {str(number): [] for number in range(KEYS)}
    statuses: Counter[int] = Counter()

    def repeat(_: int) -> None:
        try:
            for key, bodies in told.items():
                # Together, or the first would be done before the others ask.
                barrier.wait(60)
                while (answer := post(api, card, key)).status_code != 200:
                    statuses[answer.status_code] += 1
                bodies.append(answer.content)
        except BaseException:
            barrier.abort()
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(REPEATS) as threads:
        list(threads.map(repeat, range(REPEATS)))

    # Who is killed hears 503, nobody else hears anything but the answer.
    assert statuses == {503: sum(killer.killed.values())}
    assert killer.killed == dict.fromkeys(map(str, range(0, KEYS, 4)), 2)
    assert {len(bodies) for bodies in told.values()} == {REPEATS}
    assert {len(set(bodies)) for bodies in told.values()} == {1}
    ids = {json.loads(bodies[0])["id"] for bodies in told.values()}
    assert ids == {operation.public_id for operation in operations(card)}
    assert operations(card).count() == KEYS
    card.refresh_from_db()
    assert card.balance == KEYS


def test_of_two_requests_with_one_key_one_is_refused(api: HubClient, card: LoyaltyCard) -> None:
    barrier = threading.Barrier(8)

    def send(number: int) -> list[tuple[int, str]]:
        delta = str(1 + number % 2)
        answers = []
        try:
            for key in range(20):
                barrier.wait(60)
                answers.append((post(api, card, f"key {key}", delta).status_code, delta))
        finally:
            connection.close()
        return answers

    with ThreadPoolExecutor(8) as threads:
        by_key = list(zip(*threads.map(send, range(8)), strict=True))

    for answers in by_key:
        accepted = {delta for status, delta in answers if status == 200}
        refused = {delta for status, delta in answers if status == 422}
        assert len(accepted) == len(refused) == 1
        assert accepted != refused
    assert operations(card).count() == 20


def test_a_repeat_waits_two_seconds_for_the_first_and_then_hears_409(
    bistro: Connection, api: HubClient, card: LoyaltyCard
) -> None:
    answers: list[HttpResponse] = []

    def repeat() -> None:
        try:
            answers.append(post(api, card, "slow"))
        finally:
            connection.close()

    begin = time.monotonic()
    with transaction.atomic():
        assert idempotency.Attempt(bistro, "slow", b"x" * 32).claim() is None
        thread = threading.Thread(target=repeat)
        thread.start()
        thread.join(10)
        transaction.set_rollback(True)

    [answer] = answers
    assert 2 <= time.monotonic() - begin < 4
    assert answer.status_code == 409
    assert answer.json()["error_type"] == "conflict"
    assert answer["Retry-After"] == "1"
    assert not operations(card).exists()
    # The first failed after all, so the key is free.
    assert post(api, card, "slow").status_code == 200


def test_two_repeats_of_a_key_that_is_old_execute_once(
    bistro: Connection, api: HubClient, card: LoyaltyCard
) -> None:
    for key in range(20):
        post(api, card, f"key {key}")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_idempotentanswer SET created_at = created_at - interval '25 hours'"
        )
    barrier = threading.Barrier(4)

    def repeat(_: int) -> list[bytes]:
        try:
            bodies = []
            for key in range(20):
                barrier.wait(60)
                bodies.append(post(api, card, f"key {key}").content)
            return bodies
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        by_key = list(zip(*threads.map(repeat, range(4)), strict=True))

    assert {len(set(bodies)) for bodies in by_key} == {1}
    assert operations(card).count() == 40
    assert IdempotentAnswer.objects.for_account(bistro.account).count() == 20


# --- the web server is killed -------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    # A minute, as if nobody ever lost patience: the test alone ends the wait.
    patience = dict.fromkeys(("DATABASE_LOCK_TIMEOUT_MS", "DATABASE_STATEMENT_TIMEOUT_MS"), "60000")
    server = WebServer(tmp_path, **patience)
    with server.running():
        yield server


@contextmanager
def held_commits() -> Iterator[Callable[[], Any]]:
    """Hold every transaction that claims a key at its end, after effect and answer.

    Gives what lets them go: the COMMIT has been sent already and needs nothing but time.
    """
    with psycopg.connect(**database_words(), autocommit=True) as holder:
        holder.execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$"
        )
        holder.execute(
            "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON accounts_idempotentanswer"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()"
        )
        holder.execute("SELECT pg_advisory_lock(42)")
        try:
            yield lambda: holder.execute("SELECT pg_advisory_unlock_all()")
        finally:
            holder.execute("SELECT pg_advisory_unlock_all()")
            holder.execute("DROP FUNCTION hold() CASCADE")


def waiting() -> int:
    """Return how many sessions wait for a lock of others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def kept_answers(bistro: Connection) -> int:
    return IdempotentAnswer.objects.for_account(bistro.account).count()


@contextmanager
def sent(
    server: WebServer, api: HubClient, card: LoyaltyCard, key: str
) -> Iterator[http.client.HTTPConnection]:
    """Send an operation and give the connection, its answer not read."""
    headers = {"Idempotency-Key": key}
    with server.sent(
        "POST", operations_url(card), {"delta": "1"}, token=api.token, headers=headers
    ) as till:
        yield till


def ask(
    server: WebServer, api: HubClient, card: LoyaltyCard, key: str
) -> tuple[int, str | None, bytes]:
    """Send an operation; return status, whether the answer is a stored one, and body."""
    with sent(server, api, card, key) as till:
        answer = till.getresponse()
        return answer.status, answer.headers["Idempotency-Replayed"], answer.read()


def check_cut(till: http.client.HTTPConnection) -> None:
    with suppress(OSError, http.client.HTTPException):
        answer = till.getresponse()
        pytest.fail(f"It was answered: {answer.status} {answer.read()!r}")


def check_the_repeat(
    server: WebServer, api: HubClient, card: LoyaltyCard, *, replayed: str | None
) -> None:
    server.start()
    first, second = (ask(server, api, card, "till 7") for _ in range(2))

    assert first[:2] == (200, replayed)
    assert second == (200, "true", first[2])
    [operation] = operations(card)
    assert json.loads(first[2])["id"] == operation.public_id
    card.refresh_from_db()
    assert card.balance == 1


def test_a_server_killed_between_commit_and_answer_has_the_answer_for_the_repeat(
    bistro: Connection, api: HubClient, card: LoyaltyCard, server: WebServer
) -> None:
    with held_commits() as let_commits_go, sent(server, api, card, "till 7") as till:
        wait_until(waiting)
        # The COMMIT is with PostgreSQL; the worker that stands still never hears of its end.
        server.signal(signal.SIGSTOP)
        assert kept_answers(bistro) == 0
        let_commits_go()
        wait_until(lambda: kept_answers(bistro) == 1)
        server.kill()
        check_cut(till)
    assert operations(card).count() == 1

    check_the_repeat(server, api, card, replayed="true")


def test_a_server_killed_before_its_commit_leaves_the_whole_to_the_repeat(
    bistro: Connection, api: HubClient, card: LoyaltyCard, server: WebServer
) -> None:
    with psycopg.connect(**database_words()) as holder:
        holder.execute("SELECT id FROM loyalty_loyaltycard FOR UPDATE")
        with sent(server, api, card, "till 7") as till:
            wait_until(waiting)
            server.kill()
            check_cut(till)
    wait_until(lambda: not waiting())
    assert not operations(card).exists()

    check_the_repeat(server, api, card, replayed=None)


def test_a_server_killed_as_soon_as_the_commit_shows_answers_the_repeat(
    bistro: Connection, api: HubClient, card: LoyaltyCard, server: WebServer
) -> None:
    with sent(server, api, card, "till 7"):
        wait_until(lambda: kept_answers(bistro))
        server.kill()

    check_the_repeat(server, api, card, replayed="true")
