"""``manage.py deliver_events``: whose turn an event is, and what becomes of it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token, revoke_tokens, set_blocked
from callbacks import claims, services
from callbacks.claims import Claim
from callbacks.delivery import Standing, Worker
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.models import Callback, DeliveryAttempt, Event
from callbacks.sending import Outcome
from callbacks.tests.receivers import OK, Receiver, answer
from conftest import HubClient

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TAKEN = Outcome(200, None, 0.01)
FAILED = Outcome(503, None, 0.01)
SILENT = Outcome(None, "no answer within 20 seconds", 20.0)
Receivers = Callable[..., Receiver]


def make_till(url: str | None = "https://example.com/", **fields: Any) -> Connection:
    till = ConnectionFactory(**fields)
    issue_token(till)
    CallbackFactory(connection=till, url=url)
    return till


@pytest.fixture
def till(db: None) -> Connection:
    """A connection whose events are sent."""
    return make_till()


def due(till: Connection, resource: int, version: int = 0, **fields: Any) -> Event:
    fields = {"due_at": LONG_AGO + timedelta(seconds=version), **fields}
    return EventFactory(connection=till, resource_id=resource, version=version, **fields)


def claimed(limit: int = 100, **limits: Any) -> list[int]:
    return [claim.event.id for claim in claims.claim(limit, **limits)]


def claim_one() -> Claim:
    [claim] = claims.claim(1, several=Connection.objects.values_list("pk", flat=True))
    return claim


def wait_is_over(event: Event) -> None:
    Event.objects.for_account(event.account).filter(pk=event.pk).update(due_at=LONG_AGO)


def lease_is_over(event: Event) -> None:
    Event.objects.for_account(event.account).filter(pk=event.pk).update(leased_until=LONG_AGO)


def seconds_until(moment: datetime) -> float:
    return (moment - timezone.now()).total_seconds()


def fresh(event: Event) -> Event:
    event.refresh_from_db()
    return event


# --- whose turn it is ---------------------------------------------------------------


def test_the_oldest_due_event_is_claimed_first(till: Connection) -> None:
    later = due(till, 1, due_at=LONG_AGO + timedelta(hours=1))
    first = due(till, 2)
    due(till, 3, due_at=timezone.now() + timedelta(hours=1))
    due(till, 4, acknowledged_at=LONG_AGO)
    due(till, 5, given_up_at=LONG_AGO)

    assert claimed(several=[till.pk]) == [first.pk, later.pk]


def test_a_claim_is_for_30_seconds_and_for_one(till: Connection) -> None:
    event = due(till, 1)

    claim = claim_one()

    assert 25 < seconds_until(claim.leased_until) <= 30
    assert claimed() == []
    lease_is_over(event)
    assert claimed() == [event.pk]


def test_events_of_one_resource_go_one_after_the_other(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    other = due(till, 2)
    namesake = due(till, 1, resource_type="order", customer_list_id=None)
    limits = {"several": [till.pk]}

    assert set(claimed(**limits)) == {first.pk, other.pk, namesake.pk}
    lease_is_over(first)
    claim = claim_one()
    assert claim.event.id == first.pk
    claims.settle(claim, TAKEN)

    assert claimed(**limits) == [second.pk]


def test_another_connection_has_an_order_of_its_own(till: Connection) -> None:
    due(till, 1, version=1)
    other = make_till(account=till.account)
    second = due(other, 1, version=2)

    assert second.pk in claimed()


def test_a_failed_event_holds_up_its_resource_only(till: Connection) -> None:
    first, second, third = (due(till, 1, version=number) for number in range(3))
    other = due(till, 2, due_at=timezone.now())

    claims.settle(claim_one(), FAILED)

    assert claimed() == [other.pk]
    # The later ones wait as long, so that nobody looks at them in vain.
    assert fresh(second).due_at == fresh(third).due_at == fresh(first).due_at
    wait_is_over(first)
    claim = claim_one()
    assert claim.event.id == first.pk
    claims.settle(claim, TAKEN)
    lease_is_over(other)
    for event in (second, third):
        claim = next(one for one in claims.claim(9, several=[till.pk]) if one.event.id != other.pk)
        assert claim.event.id == event.pk
        claims.settle(claim, TAKEN)


def test_an_event_given_up_lets_the_next_one_go(till: Connection, settings) -> None:
    settings.CALLBACK_RETRY_SECONDS = []
    first, second = due(till, 1, version=1), due(till, 1, version=2)

    claims.settle(claim_one(), FAILED)

    assert fresh(first).given_up_at is not None
    assert claimed() == [second.pk]


@pytest.mark.parametrize("how", ["no url", "no callback", "blocked", "revoked"])
def test_who_cannot_be_sent_to_gets_nothing(till: Connection, how: str) -> None:
    event = due(till, 1)
    callbacks = Callback.objects.for_account(till.account)
    match how:
        case "no url":
            callbacks.update(url=None)
        case "no callback":
            callbacks.delete()
        case "blocked":
            set_blocked(till, blocked=True)
        case "revoked":
            revoke_tokens(till)

    assert claimed() == []

    match how:
        case "blocked":
            set_blocked(till, blocked=False)
        case "revoked":
            issue_token(till)
        case _:
            services.set_callback(till, url="https://example.com/", events={})
    assert claimed() == [event.pk]


def test_an_event_recorded_while_the_url_came_is_found(till: Connection) -> None:
    event = due(till, 1, due_at=None)
    passive = make_till(url=None)
    due(passive, 1, due_at=None)
    assert claimed() == []

    assert claims.find_missed() == 1

    assert claimed() == [event.pk]


def test_one_connection_gets_a_few_at_once_where_it_does_well(till: Connection) -> None:
    for number in range(10):
        due(till, number)
    other = due(make_till(), 1, due_at=timezone.now())

    assert len(claimed(several=[])) == 2  # one each
    assert len(claimed(several=[till.pk])) == 3
    assert claimed(several=[till.pk]) == []
    lease_is_over(other)
    assert claimed(left_out=[other.connection_id]) == []
    assert claimed() == [other.pk]


def test_bad_receivers_together_get_half_of_the_threads() -> None:
    standing = Standing(threads=8)
    for number in range(10):
        standing.note(number, FAILED if number < 7 else TAKEN)
    standing.note(9, Outcome(200, None, 6.0))

    assert standing.good() == [7, 8]
    assert len(standing.left_out(busy=[])) == 8 - 4
    assert len(standing.left_out(busy=[0, 1, 7, 7])) == 8 - 2
    standing.note(0, TAKEN)
    assert standing.good() == [0, 7, 8]


# --- what becomes of it -------------------------------------------------------------


def test_it_is_tried_after_1_2_4_8_16_and_32_minutes_then_given_up(till: Connection) -> None:
    event = due(till, 1)
    waits = []

    for _ in range(6):
        claims.settle(claim_one(), FAILED)
        waits.append(round(seconds_until(fresh(event).due_at) / 60, 1))
        assert claimed() == []
        wait_is_over(event)
    claims.settle(claim_one(), SILENT)

    assert waits == [1, 2, 4, 8, 16, 32]
    assert fresh(event).given_up_at is not None
    assert event.attempts == 7
    assert claimed() == []
    attempts = list(event.attempts_made.order_by("id"))
    assert [one.status for one in attempts] == [503] * 6 + [None]
    assert (attempts[-1].error, attempts[-1].duration_ms) == (SILENT.error, 20_000)
    assert 19 < -seconds_until(attempts[-1].started_at) < 25


def test_an_acknowledged_event_is_done(till: Connection) -> None:
    event = due(till, 1)

    assert claims.settle(claim_one(), TAKEN)

    assert fresh(event).acknowledged_at is not None
    assert (event.leased_until, event.given_up_at, event.attempts) == (None, None, 1)
    assert claimed() == []


def test_a_lost_lease_settles_nothing_but_the_try_is_noted(till: Connection) -> None:
    event = due(till, 1)
    lost = claim_one()
    lease_is_over(event)
    kept = claim_one()

    assert not claims.settle(lost, FAILED)

    assert fresh(event).leased_until == kept.leased_until
    assert claims.settle(kept, TAKEN)
    assert fresh(event).acknowledged_at is not None
    assert not claims.settle(lost, FAILED)
    assert fresh(event).acknowledged_at is not None
    assert event.attempts_made.count() == 3


def test_an_event_handed_back_is_due_at_once(till: Connection) -> None:
    event = due(till, 1)

    assert claims.hand_back(claim_one())

    assert fresh(event).attempts == 0
    assert claimed() == [event.pk]


def test_the_client_may_acknowledge_what_is_on_its_way(till: Connection) -> None:
    event, second = due(till, 1, version=1), due(till, 1, version=2)
    claim = claim_one()

    HubClient(till).delete(f"/callback/events/{event.public_id}")
    acknowledged_at = fresh(event).acknowledged_at
    claims.settle(claim, FAILED)

    assert fresh(event).acknowledged_at == acknowledged_at
    assert event.given_up_at is None
    assert claimed() == [second.pk]


def test_what_the_client_acknowledges_lets_the_next_one_go(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    claims.settle(claim_one(), FAILED)
    assert claimed() == []

    HubClient(till).delete(f"/callback/events/{first.public_id}")

    assert claimed() == [second.pk]


def test_an_event_whose_connection_went_is_nobodys(till: Connection) -> None:
    due(till, 1)
    claim = claim_one()
    till.delete()

    assert not claims.settle(claim, TAKEN)


# --- replay and discard -------------------------------------------------------------


def test_a_replayed_event_is_due_and_as_it_was(till: Connection) -> None:
    event = due(till, 1, given_up_at=LONG_AGO, attempts=7)
    done = due(till, 2, acknowledged_at=LONG_AGO)

    assert services.replay([event, done]) == 1

    claim = claim_one()
    assert (claim.event.id, claim.attempts) == (event.pk, 0)
    assert services.replay([event]) == 0  # on its way
    claims.settle(claim, FAILED)
    assert services.replay([event]) == 1  # waiting
    assert claim_one().event.id == event.pk


def test_a_replayed_event_does_not_overtake_one_on_its_way(till: Connection) -> None:
    first = due(till, 1, version=1, given_up_at=LONG_AGO)
    second = due(till, 1, version=2)
    claim = claim_one()
    assert claim.event.id == second.pk

    services.replay([first])

    assert claimed(several=[till.pk]) == []
    claims.settle(claim, TAKEN)
    assert claimed() == [first.pk]


def test_a_discarded_event_lets_the_next_one_go(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    claims.settle(claim_one(), FAILED)

    assert services.discard([first]) == 1

    assert claimed() == [second.pk]
    assert services.discard([first]) == 0
    assert HubClient(till).get(f"/callback/events/{first.public_id}").status_code == 404


# --- with real connections ----------------------------------------------------------


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
