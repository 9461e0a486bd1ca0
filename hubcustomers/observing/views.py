"""What machines ask: is it alive, is it ready, and how is it."""

import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from hubcustomers.api.errors import error_response
from hubcustomers.api.rendering import json_response
from hubcustomers.observing import metrics
from hubcustomers.observing.readiness import readiness

_TEXT_FORM = "text/plain; version=0.0.4; charset=utf-8"


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; the database is not asked."""
    return json_response({"status": "alive"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served: 200, or 503 with the reason."""
    obstacle = readiness.obstacle()
    if obstacle:
        return error_response(503, obstacle, headers={"Retry-After": "1"})
    return json_response({"status": "ready"})


def show_metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to who has the token; without ``HUB_METRICS_TOKEN`` there are none."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.META.get("HTTP_AUTHORIZATION", "")
    expected = f"Bearer {settings.METRICS_TOKEN}"
    if not secrets.compare_digest(given.encode(), expected.encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        return error_response(401, "The token of the metrics is missing or wrong.", headers=headers)
    return HttpResponse(metrics.exposition(), content_type=_TEXT_FORM)
