"""The document as a text to read: ``docs/reference.md``."""

import json
from collections.abc import Iterator
from typing import Any

from reference.schema import document
from reference.shapes import Schema

_HEAD = """\
# API reference

Made from the code by `manage.py write_reference`; a running hub shows the same at `/docs`, to try
out, and serves it as OpenAPI 3.1 at `/openapi.json`. [api.md](api.md) explains what the calls have
in common.
"""
_METHODS = ("get", "post", "put", "patch", "delete")


def render() -> str:
    """Return the whole text."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for tag in document()["tags"]:
        yield f"## {tag['name']}\n"
        for forms in _calls(tag["name"]):
            yield from _call(forms)
    yield "## Bodies inside bodies\n"
    for name in sorted(_nested()):
        yield f"### {_title(name)}\n"
        yield from _fields(_component(name))
    yield "## Errors\n"
    yield from _errors()


def _calls(tag: str) -> list[list[tuple[str, str, Schema]]]:
    """Return the calls of a chapter, each as its forms: method, path, operation."""
    calls: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, methods in document()["paths"].items():
        for method in _METHODS:
            operation = methods.get(method)
            if operation is not None and operation["tags"] == [tag]:
                calls.setdefault(operation["summary"], []).append((method, path, operation))
    return list(calls.values())


def _call(forms: list[tuple[str, str, Schema]]) -> Iterator[str]:
    operation = forms[0][2]
    yield f"### {operation['summary']}\n"
    yield "```http"
    for method, path, _ in forms:
        yield f"{method.upper()} {path}"
    yield "```\n"
    if "description" in operation:
        yield operation["description"] + "\n"
    yield from _parameters(operation)
    yield from _request(operation)
    yield from _answer(operation)


def _parameters(operation: Schema) -> Iterator[str]:
    shown = [one for one in operation["parameters"] if one["in"] != "path"]
    if not shown:
        return
    yield "| parameter | where | meaning |\n| --- | --- | --- |"
    for one in shown:
        yield f"| `{one['name']}` | {one['in']} | {one['description']} |"
    yield ""


def _request(operation: Schema) -> Iterator[str]:
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if content_type == "application/json":
            yield from _fields(_component(_name(content["schema"])))
            yield from _examples("Body", content)


def _answer(operation: Schema) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            if status == "200":
                yield from _examples("Answer", content)
    refusals = [status for status in operation["responses"] if status != "200"]
    yield f"May be refused with {', '.join(refusals)}.\n"


def _examples(title: str, content: Schema) -> Iterator[str]:
    for example in content.get("examples", {}).values():
        text = json.dumps(example["value"], indent=2, ensure_ascii=False)
        yield f"{title}:\n\n```json\n{text}\n```\n"


def _fields(schema: Schema) -> Iterator[str]:
    required = schema.get("required", [])
    yield "| field | takes | meaning |\n| --- | --- | --- |"
    for name, field in schema["properties"].items():
        need = "required, " if name in required else ""
        yield f"| `{name}` | {need}{_kind(field)} | {field.get('description', '')} |"
    yield ""


def _kind(schema: Schema) -> str:
    """Return what a field takes, in a few words."""
    if "$ref" in schema:
        return f"object ([{_title(_name(schema))}](#{_title(_name(schema)).lower()}))"
    kinds = schema.get("type", [])
    kind = [kinds] if isinstance(kinds, str) else list(kinds)
    if "array" in kind:
        return f"array of {_kind(schema['items'])}"
    if "enum" in schema:
        words = [word for word in schema["enum"] if word]
        return "string" if len(words) > 20 else " or ".join(f"`{word}`" for word in words)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            inner = [_kind(one) for one in schema[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(word for word in inner if word))
    if schema.get("additionalProperties"):
        return f"object of {_kind(schema['additionalProperties'])}"
    words = [word for word in kind if word != "null"]
    limit = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return " or ".join(words) + limit


def _errors() -> Iterator[str]:
    told: dict[str, str] = {}
    for methods in document()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                told.setdefault(status, answer["description"])
    yield "| status | when |\n| --- | --- |"
    for status in sorted(set(told) - {"200"}):
        yield f"| {status} | {told[status]} |"


def _nested() -> set[str]:
    """Return the components that stand inside the bodies of calls."""
    found: set[str] = set()
    waiting: list[Any] = [
        _component(_name(content["schema"]))
        for methods in document()["paths"].values()
        for operation in methods.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content["schema"]
    ]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "$ref" in value and _name(value) not in found:
                found.add(_name(value))
                waiting.append(_component(_name(value)))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _title(name: str) -> str:
    return name.removesuffix("Request")


def _component(name: str) -> Schema:
    component: Schema = document()["components"]["schemas"][name]
    return component
