"""The OpenAPI document: valid, whole, and true in its examples."""

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from drf_spectacular.validation import validate_schema
from jsonschema_rs import Draft202012Validator

from hubcustomers.urls import urlpatterns
from reference.calls import CALLS
from reference.schema import document
from reference.texts import BODY_FIELDS

OPERATIONS = [
    pytest.param(operation, id=operation["operationId"])
    for methods in document()["paths"].values()
    for operation in methods.values()
    if operation["operationId"] != "authorize"  # a page for people
]


def test_the_document_is_valid_openapi_3_1() -> None:
    validate_schema(document())

    assert document()["openapi"] == "3.1.0"


def test_every_route_of_the_api_is_told_with_every_method() -> None:
    routes = {
        "/" + re.sub(r"<str:(\w+)>", r"{\1}", str(url.pattern)): set(url.callback.actions)
        - {"head"}
        for url in urlpatterns
        if str(url.pattern).startswith(("v1/", "oauth2/")) and hasattr(url.callback, "actions")
    }

    told = {path: set(methods) for path, methods in document()["paths"].items()}
    assert told == {**routes, "/oauth2/v1/authorize": {"get"}}


def test_no_call_is_told_that_no_route_serves() -> None:
    served = {
        (url.callback.cls, action)
        for url in urlpatterns
        if hasattr(url.callback, "actions")
        for action in url.callback.actions.values()
    }

    assert served == set(CALLS)


def test_no_two_operations_share_an_id() -> None:
    ids = [param.id for param in OPERATIONS]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_told_whole(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert all(parameter["description"] for parameter in operation["parameters"])
    assert {"200", "401", "429", "500", "503"} <= set(operation["responses"])
    assert _contents(operation["responses"]["200"])[0].get("examples")
    for content in _contents(operation.get("requestBody", {})):
        assert content.get("examples")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_examples_of_an_operation_fit_its_schemas(operation: dict[str, Any]) -> None:
    parts = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in (content for part in parts for content in _contents(part)):
        schema = {**content["schema"], "components": document()["components"]}
        for example in content.get("examples", {}).values():
            Draft202012Validator(schema, validate_formats=True).validate(example["value"])


def test_every_field_of_a_body_is_described() -> None:
    schemas = document()["components"]["schemas"]
    silent = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        if name.endswith("Request")
        for field, one in schema["properties"].items()
        if not one.get("description")
    ]

    assert silent == []


def test_no_field_is_described_that_no_body_has() -> None:
    schemas = document()["components"]["schemas"]
    known = {name.removeprefix("Patched"): schema["properties"] for name, schema in schemas.items()
             if name.endswith("Request")}  # fmt: skip

    assert [
        f"{name}.{field}"
        for name, fields in BODY_FIELDS.items()
        for field in fields
        if field not in known[name]
    ] == []


def test_the_reference_in_the_docs_is_that_of_the_code() -> None:
    call_command("write_reference", check=True)


def test_the_check_refuses_a_reference_that_is_out_of_date(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "reference.md").write_text("old")
    settings.BASE_DIR = tmp_path

    with pytest.raises(CommandError, match="out of date"):
        call_command("write_reference", check=True)

    call_command("write_reference", openapi=str(tmp_path / "openapi.json"))
    call_command("write_reference", check=True)
    assert json.loads((tmp_path / "openapi.json").read_text()) == document()


def _contents(part: dict[str, Any]) -> list[dict[str, Any]]:
    return list(part.get("content", {}).values())
