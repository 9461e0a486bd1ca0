"""``/openapi.json`` and ``/docs``."""

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


def test_neither_takes_anything(client: Client) -> None:
    assert client.post("/openapi.json").status_code == 405
    assert client.post("/docs").status_code == 405
