"""Slows down who tries passwords and codes: in the database, so for all workers alike.

Each try is counted before it is judged, so that many at once are no way round. After some
that cost nothing each further one has to wait, longer and longer up to a limit; whoever is
made to wait is not counted, and an hour of rest forgets everything. A browser in which
somebody signed in before is counted by itself: a stranger who tries a manager's name slows
down strangers, not the manager at the usual desk.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from unicodedata import normalize

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string, salted_hmac
from django.utils.translation import gettext_lazy as _

from hubcustomers.client_address import client_address, network_of

_FIRST_WAIT_SECONDS = 30
_FORGET_SECONDS = 3600
_COOKIE_AGE = timedelta(days=365)
_SALT = "signin.known_browser"
# What is swept out with one try; the rest goes with the next.
_SWEEP = 100


@dataclass(frozen=True)
class Counted:
    """Something that is tried, or from where.

    Attributes:
        what: What is counted, unmistakable.
        free: How many tries cost no waiting.
        longest: Seconds that one has to wait at most.
    """

    what: str
    free: int = 5
    longest: int = 900

    @property
    def what_hash(self) -> bytes:
        """Return what is counted as it is kept: nobody reads it back, given the table alone."""
        return salted_hmac("signin.throttle", self.what, algorithm="sha256").digest()


class TooManyTries(ValidationError):
    """Whoever tries has to wait first; ``seconds`` tells how long."""

    def __init__(self, seconds: int) -> None:
        """Take the seconds to wait; the words tell nothing, not even these."""
        super().__init__(_("Too many tries. Wait a few minutes, then try again."), code="wait")
        self.seconds = seconds


def password_of(request: HttpRequest, name: str) -> list[Counted]:
    """Return what a try at the login is counted as."""
    known = _known_browser(request, name)
    if known is not None:
        return [Counted(f"browser {known}", free=10)]
    # Not for long: this is what a stranger can do to somebody at a new desk.
    counted = [Counted(f"name {_plain(name)}", longest=300)]
    address = client_address(request)
    # Many people of one shop may share an address.
    return [*counted, Counted(f"address {network_of(address)}", free=30)] if address else counted


def proof_of(user_id: int) -> list[Counted]:
    """Return what a try to prove more than a password is counted as: a code, or it once more."""
    return [Counted(f"proof {user_id}")]


def count(counted: Sequence[Counted]) -> None:
    """Count a try.

    Raises:
        TooManyTries: It is one too many for now; then nothing is counted.
    """
    _sweep()
    with transaction.atomic(), connection.cursor() as cursor:
        for one in sorted(counted, key=lambda one: one.what_hash):
            cursor.execute(_COUNT, _parameters(one))
            if cursor.fetchone() is None:
                cursor.execute(_WAIT, _parameters(one))
                (seconds,) = cursor.fetchone()
                raise TooManyTries(max(1, seconds))


def forgive(counted: Sequence[Counted]) -> None:
    """Take the try back, which was a good one; the tries of that name or person before it too.

    Not those of the address: who owns one name would clear the way to try others.
    """
    with connection.cursor() as cursor:
        for one in counted:
            keeps = one.what.startswith("address ")
            cursor.execute(_TAKE_BACK if keeps else _FORGET, [one.what_hash])


def judged(counted: Sequence[Counted], judge: Callable[[], bool]) -> bool:
    """Return what the judge says of a try, which is counted before.

    Raises:
        TooManyTries: It is one too many for now.
    """
    count(counted)
    good = judge()
    if good:
        forgive(counted)
    return good


def slow_down(response: HttpResponse, form: Form) -> HttpResponse:
    """Return the page of a form that was refused, with the status of a try too many."""
    for faults in form.errors.as_data().values():
        for fault in faults:
            if isinstance(fault, TooManyTries):
                response.status_code = 429
                response["Retry-After"] = str(fault.seconds)
    return response


def remember_browser(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Have the browser show next time that this user signed in there."""
    known = _known_browser(request, name) or get_random_string(22)
    response.set_cookie(
        _cookie_of(name),
        signing.dumps([_plain(name), known], salt=_SALT),
        max_age=_COOKIE_AGE,
        path="/admin/login/",
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _known_browser(request: HttpRequest, name: str) -> str | None:
    try:
        whose, known = signing.loads(
            request.COOKIES.get(_cookie_of(name), ""), salt=_SALT, max_age=_COOKIE_AGE
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(known) if whose == _plain(name) else None


def _cookie_of(name: str) -> str:
    return f"hub_browser_{sha256(_plain(name).encode()).hexdigest()[:16]}"


def _plain(name: str) -> str:
    """Return the name as one that only looks different would be counted."""
    return normalize("NFKC", name).strip().casefold()


def _parameters(one: Counted) -> dict[str, Any]:
    return {
        "what": one.what_hash,
        "free": one.free,
        "longest": one.longest,
        "first": _FIRST_WAIT_SECONDS,
        "forget": _FORGET_SECONDS,
    }


_PAUSE = """
CASE WHEN tries.number < %(free)s THEN interval '0'
     ELSE least(%(longest)s, %(first)s * power(2, least(tries.number - %(free)s, 20)))
          * interval '1 second'
END"""
_COUNT = f"""
INSERT INTO signin_tries AS tries (what_hash, number, last_at)
VALUES (%(what)s, 1, statement_timestamp())
ON CONFLICT (what_hash) DO UPDATE SET
    number = CASE
        WHEN tries.last_at < statement_timestamp() - %(forget)s * interval '1 second' THEN 1
        ELSE tries.number + 1
    END,
    last_at = statement_timestamp()
WHERE statement_timestamp() >= tries.last_at + {_PAUSE}
RETURNING number
"""
_WAIT = f"""
SELECT ceil(extract(epoch FROM tries.last_at + {_PAUSE} - statement_timestamp()))::integer
FROM signin_tries AS tries WHERE what_hash = %(what)s
"""
_FORGET = "DELETE FROM signin_tries WHERE what_hash = %s"
_TAKE_BACK = "UPDATE signin_tries SET number = number - 1 WHERE what_hash = %s AND number > 0"
_SWEEP_SQL = """
DELETE FROM signin_tries WHERE what_hash IN (
    SELECT what_hash FROM signin_tries
    WHERE last_at < statement_timestamp() - %s * interval '1 second'
    ORDER BY last_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


def _sweep() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP_SQL, [_FORGET_SECONDS, _SWEEP])
