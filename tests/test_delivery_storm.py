"""1,000 events, receivers that do all that receivers do, and workers killed with -9.

Everything is real: changes of customers through the services, some of them rolled back,
worker processes and a receiver process. Afterwards nothing is missing, nothing came out of
order, and nothing came twice that was not on its way when a worker was killed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from accounts.factories import AccountFactory, ClientFactory, ConnectionFactory, LocationFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory
from callbacks.models import DeliveryAttempt, Event
from customers.factories import CustomerListFactory
from customers.models import CustomerList
from customers.services import create_customer, lock_customer, update_customer
from hubcustomers.public_ids import event_ids

CHECKOUT = Path(__file__).resolve().parents[1]
LISTENERS = 10
CUSTOMERS = 20  # of each listener
CHANGES = 5  # of each customer, its creation included
WORKERS = 2
THREADS = 8
KILLS = 3

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # One after another: together they would take more connections than a server has.
    pytest.mark.xdist_group("many connections"),
]


class RolledBack(Exception):
    """A change that is undone, and must not be told."""


class Workers:
    """Worker processes on the test database, to be killed together."""

    def __init__(self) -> None:
        own = connection.settings_dict
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.storm_settings",
            "DATABASE_URL": make_conninfo(
                dbname=own["NAME"],
                host=own["HOST"],
                port=own["PORT"] or None,
                user=own["USER"] or None,
                password=own["PASSWORD"] or None,
            ),
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.killed = 0
        self.on_the_way = 0

    def start(self) -> None:
        command = [sys.executable, "manage.py", "deliver_events", f"--workers={THREADS}"]
        self.processes = [
            subprocess.Popen(command, cwd=CHECKOUT, env=self._environment) for _ in range(WORKERS)
        ]

    def kill(self) -> None:
        """Kill all of them at one moment, and count what they had on its way."""
        self._signal(signal.SIGSTOP)
        time.sleep(0.05)  # until a statement that was under way has ended
        self.on_the_way += Event.objects.filter(leased_until__isnull=False).count()
        self._signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.killed += len(self.processes)

    def stop(self) -> list[int]:
        self._signal(signal.SIGTERM)
        return [process.wait(10) for process in self.processes]

    def _signal(self, number: int) -> None:
        for process in self.processes:
            process.send_signal(number)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


@pytest.fixture
def listeners() -> list[Connection]:
    """Connections that each listen at a location of its own."""
    account = AccountFactory()
    made = []
    for _ in range(LISTENERS):
        location = LocationFactory(account=account)
        made.append(ConnectionFactory(account=account, location=location))
        issue_token(made[-1])
    return made


@pytest.fixture
def log(tmp_path: Path, listeners: list[Connection]) -> Iterator[Path]:
    """What the receiver notes; it is told to each listener's callback."""
    path = tmp_path / "log"
    path.touch()
    secrets = ",".join(listener.client.client_secret for listener in listeners)
    script = str(CHECKOUT / "tests" / "storm_receiver.py")
    receiver = subprocess.Popen(
        [sys.executable, script, str(path), "1", secrets], stdout=subprocess.PIPE
    )
    port = int(receiver.stdout.readline())
    for number, listener in enumerate(listeners):
        CallbackFactory(connection=listener, url=f"http://127.0.0.1:{port}/{number}")
    yield path
    receiver.kill()
    receiver.wait()
    receiver.stdout.close()


def change_customers(customer_list: CustomerList, seed: int) -> None:
    """Create the list's customers and change each again and again; roll some changes back."""
    dice = random.Random(seed)
    client = ClientFactory()
    place = {"account_id": customer_list.account_id, "customer_list_id": customer_list.pk}
    told = []

    def change(customer_id: int | None, version: int) -> int:
        data = {"custom_fields": {"version": version}}
        with transaction.atomic():
            if customer_id is None:
                customer_id, _, _ = create_customer(**place, client=client, country="FR", data=data)
            else:
                customer = lock_customer(**place, customer_id=customer_id)
                update_customer(customer, client=client, country="FR", data=data)
            if dice.random() < 0.1:
                raise RolledBack
        return customer_id

    waiting: list[tuple[int | None, int]] = [(None, 0)] * CUSTOMERS
    while waiting:
        customer_id, version = waiting.pop(dice.randrange(len(waiting)))
        try:
            customer_id = change(customer_id, version)
        except RolledBack:
            waiting.append((customer_id, version))
            continue
        told.append(customer_id)
        if version + 1 < CHANGES:
            waiting.append((customer_id, version + 1))


def write(listeners: list[Connection]) -> None:
    try:
        for number, listener in enumerate(listeners):
            change_customers(
                CustomerListFactory(account=listener.account, location=listener.location), number
            )
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, f"{undone()} events are still undone"
        time.sleep(0.05)


def noted(log: Path, kind: str) -> list[list[str]]:
    """Return what the receiver noted of a kind, without the word itself."""
    lines = (line.split() for line in log.read_text().splitlines())
    return [words[1:] for words in lines if words[0] == kind]


def undone() -> int:
    return Event.objects.filter(acknowledged_at=None).count()


def test_nothing_is_lost_and_nothing_overtakes(
    listeners: list[Connection], log: Path, workers: Workers, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = time.monotonic()
    writers = [
        threading.Thread(target=write, args=(part,))
        for part in (listeners[: LISTENERS // 2], listeners[LISTENERS // 2 :])
    ]

    workers.start()
    for writer in writers:
        writer.start()
    for number in range(KILLS):
        wait_for(lambda n=number: len(noted(log, "answer")) > (n + 1) * 200)
        workers.kill()
        workers.start()
    for writer in writers:
        writer.join()
    wait_for(lambda: not undone())
    took = time.monotonic() - begin
    assert workers.stop() == [0] * WORKERS

    events = list(Event.objects.order_by("id"))
    assert len(events) == LISTENERS * CUSTOMERS * CHANGES
    begun, answers = noted(log, "begin"), noted(log, "answer")
    accepted = Counter(number for number, status, _ in answers if 200 <= int(status) <= 499)
    again = accepted.total() - len(accepted)
    moods = Counter(mood for _, _, mood in answers)
    with capsys.disabled():
        print(
            f"\n{len(events)} events in {took:.1f} s: {len(begun)} tries, {again} came twice,"
            f" {workers.on_the_way} were on their way when {workers.killed} workers were killed;"
            f" answers: {dict(moods)}"
        )

    # Nothing is missing, and what was rolled back was not told.
    assert set(accepted) == {event_ids.encode(event.pk) for event in events}
    # Nothing overtakes: no resource ever goes back to an earlier version.
    versions = defaultdict(list)
    for _, customer, version, _ in begun:
        versions[customer].append(int(version))
    assert all(seen == sorted(seen) for seen in versions.values())
    assert {frozenset(seen) for seen in versions.values()} == {frozenset(range(CHANGES))}
    # Twice only what was on its way, and each try with the same bytes.
    assert again <= workers.on_the_way
    assert len({(number, body) for number, _, _, body in begun}) == len(events)
    assert not noted(log, "forged")
    # Each try is in the database too, but for those of killed workers.
    assert len(begun) - workers.on_the_way <= DeliveryAttempt.objects.count() <= len(begun)
