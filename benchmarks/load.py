"""The load generator: a process of its own that keeps some connections busy.

Requests are bytes made beforehand, answers are read no further than their length asks: it
shares the cores with what it measures, so its own work is kept small and is told.
"""

import json
import pickle
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from benchmarks.plan import FRESH

CONNECTIONS = 16
_MARK = FRESH.encode()
_LENGTH = b"content-length: "


class WrongAnswer(Exception):
    """An answer that was not 200, or not HTTP; the message shows it."""


@dataclass(frozen=True)
class Load:
    """What one run of the generator did.

    Attributes:
        requests: How many were answered in time.
        seconds: For how long requests were sent.
        cpu: Seconds of CPU that the generator itself used.
        sent: How many requests were sent, those answered too late included.
    """

    requests: int
    seconds: float
    cpu: float
    sent: int

    @property
    def rate(self) -> float:
        """Return requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0


def generate(
    port: int, requests: list[bytes], *, seconds: float, first: int, connections: int = CONNECTIONS
) -> Load:
    """Call the port from a process of its own.

    Args:
        port: Where on this machine.
        requests: Taken in turn, again and again.
        seconds: For how long.
        first: The number that makes the first request unlike all before it.
        connections: How many are kept open, each with one request under way.

    Raises:
        WrongAnswer: Some answer was not 200.
    """
    job = pickle.dumps((port, requests, seconds, first, connections))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=job, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise WrongAnswer(done.stderr.decode(errors="replace").strip()[-2000:])
    return Load(**json.loads(done.stdout))


def call(port: int, request: bytes) -> Any:
    """Send one request and return the JSON of its answer."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(request)
        answer = b""
        while (end := _end(answer)) is None or len(answer) < end:
            part = one.recv(65536)
            if not part:
                break
            answer += part
    _check(answer)
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def _end(answer: bytes) -> int | None:
    """Return how long the whole answer is, None while its head is not there."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = answer.find(_LENGTH, 0, head)
    if at < 0:
        raise WrongAnswer(f"An answer without length: {answer[:500]!r}")
    at += len(_LENGTH)
    return head + 4 + int(answer[at : answer.index(b"\r\n", at)])


def _check(answer: bytes) -> None:
    if answer[9:12] != b"200":
        raise WrongAnswer(f"Not 200: {answer[:500].decode(errors='replace')}")


def _run(port: int, requests: list[bytes], seconds: float, first: int, connections: int) -> Load:
    poll = select.epoll()
    open_sockets: dict[int, socket.socket] = {}
    for _ in range(connections):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        open_sockets[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    partial: dict[int, tuple[bytes, int]] = {}
    # Begun somewhere else each time, so that two runs do not walk in step.
    turn = islice(cycle(requests), first % len(requests), None)
    fresh = _MARK in requests[0]
    number, answered = first, 0
    before_cpu = time.process_time()
    deadline = time.perf_counter() + seconds
    for one in open_sockets.values():
        one.sendall(next(turn).replace(_MARK, b"%09d" % number))
        number += 1
    waiting, in_time = connections, True
    while waiting:
        for descriptor, _ in poll.poll(10):
            one = open_sockets[descriptor]
            answer = one.recv(262_144)
            if not answer:
                raise WrongAnswer("The server closed a connection.")
            if descriptor in partial:
                before, end = partial.pop(descriptor)
                answer = before + answer
                end = end or _end(answer) or 0
            else:
                end = _end(answer) or 0
            if not end or len(answer) < end:
                partial[descriptor] = (answer, end)
                continue
            _check(answer)
            in_time = in_time and time.perf_counter() < deadline
            if not in_time:
                waiting -= 1
                continue
            answered += 1
            request = next(turn)
            one.sendall(request.replace(_MARK, b"%09d" % number) if fresh else request)
            number += 1
    return Load(answered, seconds, time.process_time() - before_cpu, number - first)


if __name__ == "__main__":
    result = _run(*pickle.loads(sys.stdin.buffer.read()))
    print(json.dumps(result.__dict__))
