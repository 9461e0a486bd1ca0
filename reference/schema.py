"""The OpenAPI document, made from the URLs, the serializers and what ``calls.py`` says."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from reference.calls import CALLS, OAUTH, TAGS, Call
from reference.fields import MONEY
from reference.pages import AUTHORIZE
from reference.shapes import DECIMAL, SHAPES, Schema, ref
from reference.texts import BODY_FIELDS, ERRORS, INTRODUCTION, PATH_PARAMETERS

_SECURITY, _BASIC = "token", "client"
# The two short forms and the long one of a URL need ids of their own.
_FORMS = {
    "/v1/location/": "_of_own_location",
    "/v1/account/": "_of_own_account",
    "/v1/accounts/{account_id}/": "_of_account",
}
_SHORTEST = {"/v1/location": "_own_location", "/v1/account": "_own_account"}
_WITH_BODY = ("POST", "PUT", "PATCH")
_WAITS = (409, 429, 503)
_KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"}
_COUNT = {"type": "string", "pattern": "^0*[1-9][0-9]*$"}


class HubSchema(AutoSchema):
    """Writes the operation of one method of one URL."""

    view: Any

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Schema | None:
        """Return the operation, as OpenAPI has it."""
        self.path, self.path_regex, self.path_prefix = path, path_regex, path_prefix
        self.method, self.registry = method.upper(), registry
        call = CALLS[type(self.view), self.view.action]
        operation: Schema = {
            "operationId": self._operation_id(call),
            "tags": [call.tag],
            "summary": call.summary,
            "security": [{_BASIC: []}, {}] if call.tag == OAUTH else [{_SECURITY: []}],
            "parameters": self._parameters_of(call),
            "responses": self._responses(call),
        }
        if call.text:
            operation["description"] = call.text
        if call.body is not None:
            operation["requestBody"] = self._body(call)
        return operation

    def _operation_id(self, call: Call) -> str:
        form = _SHORTEST.get(self.path, "")
        for prefix, words in _FORMS.items():
            if self.path.startswith(prefix):
                form = words
        # Both methods mean the same; the spec names one of them.
        twin = "_by_patch" if self.method == "PATCH" else ""
        return f"{call.name}{form}{twin}"

    def _parameters_of(self, call: Call) -> list[Schema]:
        names = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        parameters = [
            _parameter("path", name, PATH_PARAMETERS[name], {"type": "string"}) for name in names
        ]
        parameters += [
            _parameter("query", name, text, {"type": "string"})
            for name, text in call.filters.items()
        ]
        if call.paged:
            text = "How many results at most: 100 by default, and never more."
            parameters.append(_parameter("query", "count", text, _COUNT))
            text = "Where the page begins: `X-Cursor-Next` of the page before."
            parameters.append(_parameter("query", "cursor", text, {"type": "string"}))
        if self._repeatable(call):
            text = "Makes the call safe to repeat: it is done once and answered alike for a day."
            parameters.append(_parameter("header", "Idempotency-Key", text, _KEY))
        return parameters

    def _repeatable(self, call: Call) -> bool:
        return self.method == "POST" and call.tag != OAUTH

    def _body(self, call: Call) -> Schema:
        required = False
        types = ["application/json"]
        if isinstance(call.body, str):
            schema = ref(call.body)
            types.append("application/x-www-form-urlencoded")
        else:
            serializer: Any = call.body
            component: Any = self.resolve_serializer(serializer(partial=call.partial), "request")
            schema = component.ref
            required = bool(component.schema.get("required"))
        content: Schema = {"schema": schema, "examples": {"example": {"value": call.sent}}}
        return {"required": required, "content": dict.fromkeys(types, content)}

    def _responses(self, call: Call) -> Schema:
        answer: Schema = {"schema": call.answer}
        if call.answered is not None:
            answer["examples"] = {"example": {"value": call.answered}}
        headers: Schema = {}
        if call.paged:
            headers["X-Cursor-Next"] = {
                "description": "Where the next page begins; absent on the last one.",
                "schema": {"type": "string"},
            }
        if self._repeatable(call):
            headers["Idempotency-Replayed"] = {
                "description": "`true` where the call had been done before.",
                "schema": {"type": "string"},
            }
        done: Schema = {"description": "Done.", "content": {"application/json": answer}}
        if headers:
            done["headers"] = headers
        refused = {str(status): _error(status) for status in self._statuses(call)}
        return {"200": done, **refused}

    def _statuses(self, call: Call) -> list[int]:
        view = self.view
        writes = self.method != "GET"
        has_body = self.method in _WITH_BODY
        statuses = {
            400: call.paged or has_body,
            401: True,
            403: view.resource or view.account_only or view.location_only or call.tag == OAUTH,
            404: "{" in self.path,
            409: writes and call.tag != OAUTH,
            413: True,
            415: has_body,
            422: call.tag != OAUTH and (has_body or call.filters),
            429: True,
            500: True,
            503: True,
        }
        return [status for status, told in statuses.items() if told]


def _parameter(place: str, name: str, text: str, schema: Schema) -> Schema:
    return {
        "in": place,
        "name": name,
        "required": place == "path",
        "description": text,
        "schema": schema,
    }


def _error(status: int) -> Schema:
    error: Schema = {
        "description": ERRORS[status],
        "content": {"application/json": {"schema": ref("Error")}},
    }
    if status in _WAITS:
        schema = {"type": "string", "pattern": "^[0-9]+$"}
        error["headers"] = {"Retry-After": {"description": "In seconds.", "schema": schema}}
    return error


@cache
def document() -> Schema:
    """Return the OpenAPI 3.1 document of the whole API; treat it as read-only."""
    made: Schema = SchemaGenerator().get_schema(request=None, public=True)
    schemas: Schema = made["components"]["schemas"]
    _describe(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hubcustomers",
            "version": "1.0",
            "description": INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [{"name": name} for name in TAGS],
        "paths": {**made["paths"], **AUTHORIZE},
        "components": {
            "schemas": dict(sorted({**schemas, **SHAPES}.items())),
            "securitySchemes": {
                _SECURITY: {"type": "apiKey", "in": "header", "name": "X-Access-Token"},
                _BASIC: {"type": "http", "scheme": "basic"},
            },
        },
    }


def _describe(schemas: Schema) -> None:
    """Add what the serializers do not say of the bodies."""
    line = schemas["DealLineRequest"]["properties"]
    # Money or percents, as the effect says.
    pattern = f"({MONEY})|({DECIMAL['pattern']})"
    line["pricing_value"] = {"type": ["string", "null"], "pattern": pattern}
    for name, schema in schemas.items():
        texts = BODY_FIELDS.get(name.removeprefix("Patched"), {})
        for field, text in texts.items():
            if field in schema["properties"]:
                schema["properties"][field]["description"] = text
