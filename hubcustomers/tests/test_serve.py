"""What ``./script/server`` keeps running beside itself, and how it ends it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hubcustomers import serve

CHECKOUT = Path(__file__).resolve().parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Says when it is ready, then does not listen to TERM, and neither does its own child.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
os.write(1, b"%d\\n" % os.getpid())  # in one piece: two of them write here
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_child_that_ends_by_itself_stops_the_others() -> None:
    begin = time.monotonic()

    with pytest.raises(serve.StartRefused, match="ended by itself, with status 3"):
        serve.supervise([SLEEP, [sys.executable, "-c", "raise SystemExit(3)"]])

    assert time.monotonic() - begin < 8


def test_whoever_ignores_the_request_to_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_KILL_AFTER_SECONDS", 0.3)
    child = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    pids = [int(child.stdout.readline()) for _ in range(2)]

    serve.stop_all([child])

    child.stdout.close()
    time.sleep(0.1)
    assert [is_alive(pid) for pid in pids] == [False, False]


def test_a_taken_port_is_told_before_anything_is_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        result = subprocess.run(
            [sys.executable, "-m", "hubcustomers.serve"],
            cwd=CHECKOUT,
            env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert result.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_web_server_takes_host_port_and_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "3")

    command = serve.web_server("127.0.0.1", 8123)

    assert {"--host=127.0.0.1", "--port=8123", "--workers=3", "--interface=wsgi"} <= set(command)


def test_events_are_delivered_and_jobs_run_beside_the_web_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept_running: list[list[str]] = []
    monkeypatch.setattr(serve, "_refuse_taken_port", lambda host, port: None)
    monkeypatch.setattr(serve, "_prepare_database", lambda: None)
    monkeypatch.setattr(serve, "_announce", lambda host, port: None)
    monkeypatch.setattr(serve, "supervise", kept_running.extend)

    serve._serve()

    server, *workers = kept_running
    assert "granian" in server
    assert workers == [
        [sys.executable, str(CHECKOUT / "manage.py"), command]
        for command in ("deliver_events", "run_jobs")
    ]


def test_a_second_request_to_stop_does_not_cut_the_first_short() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(serve.StopAsked):
            serve._ask_to_stop(signal.SIGTERM, None)

        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
