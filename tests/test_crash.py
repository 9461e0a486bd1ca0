"""kill -9 in the middle of a run: whatever was acknowledged is there, and nothing is half-done.

The hub is started the way users start it, on a database of its own that keeps its promises.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from decimal import Decimal
from itertools import accumulate, cycle
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool, PoolTimeout

from hubcustomers.database import database_settings
from hubcustomers.embedded_postgres import EmbeddedPostgres

CHECKOUT = Path(__file__).resolve().parents[1]
WRITERS = 8
CALLERS = 16
DELTAS = ["4.2", "-0.000001", "-2.25", "13.5"]


class Hub:
    """A hub that runs in processes of its own, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.database = EmbeddedPostgres(folder / "postgres" / "18")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "DJANGO_SETTINGS_MODULE": "hubcustomers.settings",
            "HUB_DATA_DIR": str(folder),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKERS": "2",
        }
        self.folder = folder
        self.log = folder / "serve.log"
        self.token = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, until the block is left."""
        with self.log.open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "hubcustomers.serve"],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = server.pid
        try:
            # Quick alone, slow beside a whole suite on two cores.
            wait_until(self.answers, seconds=120)
            yield
        finally:
            # Granian takes its time to end once it has started a worker anew.
            for pid in [*self.workers(), *children(self.pid)]:
                os.kill(pid, signal.SIGKILL)
            server.wait(30)

    def answers(self) -> bool:
        try:
            with self.caller() as call:
                return call("GET", "/accounts")[0] == 401
        except ConnectionError:
            return False

    def connect(self) -> None:
        command = [sys.executable, "manage.py", "create_connection", "--json"]
        names = ["--account", "Bistro", "--location", "Paris", "--client", "Till"]
        printed = subprocess.check_output(
            [*command, *names], cwd=CHECKOUT, env=self.environment, text=True
        )
        self.token = json.loads(printed)["access_token"]

    @contextmanager
    def caller(self) -> Iterator[Callable[..., tuple[int, Any]]]:
        """Give a function that sends requests over one connection that stays open."""
        open_connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

        def call(method: str, path: str, **fields: Any) -> tuple[int, Any]:
            headers = {"Content-Type": "application/json", "X-Access-Token": self.token}
            try:
                open_connection.request(method, f"/v1{path}", json.dumps(fields), headers)
                answer = open_connection.getresponse()
                body = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                open_connection.close()
                raise ConnectionError from error
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) > 0
                assert body["error_type"] == "service_unavailable"
            return answer.status, body

        with closing(open_connection):
            yield call

    def kill_database(self) -> None:
        pid = int((self.database.data_dir / "postmaster.pid").read_text().split()[0])
        self.orphans = children(pid)
        os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        # Beside the web server, which has the workers, the event worker is a child too.
        [granian] = [pid for pid in children(self.pid) if b"granian" in command(pid)]
        return children(granian)

    def rows(self, sql: str) -> list[Any]:
        with psycopg.connect(
            host=str(self.database.socket_dir), user="hub", dbname="hub"
        ) as connection:
            return connection.execute(sql).fetchall()


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


class Writers:
    """Several tills that post operations to a few cards as fast as they are answered."""

    def __init__(self, hub: Hub, cards: list[str]) -> None:
        self.hub = hub
        self.cards = cards
        self.acknowledged: list[dict[str, Any]] = []
        self.statuses: Counter[int] = Counter()
        self.cut = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(30)

    def _write(self, number: int) -> None:
        turns = zip(cycle(DELTAS), cycle(self.cards[number % 2 :]), strict=False)
        with self.hub.caller() as call:
            while not self._stop.is_set():
                delta, card = next(turns)
                try:
                    status, body = call("POST", f"{card}/operations", delta=delta)
                except ConnectionError:
                    self.cut += 1
                    continue
                self.statuses[status] += 1
                if status == 200:
                    self.acknowledged.append(body)

    def wait_for_more(self, number: int) -> None:
        goal = len(self.acknowledged) + number
        wait_until(lambda: len(self.acknowledged) >= goal)

    @property
    def failed(self) -> int:
        return self.cut + self.statuses.total() - self.statuses[200]


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def make_cards(hub: Hub, number: int) -> list[str]:
    urls = []
    with hub.caller() as call:
        _, made = call("POST", "/location/customer_lists", name="Crash")
        below = f"/customer_lists/{made['id']}"
        for _ in range(number):
            _, owner = call("POST", f"{below}/customers")
            _, card = call("POST", f"{below}/loyalty_cards", customer_id=owner["id"], name="")
            urls.append(f"{below}/loyalty_cards/{card['id']}")
    return urls


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    # Not tmp_path, which is closed to the user who runs root's PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="hub-crash-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        hub = Hub(Path(name))
        with hub.running():
            hub.connect()
            yield hub


def check_chains(hub: Hub) -> set[tuple[Decimal, Decimal]]:
    """Check every card of the database; return each operation's delta and new balance."""
    cards = hub.rows(
        "SELECT card.balance, card.last_sequence, array_agg(o.sequence ORDER BY sequence),"
        " array_agg(o.delta ORDER BY sequence), array_agg(o.new_balance ORDER BY sequence)"
        " FROM loyalty_loyaltycard card JOIN loyalty_loyaltyoperation o"
        " ON o.card_id = card.id AND o.account_id = card.account_id"
        " GROUP BY card.id, card.account_id"
    )
    for balance, last_sequence, sequences, deltas, balances in cards:
        assert sequences == list(range(1, last_sequence + 1))
        assert balances == list(accumulate(deltas))
        assert balances[-1] == balance
    return {pair for card in cards for pair in zip(card[3], card[4], strict=True)}


