"""The hub's real web server on the test database, for tests of what happens around the views."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

CHECKOUT = Path(__file__).resolve().parents[1]
PROGRAMS = {
    "granian": "-m granian --interface=wsgi --workers=1 --blocking-threads=4 --no-ws"
    " --log-level=error --host=127.0.0.1 --port={port} hubcustomers.wsgi:application",
    "gunicorn": "-m gunicorn --workers=1 --worker-class=gthread --threads=4"
    " --log-level=error --bind=127.0.0.1:{port} hubcustomers.wsgi",
}


def wait_until(condition: Callable[[], Any], *, seconds: float = 60) -> None:
    """Wait for the condition, in vain at most that long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class WebServer:
    """One worker with four threads, in processes of its own."""

    def __init__(self, folder: Path, *, program: str = "granian", **environment: str) -> None:
        """Take a folder for its log, what serves, and variables of its environment."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        self._words = PROGRAMS[program].format(port=self.port).split()
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "hubcustomers.settings",
            "HUB_DATA_DIR": str(self.folder),
            "DATABASE_URL": database_url(),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with (self.folder / "web.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._words],
                cwd=CHECKOUT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._takes_connections)

    def _takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill it where it runs."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait(10)
            # The worker, whose parent has gone, may take a moment longer to let go.
            wait_until(lambda: not self._takes_connections())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block is left."""
        try:
            self.start()
            yield
        finally:
            self.kill()

    @contextmanager
    def sent(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[http.client.HTTPConnection]:
        """Send a request and give the connection, its answer not read."""
        till = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            sent["X-Access-Token"] = token
        # What is no bytes and has no length is sent in chunks.
        data = json.dumps(body) if isinstance(body, dict) else body
        with closing(till):
            till.request(method, f"/v1{path}", data, sent)
            yield till

    def ask(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request; return status, headers and body of the answer."""
        with self.sent(method, path, body, **options) as till:
            answer = till.getresponse()
            return answer.status, answer.headers, answer.read()


def database_url() -> str:
    """Return the address of the test database."""
    return psycopg.conninfo.make_conninfo(**database_words())


def database_words() -> dict[str, str]:
    """Return the address of the test database, in psycopg's words."""
    words = connection.get_connection_params()
    names = {"dbname", "user", "password", "host", "port"}
    return {name: str(value) for name, value in words.items() if name in names and value}
