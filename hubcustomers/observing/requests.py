"""Around every request: an id, a line in the log, a count. Calls and pages alike.

The first middleware of all, as calls of the API leave the stack early. Nearly all that it
costs a call is for the line in the log.
"""

import logging
import os
import re
import secrets
from collections.abc import Callable
from itertools import count
from time import perf_counter
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from hubcustomers.api.errors import method_refused
from hubcustomers.observing import metrics
from hubcustomers.observing.logs import AccessRecord, about
from hubcustomers.policies import STRICT

HEADER = "X-Request-Id"
# Asked every few seconds, by machines that know no host name.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

logger = logging.getLogger("hubcustomers.access")
# An id that a proxy or a client gave: nothing that could be an address or end a line.
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,63}").fullmatch
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")

# Ids are counted, which costs a tenth of random ones; the beginning is the process' own.
_own = secrets.token_hex(4)
_number = count(1).__next__


def _begin_anew() -> None:
    global _own, _number
    _own, _number = secrets.token_hex(4), count(1).__next__


os.register_at_fork(after_in_child=_begin_anew)


class ObservingMiddleware:
    """Names, times, counts and logs each request, and answers probes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response
        self.answer_probe: Any = convert_exception_to_response(_answer_probe)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, and write down what became of it."""
        begin = perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID")
        name = _request_id(request, given) if given else f"{_own}-{_number():x}"
        # Until the thread's next request: Django says more outside of all middlewares.
        about.set(name)
        is_probe = request.path_info in PROBES
        answer = self.answer_probe if is_probe else self.get_response
        response: HttpResponse = answer(request)
        response.headers[HEADER] = name
        _note(request, response, perf_counter() - begin, is_probe)
        return response


def _request_id(request: HttpRequest, given: str) -> str:
    """Return the id that came with the request, if it is one."""
    if _SANE(given) and given != request.META.get("HTTP_X_ACCESS_TOKEN"):
        return given
    return f"{_own}-{_number():x}"


def _answer_probe(request: HttpRequest) -> HttpResponse:
    match = request.resolver_match = resolve(request.path_info)
    if request.method not in {"GET", "HEAD"}:
        return method_refused(request.method, ("GET", "HEAD"))
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    response.headers["Content-Security-Policy"] = STRICT
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Length"] = str(len(response.content))
    return response


_routes: dict[str, str] = {}


def _route_of(request: HttpRequest) -> str:
    """Return the pattern of the URL, never the URL itself."""
    match = request.resolver_match
    if match is None:
        return "static" if request.path_info.startswith("/static/") else "none"
    route = _routes.get(match.route)
    if route is None:
        route = _routes[match.route] = "/" + _PARAMETER.sub(r":\1", match.route)
    return route


def _note(request: HttpRequest, response: HttpResponse, seconds: float, is_probe: bool) -> None:
    route = _route_of(request)
    method = request.method if request.method in _METHODS else "other"
    assert method is not None
    status = response.status_code
    if metrics.is_on:
        metrics.count_request(route, method, status, seconds)
    level = logging.DEBUG if is_probe else logging.INFO
    if logger.isEnabledFor(level):
        fields = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "connection": getattr(getattr(request, "auth", None), "pk", None),
        }
        logger.handle(AccessRecord(level, fields))
