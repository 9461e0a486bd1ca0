"""``manage.py deliver_events``: workers send, with real connections, and stop well."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from callbacks import claims, services
from callbacks.claims import Claim
from callbacks.delivery import Worker
from callbacks.models import DeliveryAttempt, Event
from callbacks.tests.deliveries import (
    Receivers,
    claimed,
    due,
    fresh,
    make_till,
    wait_is_over,
)
from callbacks.tests.receivers import OK, answer
from conftest import HubClient


def run_once(threads: int = 8) -> None:
    Worker(threads).run(once=True)


@pytest.fixture
def running(transactional_db: None) -> Iterator[Callable[..., Worker]]:
    """Start workers in threads of this process, and stop them in the end."""
    started: list[tuple[Worker, threading.Thread]] = []

    def start(threads: int = 8) -> Worker:
        worker = Worker(threads)
        thread = threading.Thread(target=worker.run, daemon=True)
        started.append((worker, thread))
        thread.start()
        return worker

    yield start
    for worker, thread in started:
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def undone() -> int:
    return Event.objects.filter(acknowledged_at=None, given_up_at=None).count()


def hang(sock: socket.socket) -> None:
    sock.settimeout(20)
    sock.recv(1)


@pytest.mark.django_db(transaction=True)
def test_a_receiver_gets_what_the_client_would_retrieve(receiver: Receivers) -> None:
    listening = receiver()
    till = make_till(listening.url)
    event = due(
        till,
        7,
        event_type="update",
        location_id=till.location_id,
        new_state={"first_name": "Zoë", "balance": "1.0"},
        previous_state={"first_name": "Zoe", "balance": "1.0"},
    )
    retrieved = HubClient(till).get(f"/callback/events/{event.public_id}").json()

    run_once()

    [request] = listening.requests
    assert request.json == retrieved
    assert request.headers["content-type"] == "application/json"
    assert fresh(event).acknowledged_at is not None


@pytest.mark.django_db(transaction=True)
def test_each_try_sends_the_same_bytes(receiver: Receivers) -> None:
    listening = receiver(answer(500), answer(502), OK)
    event = due(make_till(listening.url), 7, new_state={"b": "1", "a": ["é", 2, None]})

    for _ in range(3):
        run_once()
        wait_is_over(event)

    assert len({request.body for request in listening.requests}) == 1
    assert len(listening.requests) == 3
    assert list(event.attempts_made.order_by("id").values_list("status", flat=True)) == [
        500,
        502,
        200,
    ]


@pytest.mark.django_db(transaction=True)
def test_once_delivers_all_that_is_due_in_order(receiver: Receivers) -> None:
    listening = receiver()
    till = make_till(listening.url)
    for version in range(5):
        for resource in range(4):
            due(till, resource, version, new_state={"version": version})

    call_command("deliver_events", "--once", "--workers", "3")

    assert undone() == 0
    told: dict[str, list[int]] = {}
    for request in listening.requests:
        told.setdefault(request.json["customer_id"], []).append(
            request.json["new_state"]["version"]
        )
    assert list(told.values()) == [[0, 1, 2, 3, 4]] * 4


@pytest.mark.django_db(transaction=True)
def test_a_worker_notices_new_events_quickly(receiver: Receivers, running) -> None:
    listening = receiver()
    till = make_till(listening.url)
    running()
    time.sleep(0.5)

    begin = time.monotonic()
    due(till, 1)
    eventually(lambda: len(listening.requests) == 1)

    assert time.monotonic() - begin < 1


@pytest.mark.django_db(transaction=True)
def test_dead_receivers_hold_up_nobody_else(receiver: Receivers, running, settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 1.0
    dead = [make_till(receiver(hang).url) for _ in range(3)]
    alive = receiver()
    till = make_till(alive.url)
    for number in range(50):
        for one in dead:
            due(one, number)
        due(till, number, due_at=timezone.now())

    begin = time.monotonic()
    running(8)
    eventually(lambda: len(alive.requests) == 50)

    assert time.monotonic() - begin < 3


@pytest.mark.django_db(transaction=True)
def test_a_failing_receiver_is_tried_with_one_event_at_a_time(
    receiver: Receivers, running, settings
) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 0.3
    most, now = 0, 0
    lock = threading.Lock()

    def count(sock: socket.socket) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        hang(sock)
        with lock:
            now -= 1

    till = make_till(receiver(OK, OK, OK, OK, OK, OK, count).url)
    for number in range(30):
        due(till, number)

    running(8)
    eventually(lambda: DeliveryAttempt.objects.filter(status=None).count() >= 6, 10)

    # Those that were on their way when the first one failed; after that, one by one.
    assert most <= settings.CALLBACK_IN_FLIGHT
    assert now <= 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_event_send_it_once(receiver: Receivers) -> None:
    listening = receiver()
    till = make_till(listening.url)
    for number in range(60):
        due(till, number)
    workers = [Worker(4) for _ in range(4)]
    threads = [threading.Thread(target=one.run, kwargs={"once": True}) for one in workers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    # Each stops when it finds nothing; what the last ones had in hand is done as well.
    run_once()
    assert undone() == 0
    assert len(listening.requests) == 60


@pytest.mark.django_db(transaction=True)
def test_one_of_many_claims_wins(transactional_db: None) -> None:
    till = make_till()
    for number in range(20):
        due(till, number)
    barrier = threading.Barrier(6)
    won: list[int] = []

    def claim_all() -> None:
        try:
            database.ensure_connection()
            barrier.wait(10)
            for _ in range(30):
                won.extend(claimed(1, several=[till.pk]))
        finally:
            database.close()

    threads = [threading.Thread(target=claim_all) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(won) == len(set(won))
    assert len(won) >= 4


@pytest.mark.django_db(transaction=True)
def test_replay_against_delivery_ends_with_each_told(receiver: Receivers, running) -> None:
    listening = receiver(*[answer(500), OK] * 40)
    till = make_till(listening.url)
    events = [due(till, number % 5, number // 5) for number in range(40)]
    running()

    # The back-office presses the button all the time, on everything that is not told.
    deadline = time.monotonic() + 15
    while undone() and time.monotonic() < deadline:
        services.replay(Event.objects.for_account(till.account).filter(acknowledged_at=None))

    assert undone() == 0
    accepted = DeliveryAttempt.objects.filter(status=200).values_list("event_id", flat=True)
    assert sorted(accepted) == sorted(event.pk for event in events)


@pytest.mark.django_db(transaction=True)
def test_a_stopped_worker_finishes_what_is_on_its_way(receiver: Receivers, running) -> None:
    def slowly(sock: socket.socket) -> None:
        time.sleep(0.5)
        sock.sendall(OK)

    listening = receiver(slowly)
    event = due(make_till(listening.url), 1)
    worker = running()
    eventually(lambda: len(listening.requests) == 1)

    worker.stop()

    eventually(lambda: fresh(event).acknowledged_at is not None)


@pytest.mark.django_db(transaction=True)
def test_a_stopped_worker_hands_back_what_takes_too_long(
    receiver: Receivers, running, settings
) -> None:
    settings.CALLBACK_STOP_SECONDS = 0.3
    listening = receiver(hang)
    event = due(make_till(listening.url), 1)
    worker = running()
    eventually(lambda: len(listening.requests) == 1)

    worker.stop()

    eventually(lambda: fresh(event).leased_until is None)
    assert (event.acknowledged_at, event.attempts) == (None, 0)
    assert not event.attempts_made.exists()
    assert claimed() == [event.pk]


@pytest.mark.django_db(transaction=True)
def test_a_worker_outlives_a_database_that_is_away(
    receiver: Receivers, running, monkeypatch
) -> None:
    listening = receiver()
    till = make_till(listening.url)
    real = claims.claim
    failures: list[int] = []

    def flaky(*args: Any, **kwargs: Any) -> list[Claim]:
        if len(failures) < 2:
            failures.append(1)
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return real(*args, **kwargs)

    monkeypatch.setattr(claims, "claim", flaky)
    monkeypatch.setattr("callbacks.delivery._PAUSE_SECONDS", 0.1)
    due(till, 1)

    running()

    eventually(lambda: undone() == 0)
    assert len(failures) == 2


@pytest.mark.django_db(transaction=True)
def test_an_event_that_cannot_be_signed_is_tried_and_given_up(receiver: Receivers) -> None:
    listening = receiver()
    till = make_till(listening.url)
    till.client.sealed_secret = "sealed with another key"
    till.client.save()
    event = due(till, 1)

    run_once()

    [attempt] = fresh(event).attempts_made.all()
    assert attempt.error.startswith("could not be written")
    assert event.due_at > timezone.now()
    assert listening.connections == 0


@pytest.mark.parametrize("number", ["0", "-1", "x", "1001", "٣"])
def test_the_number_of_workers_is_checked(number: str) -> None:
    with pytest.raises(CommandError, match="must be a whole number"):
        call_command("deliver_events", f"--workers={number}")


def test_the_command_explains_itself(capsys) -> None:
    with pytest.raises(SystemExit):
        call_command("deliver_events", "--help")

    told = " ".join(capsys.readouterr().out.split())
    assert "callback URLs" in told
    assert "deliver what is due now, then stop" in told
    assert "how many events to send at once" in told
