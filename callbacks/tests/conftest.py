"""Names that mean what the tests say, and receivers that listen on this machine."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callbacks.tests.receivers import Receiver

Names = dict[str, list[str]]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What each name resolves to; numbers mean themselves, and nobody else is asked."""
    known: Names = {"example.com": ["93.184.215.14"], "localhost": ["127.0.0.1"]}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host not in known:
            kwargs["flags"] = socket.AI_NUMERICHOST
            return real(host, port, *args, **kwargs)
        found = (real(address, port, *args, **kwargs) for address in known[host])
        return [entry for entries in found for entry in entries]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def private(settings: Any) -> None:
    """Let events be sent to this machine."""
    settings.CALLBACK_ALLOW_PRIVATE = True


@pytest.fixture
def receiver(private: None) -> Iterator[Callable[..., Receiver]]:
    """Make receivers that answer with the given bytes, and stop them in the end."""
    made: list[Receiver] = []

    def start(*answers: Any) -> Receiver:
        made.append(Receiver(*answers))
        return made[-1]

    yield start
    for one in made:
        one.close()
