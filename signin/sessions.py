"""Where sessions are kept, how long they last, and who ends them (``SESSION_ENGINE``)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from hubcustomers.client_address import client_address
from signin.models import Session

_STARTED_AT = "hub_started_at"
_SEEN_AT = "hub_seen_at"
_ADDRESS = "hub_address"
_BROWSER = "hub_browser"
# How old the note of the last visit may be; each newer one costs an UPDATE.
_NOTE_EVERY_SECONDS = 60


class SessionStore(DatabaseStore):
    """Django's store of sessions, in a table that knows whose each session is."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the table."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of a session."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]
        user_id = data.get(SESSION_KEY)
        row.user_id = None if user_id is None else int(user_id)
        return row


# --- how long one lasts -----------------------------------------------------------------


def note_start(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Begin to count (on Django's signal ``user_logged_in``), and sweep out what is over."""
    now = time.time()
    request.session[_STARTED_AT] = request.session[_SEEN_AT] = now
    request.session[_ADDRESS] = client_address(request)
    request.session[_BROWSER] = request.META.get("HTTP_USER_AGENT", "")[:300]
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


def is_over(session: Any) -> bool:
    """Return whether nobody worked with it for too long, or it is too old by itself."""
    age = time.time() - session.get(_STARTED_AT, 0)
    return was_left(session) or age >= settings.SESSION_COOKIE_AGE


def was_left(session: Any) -> bool:
    """Return whether nobody worked with it for too long."""
    idle: float = time.time() - session.get(_SEEN_AT, 0)
    return idle >= settings.SESSION_IDLE_SECONDS


class SessionLimitsMiddleware:
    """Signs out whoever was away for too long, or is here for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, signed in or no longer."""
        # A request without the cookie has no session that could be over.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session:
            by_itself = "HX-Request" in request.headers
            if is_over(request.session):
                text = _("You were signed out because you had signed in long ago.")
                if was_left(request.session):
                    text = _("You were signed out because you were away for long.")
                logout(request)
                messages.info(request, text)
                if by_itself:
                    # The whole page is loaded again, and leads to the login.
                    return HttpResponse(headers={"HX-Refresh": "true"})
            elif not by_itself:
                # A page that renews itself is nobody at work.
                _note_visit(request.session)
        return self.get_response(request)


def _note_visit(session: Any) -> None:
    if time.time() - session[_SEEN_AT] >= _NOTE_EVERY_SECONDS:
        session[_SEEN_AT] = time.time()


# --- whose there are --------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A browser in which somebody is signed in."""

    browser: str
    address: str
    started_at: datetime
    seen_at: datetime
    is_here: bool


def places_of(user: User, *, here: str | None) -> list[Place]:
    """Return where the user is signed in, the latest first; ``here`` is the own session's key."""
    rows = Session.objects.filter(user=user, expire_date__gt=timezone.now())
    found = []
    for row in rows:
        data = row.get_decoded()
        if not is_over(data):
            found.append(
                Place(
                    browser=data.get(_BROWSER, ""),
                    address=data.get(_ADDRESS, ""),
                    started_at=datetime.fromtimestamp(data[_STARTED_AT], UTC),
                    seen_at=datetime.fromtimestamp(data[_SEEN_AT], UTC),
                    is_here=row.session_key == here,
                )
            )
    return sorted(found, key=lambda place: place.seen_at, reverse=True)


def end_sessions(user: User, *, but: str | None = None) -> int:
    """Sign the user out everywhere, but for the session of that key; return in how many places."""
    ended, _details = Session.objects.filter(user=user).exclude(session_key=but or "").delete()
    return ended
