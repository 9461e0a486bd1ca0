"""Serve the hub until Ctrl-C: database, web server and what runs beside it.

``./script/server`` runs this as ``python -m hubcustomers.serve``. While it lives it counts
as a user of the embedded PostgreSQL, so the server stays up when workers come and go.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.env import SettingError, env_int, env_str

_CHECKOUT = Path(__file__).resolve().parent.parent
_THREADS = 8
# Connections that a worker serves at once; more of them wait in the kernel's queue.
_BACKPRESSURE = 256
# Granian can hang when told to stop while its workers start again.
_KILL_AFTER_SECONDS = 10


class StopAsked(BaseException):
    """Somebody pressed Ctrl-C or sent TERM; no ``except Exception`` on the way stops it."""


class StartRefused(Exception):
    """The hub cannot be served; the message says why in a sentence."""


def main() -> int:
    """Serve until told to stop; return the exit status, 0 when it was Ctrl-C or TERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ask_to_stop)
    try:
        _serve()
    except StopAsked:
        return 0
    except (StartRefused, SettingError) as error:
        print(f"script/server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 1


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    # A second one must not interrupt the stop that the first one began.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise StopAsked


def _serve() -> None:
    host, port = env_str("HOST", "127.0.0.1"), env_int("PORT", 8000)
    _refuse_taken_port(host, port)
    _prepare_database()
    threading.Thread(target=_announce, args=(host, port), daemon=True).start()
    supervise([web_server(host, port), event_worker(), job_worker()])


def web_server(host: str, port: int) -> list[str]:
    """Return the command of the web server."""
    workers = env_int("WORKERS", 0) or os.cpu_count() or 1
    options = {
        "interface": "wsgi",
        "host": host,
        "port": port,
        "workers": workers,
        "blocking-threads": _THREADS,
        "backpressure": _BACKPRESSURE,
        "workers-kill-timeout": _KILL_AFTER_SECONDS - 4,
        "log-level": "error",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    flags = ["--no-ws", "--respawn-failed-workers"]
    return [sys.executable, "-m", "granian", *words, *flags, "hubcustomers.wsgi:application"]


def event_worker() -> list[str]:
    """Return the command of the worker that sends events to their receivers."""
    return [sys.executable, str(_CHECKOUT / "manage.py"), "deliver_events"]


def job_worker() -> list[str]:
    """Return the command of the worker that runs imports and other long work."""
    return [sys.executable, str(_CHECKOUT / "manage.py"), "run_jobs"]


def _refuse_taken_port(host: str, port: int) -> None:
    """Say at once what the web server would say only after all the rest."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise StartRefused(
            f"cannot listen on {host}:{port} ({error}); choose another HOST or PORT."
        ) from error


def _prepare_database() -> None:
    """Migrate, and fill an empty database, in one process: each start of Django costs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubcustomers.settings")
    # Imported here, once the settings can be named.
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError, call_command
    from django.db import DatabaseError, connections

    try:
        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("load_demo_data")
    except (CommandError, DatabaseError, EmbeddedPostgresError, ImproperlyConfigured) as error:
        raise StartRefused(str(error)) from error
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def _announce(host: str, port: int) -> None:
    """Print the address once the web server takes connections."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    while True:
        try:
            socket.create_connection((shown.strip("[]"), port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            print(f"The hub answers at http://{shown}:{port}", flush=True)  # noqa: T201
            return


def supervise(commands: Sequence[Sequence[str]]) -> None:
    """Run the commands until one of them ends; leave none of them running.

    Raises:
        StartRefused: One of them ended by itself.
    """
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            # A group of its own: Ctrl-C reaches only us, and nobody escapes the last kill.
            child = subprocess.Popen(command, start_new_session=True)  # noqa: S603
            children.append(child)  # at once, so that an interrupted start leaves none behind
        _wait_for_first(commands, children)
    finally:
        stop_all(children)


def _wait_for_first(
    commands: Sequence[Sequence[str]], children: Sequence["subprocess.Popen[bytes]"]
) -> None:
    while all(child.poll() is None for child in children):
        time.sleep(0.2)
    for command, child in zip(commands, children, strict=True):
        if child.returncode is not None:
            name = " ".join(command[1:3])
            raise StartRefused(f"{name} ended by itself, with status {child.returncode}.")


def stop_all(children: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Ask the children to stop, and kill what is left of them after 10 seconds."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + _KILL_AFTER_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _kill_group(child.pid)


def _kill_group(group: int) -> None:
    # Workers whose parent is gone belong to the group still.
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    sys.exit(main())
