"""TERM in the middle of the work: what was begun is finished, and nothing is lost.

Web server and workers run in processes of their own, on a database of their own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hubcustomers import serve
from hubcustomers.embedded_postgres import EmbeddedPostgres

CHECKOUT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, "manage.py"]
# The worker, with a kind of jobs that takes three slow steps.
SLOW_JOBS = """
import time
import django
django.setup()
from django.core.management import execute_from_command_line
from django.db import transaction
from transfer import jobs

def step(job):
    with transaction.atomic():
        jobs.hold(job)
        job.done += 1
        jobs.save_progress(job)
        time.sleep(1)
    if job.done == 3:
        jobs.finish(job)
    return job.done < 3

jobs.register_kind("slow", step)
execute_from_command_line(["manage.py", "run_jobs"])
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Place:
    """A migrated hub in a folder of its own, of which nothing runs yet."""

    def __init__(self, folder: Path) -> None:
        self.database = EmbeddedPostgres(folder / "postgres" / "18")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "HUB_DATA_DIR": str(folder),
            "HUB_ALLOW_PRIVATE_CALLBACKS": "1",
            "LOG_FORMAT": "json",
            "DJANGO_SETTINGS_MODULE": "hubcustomers.settings",
        }

    def manage(self, *words: str) -> str:
        return subprocess.check_output(
            [*MANAGE, *words], cwd=CHECKOUT, env=self.environment, text=True
        )

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(words, cwd=CHECKOUT, env=self.environment, start_new_session=True)

    def connect(self) -> "psycopg.Connection[Any]":
        host, user = str(self.database.socket_dir), self.database.user
        return psycopg.connect(host=host, port=5432, user=user, dbname="hub", autocommit=True)

    def ask(self, sql: str) -> Any:
        with self.connect() as connection:
            return connection.execute(sql).fetchone()[0]

    def wait_for(self, sql: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.ask(sql):
            assert time.monotonic() < deadline, sql
            time.sleep(0.1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("hub"))
    made.database.ensure()
    made.manage("migrate", "--verbosity", "0")
    names = ["--account", "Bistro", "--location", "Paris", "--client", "Till"]
    made.token = json.loads(made.manage("create_connection", *names, "--json"))["access_token"]
    yield made
    made.database.release()


def call(port: int, token: str, method: str, path: str, **fields: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "X-Access-Token": token}
    connection.request(method, f"/v1{path}", json.dumps(fields), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def wait_for_port(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("nobody listens")


def granian(port: int) -> list[str]:
    return serve.web_server("127.0.0.1", port)


def gunicorn(port: int) -> list[str]:
    options = ["--workers=2", "--worker-class=gthread", "--threads=8"]
    words = [f"--bind=127.0.0.1:{port}", "hubcustomers.wsgi"]
    return [sys.executable, "-m", "gunicorn", *options, *words]


@pytest.mark.parametrize("server", [granian, gunicorn])
def test_a_call_in_flight_is_finished(place: Place, server: Any) -> None:
    port = free_port()
    process = place.start(*server(port))
    wait_for_port(port)
    _, found = call(port, place.token, "POST", "/location/customer_lists", name=f"List {port}")
    answers: list[tuple[int, Any]] = []

    def create() -> None:
        path = f"/customer_lists/{found['id']}/customers"
        answers.append(call(port, place.token, "POST", path, first_name="Jimmy"))

    with place.connect() as other:
        # The call waits for this lock, and TERM comes meanwhile.
        other.execute("BEGIN")
        other.execute("LOCK TABLE customers_customer IN SHARE MODE")
        caller = threading.Thread(target=create)
        caller.start()
        place.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        other.execute("COMMIT")
    caller.join(30)

    assert [status for status, _ in answers] == [200]
    assert process.wait(20) == 0
    assert place.ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0


class Slow(BaseHTTPRequestHandler):
    """A receiver that takes a while."""

    seen: list[str] = []

    def do_POST(self) -> None:
        self.seen.append("begun")
        time.sleep(2)
        self.send_response(200)
        self.end_headers()
        self.seen.append("done")

    def log_message(self, *args: object) -> None:
        pass


def test_an_event_on_its_way_arrives_once(place: Place) -> None:
    receiver = HTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with place.connect() as database:
        database.execute(
            "INSERT INTO callbacks_callback (account_id, connection_id, url, events)"
            " SELECT account_id, id, %s, '{}' FROM accounts_connection",
            [f"http://127.0.0.1:{receiver.server_port}/"],
        )
        database.execute(
            "INSERT INTO callbacks_event (account_id, connection_id, resource_type, event_type,"
            " resource_id, version, customer_list_id, new_state, due_at)"
            " SELECT account_id, id, 'customer', 'create', 1, 1, 1, '{}', now()"
            " FROM accounts_connection"
        )
    process = place.start(*MANAGE, "deliver_events")
    while not Slow.seen:
        time.sleep(0.05)
    assert place.ask("SELECT count(*) FROM hubcustomers_workerpulse") == 1

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    receiver.shutdown()
    receiver.server_close()
    assert Slow.seen == ["begun", "done"]
    assert place.ask("SELECT acknowledged_at IS NOT NULL FROM callbacks_event")
    # Who ends in good order leaves no sign of life behind.
    assert place.ask("SELECT count(*) FROM hubcustomers_workerpulse") == 0


def test_a_job_at_work_is_given_back_after_its_step(place: Place) -> None:
    with place.connect() as database:
        database.execute(
            "INSERT INTO transfer_job (account_id, kind, title, state, options, checkpoint, counts,"
            " total, done, error, user_name)"
            " SELECT id, 'slow', '', 'queued', '{}', '{}', '{}', 3, 0, '', '' FROM accounts_account"
        )
    process = place.start(sys.executable, "-c", SLOW_JOBS)
    place.wait_for("SELECT state = 'running' FROM transfer_job")

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    assert place.ask("SELECT count(*) FROM hubcustomers_workerpulse") == 0
    # The step was finished; another worker takes the rest at once.
    assert place.ask("SELECT state || ' ' || done FROM transfer_job") == "queued 1"
    process = place.start(sys.executable, "-c", SLOW_JOBS)
    place.wait_for("SELECT state = 'done' AND done = 3 FROM transfer_job")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
