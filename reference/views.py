"""``/openapi.json``, the document, and ``/docs``, the page that shows it."""

from collections.abc import Callable
from functools import cache, wraps

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from hubcustomers.api.errors import method_refused
from hubcustomers.policies import page_policy

# Swagger UI sets style attributes and shows pictures of its own as data; it evaluates nothing.
_POLICY = page_policy(script_src="'self'", form_action="'none'")


@cache
def _document_bytes() -> bytes:
    # What makes the document takes a moment to import; a hub that starts has no use for it.
    from reference.schema import document

    return orjson.dumps(document())


def _only_read(
    view: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse every method that does not read, before anybody asks for a form's token."""

    @csrf_exempt
    @wraps(view)
    def judged(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return view(request)
        return method_refused(request.method, ("GET", "HEAD"))

    return judged


@_only_read
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document; anybody may read it, from any page."""
    response = HttpResponse(_document_bytes(), content_type="application/json")
    response["Access-Control-Allow-Origin"] = "*"
    return response


@_only_read
def docs(request: HttpRequest) -> HttpResponse:
    """Return the page that shows the document and makes calls with a token that is typed in."""
    response = render(request, "reference/docs.html")
    response["Content-Security-Policy"] = _POLICY
    return response
