"""GET /healthz and /readyz: what a proxy or an orchestrator asks."""

import json

import psycopg
import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client

from hubcustomers.observing import readiness


@pytest.fixture(autouse=True)
def _keeps_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    # The database of the tests runs without fsync; whether it is on is not what is tried here.
    monkeypatch.setattr(readiness, "MUST_BE_ON", ("enable_seqscan",))
    readiness.readiness.forget()


def unready(r: HttpResponse) -> str:
    """Check that the answer is the envelope, and return its sentence."""
    assert r.status_code == 503
    assert r["Retry-After"] == "1"
    body = json.loads(r.content)
    assert set(body) == {"message", "error_type"}
    assert body["error_type"] == "service_unavailable"
    return body["message"]


def test_a_living_hub_says_so_without_its_database(client: Client) -> None:
    # No database fixture: a statement would fail.
    r = client.get("/healthz")

    assert (r.status_code, json.loads(r.content)) == (200, {"status": "alive"})


def test_a_hub_that_can_serve_says_so(db: None, client: Client) -> None:
    r = client.get("/readyz")

    assert (r.status_code, json.loads(r.content)) == (200, {"status": "ready"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_who_asks_needs_to_know_no_host_name(db: None, client: Client, path: str) -> None:
    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_only_read(client: Client, path: str) -> None:
    r = client.post(path)

    assert r.status_code == 405
    assert r["Allow"] == "GET, HEAD"
    assert json.loads(r.content)["error_type"] == "method_not_allowed"


def test_an_answer_is_kept_by_nobody(client: Client) -> None:
    r = client.head("/healthz")

    assert r["Cache-Control"] == "no-store"
    assert r["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_missing_migration_is_told(db: None, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'loyalty' AND name ~ '^0002'")

    message = unready(client.get("/readyz"))

    assert message == "The database lacks migrations of this version."


def test_so_is_an_empty_database(db: None, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")

    assert "migrations" in unready(client.get("/readyz"))


def test_a_database_that_forgets_is_not_served_from(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    message = unready(client.get("/readyz"))

    assert message == "The database does not keep what it acknowledges."


def test_a_database_that_is_away_is_told_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("at db.internal") from psycopg.OperationalError("at db.internal")

    monkeypatch.setattr(readiness.transaction, "atomic", refuse)

    message = unready(client.get("/readyz"))

    assert message == "The database does not answer."
    assert "db.internal" in caplog.text


def test_the_database_is_asked_at_most_once_a_second(
    db: None, client: Client, django_assert_num_queries
) -> None:
    with django_assert_num_queries(4):  # SAVEPOINT, limit, question, RELEASE
        client.get("/readyz")
        client.get("/readyz")
