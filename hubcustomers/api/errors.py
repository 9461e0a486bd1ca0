"""The one place where a failure becomes a status and a body (companion, section 2)."""

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf

from hubcustomers.api.rendering import json_response
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.exceptions import AccessRefused, InvalidField, ObjectNotFound

logger = logging.getLogger(__name__)

ERROR_TYPES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "unprocessable_entity",
    429: "too_many_requests",
    500: "internal_error",
    503: "service_unavailable",
}
_RETRY_SOON = {"Retry-After": "1"}
_NOT_FOUND = "There is no such object, or the token cannot reach it."
_INTERNAL_ERROR = "Something went wrong on our side. It has been recorded."
_AWAY = "The hub cannot reach its database or is overloaded. Try again."


def error_response(
    status: int,
    message: str,
    *,
    errors: Iterable[tuple[str, str]] | None = None,
    error_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the envelope: message, errors (on 422 only) and error_type."""
    body: dict[str, Any] = {"message": message}
    if errors is not None:
        body["errors"] = [{"field": field, "message": text} for field, text in errors]
    body["error_type"] = error_type or ERROR_TYPES[status]
    return json_response(body, status=status, headers=headers)


def validation_response(errors: list[tuple[str, str]]) -> HttpResponse:
    """Return a 422 that names each field at fault."""
    message = "; ".join(f"{field} {text}" for field, text in errors)
    return error_response(422, message or "The request breaks a rule.", errors=errors)


def method_refused(method: str | None, allowed: Iterable[str]) -> HttpResponse:
    """Return a 405 that says which methods there are."""
    headers = {"Allow": ", ".join(allowed)}
    return error_response(405, f'Method "{method}" not allowed.', headers=headers)


def error_for(error: Exception, *, allowed_methods: Iterable[str] = ()) -> HttpResponse:
    """Return the answer for whatever a request raised; what is unforeseen is logged."""
    if isinstance(error, InvalidField):
        return validation_response(error.errors)
    if isinstance(error, drf.ValidationError):
        return validation_response(list(flatten(error.detail)))
    if isinstance(error, ObjectNotFound | Http404):
        return error_response(404, _NOT_FOUND)
    if isinstance(error, AccessRefused | PermissionDenied):
        return error_response(403, str(error) or "The token does not allow this.")
    if isinstance(error, drf.MethodNotAllowed):
        headers = {"Allow": ", ".join(sorted(allowed_methods))}
        return error_response(405, str(error.detail), headers=headers)
    if isinstance(error, drf.APIException):
        return _api_exception(error)
    if isinstance(error, DatabaseError | InterfaceError):
        return _database_error(error)
    if isinstance(error, EmbeddedPostgresError):
        logger.error("The embedded database does not answer: %s", error)
        return error_response(503, _AWAY, headers=_RETRY_SOON)
    if isinstance(error, SuspiciousOperation):
        return error_response(400, "The request cannot be understood.")
    logger.error("Unexpected failure", exc_info=error)
    return error_response(500, _INTERNAL_ERROR)


def _api_exception(error: drf.APIException) -> HttpResponse:
    status = error.status_code
    wait = getattr(error, "wait", None)
    headers = {"Retry-After": str(int(wait))} if wait else None
    return error_response(status, str(error.detail), headers=headers)


def flatten(detail: Any, field: str = "") -> Iterable[tuple[str, str]]:
    """Return ``(field, sentence)`` for each fault that a serializer found."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from flatten(inner, field or str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from flatten(inner, field)
    else:
        yield field, str(detail)


# --- the database's answers ---------------------------------------------------------


def sqlstate(error: BaseException) -> str:
    """Return the five characters that PostgreSQL gave the error, '' where it gave none."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def constraint_name(error: BaseException) -> str:
    """Return the constraint that refused, '' where none did."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


@lru_cache(maxsize=1)
def _constraint_messages() -> dict[str, tuple[str, str]]:
    return {
        constraint.name: (constraint.violation_error_code, str(constraint.violation_error_message))
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if constraint.violation_error_code
    }


def _database_error(error: Exception) -> HttpResponse:
    state = sqlstate(error)
    known = _constraint_messages().get(constraint_name(error))
    if known is not None:
        return validation_response([known])
    if state == "23503":
        # What the row would belong to went between two statements of this request.
        return error_response(404, _NOT_FOUND)
    if state[:2] in {"22", "23"} or "NUL" in str(error):
        logger.warning("The database refused a value: %s %s", state, constraint_name(error))
        return validation_response([])
    if state == "55P03":
        message = "Another request is changing the same object. Try again."
        return error_response(409, message, headers=_RETRY_SOON)
    if state[:2] in {"", "08", "40", "53", "57"}:
        logger.error("The database is away or overloaded: %s %s", state, type(error).__name__)
        return error_response(503, _AWAY, headers=_RETRY_SOON)
    logger.error("Unexpected database failure", exc_info=error)
    return error_response(500, _INTERNAL_ERROR)


# --- answers outside any view -------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refuses, like one for an unknown host."""
    if _is_page(request):
        return _bare_error_page(400)
    return error_response(400, "The request cannot be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself forbids."""
    if _is_page(request):
        return _error_page(request, 403)
    return error_response(403, "This is not allowed.")


def routing_error(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a URL that nothing serves."""
    if _is_page(request):
        return _error_page(request, 404)
    return error_response(404, "There is no such URL.", error_type="routing_error")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure outside the API's own views; Django has logged it."""
    if _is_page(request):
        return _bare_error_page(500)
    return error_response(500, _INTERNAL_ERROR)


def _error_page(request: HttpRequest, status: int) -> HttpResponse:
    # Not before it is needed: the admin cannot be imported before the models are.
    from hubcustomers.backoffice.error_pages import error_page

    return error_page(request, status)


def _bare_error_page(status: int) -> HttpResponse:
    from hubcustomers.backoffice.error_pages import bare_error_page

    return bare_error_page(status)


def _is_page(request: HttpRequest) -> bool:
    # People read the answers below /admin/, programs all others.
    return request.path.startswith("/admin/")
