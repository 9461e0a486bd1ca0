"""A polite client of another server's API, which believes nothing that it is answered.

It sends one request at a time, no faster than it was told, waits when it is asked to, and
tries again what may go better the next time. Redirects are not followed: the token is for
one server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import certifi
import urllib3
from django.utils import timezone
from urllib3.exceptions import HTTPError

from hubcustomers import exact_json

MAX_ANSWER_BYTES = 16 * 1024 * 1024
PAGE = 100
# How often one request is tried, and how often it is put off when the server is busy.
_TRIES = 6
_BUSY_TRIES = 50
_LONGEST_WAIT = 600.0
_TIMEOUT = urllib3.Timeout(connect=10.0, read=60.0)
_LOCAL = {"localhost", "127.0.0.1", "::1"}

sleep = time.sleep


class UnusableAddress(ValueError):
    """The address cannot be used; the message says why."""


class RemoteTrouble(Exception):
    """The other server does not answer as it should; the message says how. Try later."""


class RemoteRefusal(Exception):
    """The other server does not allow it; the message says what it answered."""


class NotThere(Exception):
    """The other server has no such thing."""


@dataclass(frozen=True)
class Page:
    """One page of an index: its rows, and the cursor that it was asked for with."""

    cursor: str | None
    rows: list[Any]


def base_of(url: str) -> str:
    """Return the address that paths like ``/account`` are below.

    Raises:
        UnusableAddress: It is no URL of a server, or would send the token in the clear.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query:
        raise UnusableAddress("The address must be like https://hub.example.com.")
    if parts.username or parts.password:
        raise UnusableAddress("The address must hold neither name nor password.")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise UnusableAddress("The address must begin with https://: it carries a token.")
    path = parts.path.rstrip("/")
    path = path if path.endswith("/v1") else f"{path}/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


class Remote:
    """The API of one server, with one token."""

    def __init__(self, url: str, token: str, *, rate: float) -> None:
        """Take where it is, the token, and how many requests a second it may get."""
        self.base = base_of(url)
        self._headers = {
            "X-Access-Token": token,
            "Accept": "application/json",
            "User-Agent": "hubcustomers",
        }
        self._pause = 1 / rate
        self._next = 0.0
        self._http = urllib3.PoolManager(
            num_pools=1, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where(), timeout=_TIMEOUT
        )
        # How many requests were answered, and how often the server asked to wait.
        self.requests = self.waits = 0

    def get(self, path: str, **parameters: Any) -> Any:
        """Return what the server answers.

        Raises:
            NotThere: 404.
            RemoteRefusal: Any other 4xx, or a redirect.
            RemoteTrouble: It failed again and again.
        """
        return self._ask(path, parameters)[0]

    def walk(self, path: str, *, begin: str | None = None) -> Iterator[Page]:
        """Yield the pages of an index.

        Args:
            path: Of the index.
            begin: The cursor of the first page to take.

        Raises:
            NotThere, RemoteRefusal, RemoteTrouble: As ``get``, or the pages go in circles.
        """
        cursor, seen = begin, {begin}
        while True:
            known = {} if cursor is None else {"cursor": cursor}
            rows, after = self._ask(path, {"count": PAGE, **known})
            if not isinstance(rows, list):
                raise RemoteTrouble(f"{path} was answered without a list.")
            yield Page(cursor, rows)
            # A server that sends the header empty means that there is no more.
            if not after:
                return
            if after in seen or len(after) > 1000:
                raise RemoteTrouble(f"The pages of {path} go in circles.")
            seen.add(after)
            cursor = after

    # --- one request --------------------------------------------------------------------

    def _ask(self, path: str, parameters: dict[str, Any]) -> tuple[Any, str | None]:
        url = f"{self.base}{path}"
        if parameters:
            url += f"?{urlencode(parameters)}"
        trouble, failures, busy = "", 0, 0
        while failures < _TRIES and busy < _BUSY_TRIES:
            if failures:
                sleep(min(2.0 ** (failures - 1), 60.0))
            self._wait_for_turn()
            try:
                status, headers, body = self._send(url)
            except (HTTPError, OSError) as error:
                trouble, failures = f"no answer ({type(error).__name__})", failures + 1
                continue
            wait = _retry_after(headers)
            if status in (429, 503) and wait is not None:
                self.waits += 1
                trouble, busy = f"it is busy ({status})", busy + 1
                sleep(wait)
                continue
            if status == 429 or status >= 500:
                trouble, failures = f"status {status}", failures + 1
                continue
            if status != 200:
                _refuse(status, headers, body, path)
            try:
                told = exact_json.loads(body.decode())
            except (exact_json.UnreadableJSON, UnicodeDecodeError):
                # Cut off by something in between, more often than not.
                trouble, failures = "the answer is not JSON", failures + 1
                continue
            return told, headers.get("X-Cursor-Next")
        raise RemoteTrouble(f"{self.base}{path}: {trouble}, after {failures + busy} tries.")

    def _send(self, url: str) -> tuple[int, Any, bytes]:
        answer = self._http.request(
            "GET",
            url,
            headers=self._headers,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            body = answer.read(MAX_ANSWER_BYTES + 1, decode_content=True)
            if len(body) > MAX_ANSWER_BYTES:
                raise RemoteTrouble(f"{url} was answered with more than 16 MB.")
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        self.requests += 1
        return answer.status, answer.headers, body

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            sleep(self._next - now)
        self._next = max(now, self._next) + self._pause


def _retry_after(headers: Any) -> float | None:
    """Return how long the server asks to wait, in seconds; None where it does not."""
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdigit() and len(told) < 10:
        return min(float(told), _LONGEST_WAIT)
    with suppress(TypeError, ValueError):
        until = parsedate_to_datetime(told)
        if until.tzinfo is not None:
            seconds = (until - timezone.now()).total_seconds()
            return min(max(seconds, 0.0), _LONGEST_WAIT)
    return None


def _refuse(status: int, headers: Any, body: bytes, path: str) -> None:
    if status == 404:
        raise NotThere(path)
    if 300 <= status < 400:
        place = str(headers.get("Location", "another place"))[:200]
        raise RemoteRefusal(f"The server sends us to {place!r}: give that address instead.")
    said = ""
    with suppress(exact_json.UnreadableJSON, UnicodeDecodeError):
        told = exact_json.loads(body.decode())
        if isinstance(told, dict) and isinstance(told.get("message"), str):
            said = f": {told['message'][:300]!r}"
    raise RemoteRefusal(f"The server answers {path} with {status}{said}.")


def path_of(*steps: str) -> str:
    """Return a path; ids of another server may be anything."""
    return "".join(f"/{quote(step, safe='')}" for step in steps)


Tell = Callable[[str, int], None]
