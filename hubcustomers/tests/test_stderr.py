"""Lines of a web server are written many at a time, in their order, and none is lost."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from conftest import HubClient
from hubcustomers.observing import stderr
from hubcustomers.observing.stderr import StderrHandler
from tests.web_server import PROGRAMS, WebServer, wait_until

CALLS = 40


class Paper:
    """A stream that notes each writing, as slowly as told."""

    def __init__(self, pause: float = 0.0) -> None:
        self.pieces: list[str] = []
        self.pause = pause

    def write(self, text: str) -> None:
        time.sleep(self.pause)
        self.pieces.append(text)

    def flush(self) -> None: ...

    @property
    def lines(self) -> list[str]:
        return "".join(self.pieces).splitlines()


def handler_on(paper: Paper) -> StderrHandler:
    made = StderrHandler()
    made.setStream(paper)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def line(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("till", level, "", 0, text, None, None)


def test_a_command_writes_each_line_at_once() -> None:
    paper = Paper()
    handler = handler_on(paper)

    handler.handle(line("one"))

    assert paper.lines == ["one"]


def test_lines_of_a_moment_are_written_together() -> None:
    paper = Paper()
    handler = handler_on(paper)
    handler.write_together()

    for number in range(20):
        handler.handle(line(str(number)))

    wait_until(lambda: paper.pieces)
    wait_until(lambda: len(paper.lines) == 20)
    assert paper.lines == [str(number) for number in range(20)]
    assert len(paper.pieces) < 20
    # And so are those of the next one.
    handler.handle(line("later"))
    wait_until(lambda: paper.lines[-1] == "later")


def test_a_warning_is_written_at_once_behind_what_came_before() -> None:
    paper = Paper()
    handler = handler_on(paper)
    handler.write_together()

    handler.handle(line("one"))
    handler.handle(line("two", logging.WARNING))

    assert paper.lines == ["one", "two"]


def test_no_piece_is_larger_than_a_pipe_takes_whole_and_none_ends_within_a_line() -> None:
    paper = Paper()
    handler = handler_on(paper)
    handler.write_together()
    texts = ["x" * 1500, "y" * 1500, "z" * 1500, "w" * 9000, "end"]

    for text in texts:
        handler.handle(line(text))
    handler.flush()

    assert paper.lines == texts
    assert all(piece.endswith("\n") for piece in paper.pieces)
    assert all(len(piece) <= 4096 or piece.count("\n") == 1 for piece in paper.pieces)


def test_requests_wait_with_their_lines_where_nobody_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stderr, "_MOST_WAITING", 5)
    paper = Paper()
    handler = handler_on(paper)
    handler.write_together()
    # Holds up the thread that writes.
    with handler._writing:
        writers = [
            threading.Thread(target=handler.handle, args=[line(str(number))]) for number in range(9)
        ]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        waiting = sum(writer.is_alive() for writer in writers)

    for writer in writers:
        writer.join(10)
    handler.flush()
    assert waiting > 0
    assert sorted(paper.lines) == [str(number) for number in range(9)]


def test_a_flush_waits_for_what_another_thread_is_writing() -> None:
    paper = Paper(pause=0.5)
    handler = handler_on(paper)
    handler.write_together()
    handler.handle(line("one"))
    # The thread took it away, and is at it.
    wait_until(lambda: not handler._waiting)

    handler.flush()

    assert paper.lines == ["one"]


def test_many_threads_lose_and_double_nothing() -> None:
    paper = Paper(pause=0.001)
    handler = handler_on(paper)
    handler.write_together()

    def write(name: int) -> None:
        for number in range(200):
            level = logging.WARNING if number % 50 == 0 else logging.INFO
            handler.handle(line(f"{name} {number}", level))

    writers = [threading.Thread(target=write, args=[name]) for name in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
    handler.flush()
    wait_until(lambda: len(paper.lines) == 1600)

    for name in range(8):
        own = [text for text in paper.lines if text.startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(200)]


def test_a_stream_that_is_gone_fails_no_request() -> None:
    class Gone(Paper):
        def write(self, text: str) -> None:
            raise BrokenPipeError

    handler = handler_on(Gone())
    handler.write_together()

    handler.handle(line("one", logging.ERROR))


FORKING = """
import logging, os, sys
from hubcustomers.observing.stderr import StderrHandler
handler = StderrHandler()
handler.setFormatter(logging.Formatter("%(message)s"))
handler.write_together()
def say(text):
    handler.handle(logging.LogRecord("till", logging.INFO, "", 0, text, None, None))
say("parent before")
if os.fork() == 0:
    say("child")
    sys.exit(0)
os.wait()
say("parent behind")
"""


def test_a_child_writes_its_own_lines_and_only_those() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=True
    )

    assert sorted(done.stderr.splitlines()) == ["child", "parent before", "parent behind"]


# --- behind real web servers ------------------------------------------------------------


def logged(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "web.log").read_text().splitlines()
    found = [json.loads(text) for text in lines if text.startswith("{")]
    return [one for one in found if one["logger"] == "hubcustomers.access"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_server_that_is_stopped_has_written_every_line(
    program: str, api: HubClient, tmp_path: Path
) -> None:
    connection.close()
    server = WebServer(tmp_path, program=program, LOG_FORMAT="json")
    with server.running():
        for _ in range(CALLS):
            assert server.ask("GET", "/location", token=api.token)[0] == 200
        # At once: what was said within the last tenth of a second waits to be written.
        os.kill(server._process.pid, signal.SIGTERM)
        server._process.wait(20)

    lines = logged(tmp_path)
    assert len(lines) == CALLS
    assert len({one["request_id"] for one in lines}) == CALLS


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
def test_one_that_is_killed_has_written_all_but_the_last_moment(
    api: HubClient, tmp_path: Path
) -> None:
    connection.close()
    server = WebServer(tmp_path, LOG_FORMAT="json")
    with server.running():
        for _ in range(CALLS):
            server.ask("GET", "/location", token=api.token)
        # Written by themselves, a moment later.
        wait_until(lambda: len(logged(tmp_path)) == CALLS, seconds=10)
        server.signal(signal.SIGKILL)

    assert len(logged(tmp_path)) == CALLS
