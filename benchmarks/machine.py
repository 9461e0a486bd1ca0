"""What runs while something is measured: database, web servers, and the CPU they use."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.plan import Plan
from hubcustomers.embedded_postgres import EmbeddedPostgres
from hubcustomers.serve import stop_all, web_server

WORKERS = 2
_TICKS = os.sysconf("SC_CLK_TCK")
_HUB = "hubcustomers.wsgi:application"
_THIN = "benchmarks.thin:application"


@contextmanager
def database_server() -> Iterator[str]:
    """Give the address of a server, without a database: the given one, or a fresh one."""
    given = os.environ.get("DATABASE_URL", "")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="hub-benchmark-"))
    # A server that root starts runs as nobody, who must get in.
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "postgres" / "18")
    try:
        server.ensure()
        host = quote(str(server.socket_dir), safe="")
        yield f"postgresql://{server.user}@{host}/{server.database}"
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str, name: str) -> Iterator[str]:
    """Give the address of a new, empty database on the server; drop it afterwards."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    try:
        parts = urlsplit(server)
        if not parts.scheme:
            raise SystemExit("DATABASE_URL must be a URL: postgresql://user@host/name")
        yield parts._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def web_servers(plan: Plan, plan_file: Path) -> Iterator[tuple["WebServer", "WebServer"]]:
    """Give the hub and the thin service, both served as ``script/server`` serves the hub."""
    environment = {
        **os.environ,
        "DATABASE_URL": plan.url,
        "WORKERS": str(WORKERS),
        "BENCHMARK_PLAN": str(plan_file),
    }
    servers: list[WebServer] = []
    try:
        for application in (_HUB, _THIN):
            servers.append(WebServer(application, environment))  # noqa: PERF401 - see finally
        for server in servers:
            server.wait()
        yield servers[0], servers[1]
    finally:
        stop_all([server.process for server in servers])


class WebServer:
    """Granian with two workers, serving one application."""

    def __init__(self, application: str, environment: dict[str, str]) -> None:
        """Start it on a free port."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        os.environ["WORKERS"] = str(WORKERS)
        *command, _ = web_server("127.0.0.1", self.port)
        self.process = subprocess.Popen(
            [*command, application], env=environment, start_new_session=True
        )

    def wait(self) -> None:
        """Wait until it takes connections."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise SystemExit(f"The web server did not start: {self.process.args!r}")

    def cpu(self) -> float:
        """Return the seconds of CPU that its processes have used."""
        own = [fields for fields in _processes() if fields[2] == self.process.pid]
        return sum(fields[11] + fields[12] for fields in own) / _TICKS


class PostgresCPU:
    """The CPU that a server on this machine has used; None where it is elsewhere."""

    def __init__(self, url: str) -> None:
        """Find the server's first process."""
        self.postmaster: int | None = None
        host = str(conninfo_to_dict(url).get("host") or "")
        if not host.startswith("/") and host not in {"localhost", "127.0.0.1", ""}:
            return
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            pid = row[0] if row else 0
            name = Path(f"/proc/{pid}/comm")
            if name.exists() and name.read_text().startswith("postgres"):
                self.postmaster = _fields(pid)[1]

    def seconds(self) -> float | None:
        """Return the seconds of all its processes, those that have ended included."""
        if self.postmaster is None:
            return None
        ended = _fields(self.postmaster)
        children = [fields for fields in _processes() if fields[1] == self.postmaster]
        used = sum(fields[11] + fields[12] for fields in children)
        return (used + sum(ended[11:15])) / _TICKS


def _processes() -> Iterator[list[int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield _fields(int(folder.name))
        except OSError:
            continue


def _fields(pid: int) -> list[int]:
    """Return the numbers of /proc/PID/stat after the name: state (0), parent, group, ..."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]
