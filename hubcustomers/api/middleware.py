"""What the API does to a request before a view sees it."""

from collections.abc import Callable
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from hubcustomers.api.routing import api_routes

API_PREFIXES = ("/v1/", "/oauth2/")
_OVERRIDES = {"PUT", "PATCH", "DELETE"}


class BrowserOnlyCorsMiddleware(CorsMiddleware):
    """CORS for those who ask for it: browsers send an Origin, tills do not."""

    def __call__(self, request: HttpRequest) -> Any:
        """Pass the request on, by way of CORS where it comes from a page."""
        if "HTTP_ORIGIN" in request.META:
            return super().__call__(request)
        return self.get_response(request)


class ApiMiddleware:
    """Tolerates one trailing slash and obeys ``X-Http-Method-Override`` (companion, 1).

    Calls below ``/v1/`` leave the stack here: what follows (sessions, log-in, forms,
    messages, headers for browsers) is for pages, and took a fifth of the time of a call.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response
        # An unknown URL or host becomes an answer here, as it would at the end of the stack.
        self.call_view: Any = convert_exception_to_response(_call_view)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, changed where it belongs to the API."""
        path = request.path_info
        if path.startswith(API_PREFIXES):
            if path.endswith("/"):
                request.path_info = path[:-1]
            if not request.META.get("CONTENT_TYPE"):
                # Some tills name no type; what they send is JSON all the same.
                request.META["CONTENT_TYPE"] = "application/json"
            if request.method == "POST":
                override = request.META.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
                if override in _OVERRIDES:
                    request.method = override
            if path.startswith("/v1/"):
                response: HttpResponse = self.call_view(request)
                return response
        return self.get_response(request)


# Names of ours that callers have used; to look through all that are allowed takes longer.
_known_hosts: set[str] = set()
_MOST_HOSTS = 100


def _refuse_other_hosts(request: HttpRequest) -> None:
    host = request.META.get("HTTP_HOST", "")
    if host not in _known_hosts:
        request.get_host()
        if host and len(_known_hosts) < _MOST_HOSTS:
            _known_hosts.add(host)


def _call_view(request: HttpRequest) -> HttpResponse:
    _refuse_other_hosts(request)
    # Django's own search says what it tried, to whoever debugs.
    match = api_routes().find(request.path_info) or resolve(request.path_info)
    request.resolver_match = match
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response