def test_nobody_notices_a_kill_between_two_requests(hub: Hub) -> None:
    # The pools hold more connections than are in use; the restart cut them all.
    assert together(hub) == Counter({200: CALLERS})

    hub.kill_database()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in hub.orphans))

    assert together(hub) == Counter({200: CALLERS})
    assert together(hub) == Counter({200: CALLERS})


def together(hub: Hub) -> Counter[int]:
    """Send as many requests at once as the workers have threads; return their statuses."""

    def call(_: int) -> int:
        with hub.caller() as call:
            return call("GET", "/location/customer_lists")[0]

    with ThreadPoolExecutor(CALLERS) as threads:
        return Counter(threads.map(call, range(CALLERS)))


def test_a_server_that_was_away_for_long_is_found_at_once(hub: Hub) -> None:
    away = hub.folder / "away"
    url = f"postgresql:///hub?user=hub&host={away}"
    settings = database_settings(
        url=url, embedded=None, pool_size=4, statement_timeout_ms=0, lock_timeout_ms=0
    )
    with ConnectionPool(url, **settings["OPTIONS"]["pool"]) as pool:
        for _ in range(2):
            with pytest.raises(PoolTimeout), pool.connection():
                pass

        away.symlink_to(hub.database.socket_dir)

        with pool.connection(timeout=1.2) as found:
            assert found.execute("SELECT 1").fetchone() == (1,)


def test_what_was_acknowledged_survives_every_kill(hub: Hub) -> None:
    writers = Writers(hub, make_cards(hub, 3))

    with writers.running():
        writers.wait_for_more(200)
        for _ in range(2):
            hub.kill_database()
            writers.wait_for_more(300)
        worker = hub.workers()[0]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in hub.workers() and len(hub.workers()) == 2)
        writers.wait_for_more(300)

    assert set(writers.statuses) <= {200, 503}
    # Three times the call under way; on a busy machine also one that waited in vain for the
    # server to come back. A hub that did not recover would fail hundreds.
    assert writers.failed <= 6 * WRITERS
    told = {(Decimal(body["delta"]), Decimal(body["new_balance"])) for body in writers.acknowledged}
    assert told <= check_chains(hub)
