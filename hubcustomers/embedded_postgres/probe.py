"""Is the server alive? Asked over its socket, the only answer that cannot be stale."""

import select
import socket
import struct
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

# Version 3.0, then names and values, each closed by a zero byte, and one more at the end.
_PARAMETERS = struct.pack("!I", 3 << 16) + b"user\0hub\0database\0postgres\0\0"
_HELLO = struct.pack("!I", len(_PARAMETERS) + 4) + _PARAMETERS
_NOT_NOW = b"C57P03\0"
_SHUTTING_DOWN = b"shutting down"


class State(Enum):
    """What a server answers."""

    DEAD = "nobody listens"
    STARTING = "starts, or recovers from a crash"
    STOPPING = "shuts down"
    READY = "takes connections"


_SETTLED = {State.DEAD, State.READY}


@dataclass(frozen=True)
class Lifeline:
    """An idle connection: the kernel closes it when the server dies, at once.

    Looking at it costs a microsecond, asking the server anew two thousand.
    """

    client: socket.socket

    def holds(self) -> bool:
        """Tell whether the server still lives."""
        poll = select.poll()
        poll.register(self.client, 0)  # hanging up is reported unasked
        return not poll.poll(0)

    def close(self) -> None:
        """Close our end."""
        self.client.close()


def connect(socket_path: Path) -> tuple[State, Lifeline | None]:
    """Return what the server behind the socket answers, and a lifeline when it lets us in."""
    client = socket.socket(socket.AF_UNIX)
    state, let_in = State.DEAD, False
    try:
        client.settimeout(5)
        client.connect(str(socket_path))
        state, let_in = _greet(client)
    except (FileNotFoundError, ConnectionRefusedError):
        pass
    finally:
        if not let_in:
            client.close()
    return state, Lifeline(client) if let_in else None


def _greet(client: socket.socket) -> tuple[State, bool]:
    try:
        client.sendall(_HELLO)
        answer = client.recv(4096)
    except (TimeoutError, ConnectionError):
        return State.STARTING, False
    if not answer or (answer.startswith(b"E") and _NOT_NOW in answer):
        return (State.STOPPING if _SHUTTING_DOWN in answer else State.STARTING), False
    # Any other refusal, such as too many connections, comes from a server at work.
    return State.READY, answer.startswith(b"R")


def server_state(socket_path: Path) -> State:
    """Return what the server behind the socket answers to a client's first words."""
    state, lifeline = connect(socket_path)
    if lifeline is not None:
        lifeline.close()
    return state


def settled_state(socket_path: Path, *, seconds: float) -> State:
    """Return the state once the server neither starts nor stops, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (state := server_state(socket_path)) not in _SETTLED and time.monotonic() < deadline:
        time.sleep(0.02)
    return state
