"""Lets nobody near personal data who has not proved a second factor."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from hubcustomers.backoffice.reach import reach_of
from signin import factors

_PROVEN = "hub_second_factor"
# The way in, the way out, and the page where a second factor is set up.
_OPEN = {
    "sign_in",
    "sign_in_code",
    "security_confirm",
    "security_second_factor",
    "admin:logout",
    "admin:jsi18n",
    "set_language",
}


def note_proven(request: HttpRequest) -> None:
    """Remember that this session has proved the second factor."""
    request.session[_PROVEN] = True


def is_proven(request: HttpRequest) -> bool:
    """Return whether it has."""
    return bool(request.session.get(_PROVEN))


def must_have_one(request: HttpRequest) -> bool:
    """Return whether the user's roles, as they are now, demand a second factor.

    Every role does: operators see no customers, but issue the tokens that do.
    """
    return settings.SECOND_FACTOR_REQUIRED and not reach_of(request).nothing


class SecondFactorMiddleware:
    """Stands before every page, whichever app has it; a role given a minute ago counts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return the way to the second factor, None where there is nothing to ask for."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or is_proven(request):
            return None
        match = request.resolver_match
        if (match is not None and match.view_name in _OPEN) or not request.user.is_authenticated:
            return None
        if factors.is_enrolled(request.user):
            # Set up in another browser since this one was signed in.
            logout(request)
            return _way_to("sign_in", request)
        return _way_to("security_second_factor", request) if must_have_one(request) else None


def _way_to(name: str, request: HttpRequest) -> HttpResponse:
    query = urlencode({"next": request.get_full_path()}, safe="/")
    return HttpResponseRedirect(f"{reverse(name)}?{query}")
