"""A receiver of events for tests: real sockets, and answers as odd as anybody wants."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def answer(status: int, *headers: str) -> bytes:
    """Return an answer with this status."""
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Length: 0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Request:
    """What was received: the header names in lower case, and the raw body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])
        }
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Listens on this machine; each request gets the next answer, the last one for good.

    An answer is bytes, or a function that takes the socket and does with it what it likes.
    """

    def __init__(self, *answers: bytes | Callable[[socket.socket], None], tls: Any = None) -> None:
        self.answers = list(answers) or [OK]
        self.requests: list[Request] = []
        self.connections = 0
        self.closing = threading.Event()
        self._tls = tls
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hub"

    def close(self) -> None:
        self.closing.set()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.settimeout(10)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock:
                request = read_request(sock)
                with self._lock:
                    self.requests.append(request)
                    wanted = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(wanted, bytes):
                    sock.sendall(wanted)
                else:
                    wanted(sock)
        except (OSError, ValueError):
            sock.close()  # The hub hung up.


def read_request(sock: socket.socket) -> Request:
    """Read one request from a socket."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = sock.recv(65536)
        if not received:
            raise ValueError("hung up")
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    request = Request(head, body)
    while len(request.body) < int(request.headers.get("content-length", 0)):
        request.body += sock.recv(65536)
    return request
