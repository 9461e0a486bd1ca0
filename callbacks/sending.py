"""One HTTP request to a receiver that we neither know nor trust (design section 7).

The connection goes to an address that was judged, never to a name that could change its
meaning meanwhile. A watch cuts it at the deadline, however slowly the receiver answers.
Redirects are not followed, answers beyond 64 KiB not read, no proxy and no cookie is known.
"""

import hmac
import http.client
import io
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import certifi
from django.conf import settings
from django.utils.translation import gettext_noop
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from callbacks.addresses import NameNotFound, UrlRefused, find_addresses, read_url

SIGNATURE_HEADER = "X-HubRise-Hmac-SHA256"
USER_AGENT = "hubcustomers"
MAX_ANSWER_BYTES = 64 * 1024
_LONGEST_ERROR = 255
_TOO_LATE = gettext_noop("no answer within {seconds} seconds")
_NO_ADDRESS = gettext_noop("{host} has no address")
# What is said of a try, with values in it.
SENTENCES = (_TOO_LATE, _NO_ADDRESS)


@dataclass(frozen=True)
class Outcome:
    """What became of one try.

    Attributes:
        status: The HTTP status, None where no answer came.
        error: Why none came, in words.
        seconds: How long it took.
        was_cut: The hub itself ended it, so it says nothing about the receiver.
    """

    status: int | None
    error: str | None
    seconds: float
    was_cut: bool = False

    @property
    def is_acknowledgement(self) -> bool:
        """Return whether the receiver has taken the event: any answer from 200 to 499."""
        return self.status is not None and 200 <= self.status <= 499


def sign(body: bytes, secret: str) -> str:
    """Return the hex HMAC-SHA256 of the body, keyed with the client's secret."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


class Delivery:
    """One POST of a body to a URL; ``send`` it once, ``cut`` it from any thread."""

    def __init__(self, url: str, body: bytes, *, secret: str) -> None:
        """Take what to send, and the client's secret to sign it with."""
        self.url = url
        self.body = body
        self.headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Connection": "close",
            SIGNATURE_HEADER: sign(body, secret),
        }
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._cut: str | None = None
        self._was_stopped = False

    def send(self) -> Outcome:
        """Send it and return what became of it, at the latest at the deadline."""
        begin = time.monotonic()
        seconds = settings.CALLBACK_DEADLINE_SECONDS
        self.deadline = begin + seconds
        too_late = _TOO_LATE.format(seconds=f"{seconds:g}")
        watch = threading.Timer(seconds, self._end, [too_late])
        watch.daemon = True
        watch.start()
        status, error = None, None
        try:
            status = self._exchange()
        except (UrlRefused, NameNotFound) as failure:
            error = str(failure)
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as failure:
            is_over = isinstance(failure, TimeoutError) and time.monotonic() >= self.deadline
            error = self._cut or (too_late if is_over else _in_words(failure))
        finally:
            watch.cancel()
            self._close_line()
        was_cut = self._was_stopped and status is None
        return Outcome(status, error, time.monotonic() - begin, was_cut)

    def cut(self) -> None:
        """End it now, because the hub stops."""
        self._was_stopped = True
        self._end(gettext_noop("the hub was stopped"))

    def _exchange(self) -> int:
        target = read_url(self.url)
        connection = (_Secure if target.scheme == "https" else _Plain)(
            target.host, target.port, timeout=self._time_left(), **_options(target.scheme)
        )
        connection.dial = lambda: self._connect(target)
        try:
            connection.request("POST", target.path, self.body, self.headers, preload_content=False)
            response = connection.getresponse()
            _read_out(response)
            return int(response.status)
        finally:
            connection.close()

    def _connect(self, target: Any) -> socket.socket:
        """Return a socket connected to one of the addresses just judged."""
        failure: Exception = NameNotFound(_NO_ADDRESS.format(host=target.host))
        for family, address in find_addresses(target, seconds=self._time_left()):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self._time_left())
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._hold_line(sock)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def _time_left(self) -> float:
        left = self.deadline - time.monotonic()
        if self._cut is not None or left <= 0:
            raise TimeoutError(self._cut or gettext_noop("no time was left"))
        return left

    # --- the watch: it holds the same line by another handle, which TLS does not take away

    def _hold_line(self, sock: socket.socket) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = sock.dup()
        self._time_left()

    def _end(self, reason: str) -> None:
        with self._lock:
            self._cut = self._cut or reason
            if self._line is not None:
                try:
                    self._line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # The receiver was quicker.

    def _close_line(self) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None


def _in_words(failure: Exception) -> str:
    if isinstance(failure, http.client.BadStatusLine):
        return gettext_noop("the answer is not HTTP")
    # What a receiver sends may be anything.
    words = str(failure).encode("ascii", "backslashreplace").decode()
    printable = "".join(character if character.isprintable() else " " for character in words)
    return printable.strip()[:_LONGEST_ERROR] or type(failure).__name__


def _read_out(response: Any) -> None:
    """Read the rest of an answer, so that the receiver is not cut off while it speaks.

    The status has decided already: whatever happens here changes nothing.
    """
    try:
        while response.read(8192, decode_content=False):
            pass
    except (HTTPError, http.client.HTTPException, OSError, ValueError):
        pass


class _Allowance(io.RawIOBase):
    """A stream that ends after 64 KiB, whatever else there is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MAX_ANSWER_BYTES
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._left)
        count = self._stream.readinto(memoryview(buffer)[:size]) if size else 0
        self._left -= count
        self.has_ended = not count
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _ShortResponse(http.client.HTTPResponse):
    """An answer of which status line, headers and body count against one allowance."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        stream: Any = self.fp
        self._allowance = _Allowance(stream.detach())
        self.fp = io.BufferedReader(self._allowance)

    def begin(self) -> None:
        """Read status and headers; the library takes an end among them for theirs."""
        super().begin()
        if self._allowance.has_ended:
            raise http.client.HTTPException(gettext_noop("the answer ended before its headers did"))


class _Plain(HTTPConnection):
    """A connection that somebody else dials."""

    response_class = _ShortResponse
    dial: Any

    def _new_conn(self) -> socket.socket:
        return self.dial()


class _Secure(HTTPSConnection):
    """The same under TLS; the certificate must be one for the URL's host name."""

    response_class = _ShortResponse
    dial: Any

    def _new_conn(self) -> socket.socket:
        return self.dial()


def _options(scheme: str) -> dict[str, Any]:
    return {"ssl_context": _tls()} if scheme == "https" else {}


@cache
def _tls() -> ssl.SSLContext:
    """Return the context for all: it trusts what this machine trusts, and Mozilla's list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
