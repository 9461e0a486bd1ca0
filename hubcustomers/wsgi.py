"""The web application, for Granian, gunicorn and every other WSGI server."""

import gc
import io
import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubcustomers.settings")
# What one statement of a request may take; commands have no such limits.
os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_MS", "5000")
os.environ.setdefault("DATABASE_LOCK_TIMEOUT_MS", "2000")

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries
from django.utils.log import log_response

_django: Any = get_wsgi_application()

# Only now: models cannot be imported before the applications are loaded.
from accounts.last_used import write_uses  # noqa: E402
from hubcustomers.observing.stderr import write_together  # noqa: E402

# The middlewares, and the views behind them.
_calls = _django._middleware_chain
write_together()
# Django would do more around each request: empty the log of statements, which only DEBUG
# fills, look for connections to close, which were given back behind the request before, close
# the caches, and forget the URLs of a request that had its own.
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)
    request_finished.disconnect(reset_urlconf)
# What is loaded by now stays; the collector need not walk it again and again.
gc.collect()
gc.freeze()
# The cycles that calls leave behind are small: looking for them every 700 objects, as Python
# does, costs more than keeping some for longer.
gc.set_threshold(10_000, 20, 20)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request.

    Django takes a body without Content-Length for none, so one sent in chunks is read
    here, up to a byte more than the hub accepts.
    """
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
    if environ.get("PATH_INFO", "").startswith("/v1/"):
        return _answer_call(environ, start_response)
    response: Any = _django(environ, start_response)
    if getattr(response, "streaming", True):
        return response
    # Servers send a list at once; what they must iterate, Granian hands from thread to thread.
    body = [response.content]
    response.close()
    write_uses()
    return body


def _answer_call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a call of the API: what Django does, but for what only pages and streams need.

    Left out are the prefix of URLs, cookies, and the signals around a request, of which one
    receiver is left by now: the one that gives the connection back.
    """
    request = WSGIRequest(environ)
    response: Any = _calls(request)
    if response.status_code >= 500:
        log_response("%s: %s", response.reason_phrase, request.path, response=response)
    start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
    request.close()
    connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
    write_uses()
    return [response.content]
