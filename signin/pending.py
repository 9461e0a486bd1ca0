"""Who has given the password but not yet the code: nobody is signed in meanwhile."""

import time

from django.contrib.auth import load_backend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

_PENDING = "hub_signing_in"
_SECONDS = 600


def begin(request: HttpRequest, user: User) -> None:
    """Remember whose password was right, in a session of its own."""
    request.session.flush()
    request.session[_PENDING] = {
        "user": user.pk,
        "backend": user.backend,  # type: ignore[attr-defined]
        # It ends with the password that was given.
        "hash": user.get_session_auth_hash(),
        "at": time.time(),
    }


def user_of(request: HttpRequest) -> User | None:
    """Return who it is, None for nobody or where the password was given too long ago."""
    kept = request.session.get(_PENDING)
    if kept is None or not 0 <= time.time() - kept["at"] < _SECONDS:
        return None
    user = load_backend(kept["backend"]).get_user(kept["user"])
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    user.backend = kept["backend"]  # type: ignore[attr-defined]
    return user


def end(request: HttpRequest) -> None:
    """Forget it."""
    request.session.pop(_PENDING, None)
