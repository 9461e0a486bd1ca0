"""Holds each answer that a test gets to the API's document: a client may rely on the document."""

import json
import re
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from reference.schema import document
from reference.shapes import ref

# Not told of any call: a method that the URL does not have.
_UNTOLD = {405}


class NotAsDocumented(AssertionError):
    """The hub answered something that its document does not tell."""


def hold_to_document(response: Any) -> Any:
    """Return the answer, if its status, headers and body are as the document says.

    Raises:
        NotAsDocumented: They are not.
    """
    request = response.wsgi_request
    if request.method == "OPTIONS":
        # A browser that asks before it calls; no call of the API.
        return response
    match = getattr(request, "resolver_match", None)
    path = "" if match is None else "/" + re.sub(r"<str:(\w+)>", r"{\1}", match.route)
    method = "get" if request.method == "HEAD" else request.method.lower()
    told = document()["paths"].get(path, {}).get(method, {}).get("responses", {})
    answer = told.get(str(response.status_code))
    if answer is None and told and response.status_code not in _UNTOLD:
        raise NotAsDocumented(f"{method} {path} answered {response.status_code}: {_body(response)}")
    schema = ref("Error")
    if answer is not None:
        schema = answer["content"]["application/json"]["schema"]
        _hold_headers(response, set(answer.get("headers", {})), f"{method} {path}")
    if request.method != "HEAD":
        _hold_body(response, json.dumps(schema), f"{method} {path}")
    return response


def _hold_headers(response: Any, told: set[str], call: str) -> None:
    of_interest = {"X-Cursor-Next", "Idempotency-Replayed", "Retry-After"}
    if untold := {name for name in of_interest if name in response.headers} - told:
        raise NotAsDocumented(f"{call} sent {sorted(untold)}")


def _hold_body(response: Any, schema: str, call: str) -> None:
    for error in _validator(schema).iter_errors(response.json()):
        raise NotAsDocumented(f"{call} {response.status_code}: {error}")


def _body(response: Any) -> str:
    return str(response.content[:500])


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return Draft202012Validator(whole, validate_formats=True)
