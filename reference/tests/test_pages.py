"""``/openapi.json`` and ``/docs``."""

import pytest
from django.test import Client

from reference.schema import document


def test_anybody_reads_the_document_without_a_token(client: Client) -> None:
    answer = client.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json() == document()


def test_the_page_runs_no_script_of_others_and_evaluates_none(client: Client) -> None:
    answer = client.get("/docs")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert 'data-document="/openapi.json"' in answer.content.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_neither_takes_anything(path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["error_type"] == "method_not_allowed"
