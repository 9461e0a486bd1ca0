"""What staff see in place of a page that they cannot have, in their language."""

from typing import Any

import pytest
from django.test import Client as DjangoClient

from accounts.models import Connection
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import boss_desk, member_desk

pytestmark = pytest.mark.django_db
FORBIDDEN = "/admin/accounts/connection/add/"


@pytest.fixture
def support(bistro: Connection) -> DjangoClient:
    return member_desk(bistro.account, role=Role.SUPPORT).http


@pytest.mark.parametrize(
    ("language", "title", "home"),
    [("en", "You may not do this", "Home"), ("fr", "Vous ne pouvez pas faire cela", "Accueil")],
)
def test_what_a_role_does_not_include_is_said(
    support: DjangoClient, language: str, title: str, home: str
) -> None:
    answer = support.get(FORBIDDEN, headers={"Accept-Language": language})

    shown = answer.content.decode()
    assert answer.status_code == 403
    assert f'lang="{language}"' in shown
    assert title in shown
    assert home in shown
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("path", ["/admin/nope/", "/admin/customers/nope/", "/admin/search/"])
def test_a_page_that_is_not_there(path: str) -> None:
    answer = boss_desk().http.get(path, headers={"Accept-Language": "fr"})

    assert answer.status_code == 404
    assert "Cette page n’existe pas" in answer.content.decode()


def test_who_is_not_signed_in_is_told_nothing_more() -> None:
    answer = DjangoClient().get("/admin/search/")

    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert "You are signed in" not in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "This request is not understood"), ("fr", "Cette requête n’est pas comprise")],
)
def test_an_address_that_the_admin_refuses(language: str, title: str) -> None:
    http = boss_desk().http

    answer = http.get("/admin/customers/customer/?foo=1", headers={"Accept-Language": language})

    shown = answer.content.decode()
    assert answer.status_code == 400
    assert f'lang="{language}"' in shown
    assert title in shown
    assert 'href="/admin/"' in shown
    assert "You are signed in" not in shown


def test_a_host_that_is_not_ours() -> None:
    answer = DjangoClient().get("/admin/", headers={"Host": "elsewhere.example"})

    assert answer.status_code == 400
    assert "This request is not understood" in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Something went wrong on our side"),
        ("fr", "Une erreur s’est produite de notre côté"),
    ],
)
def test_a_failure_shows_no_internals(
    monkeypatch: pytest.MonkeyPatch, language: str, title: str
) -> None:
    http = boss_desk().http
    http.raise_request_exception = False
    monkeypatch.setattr("customers.admin.customers.CustomerAdmin.get_queryset", _fail)

    answer = http.get("/admin/customers/customer/", headers={"Accept-Language": language})

    shown = answer.content.decode()
    assert answer.status_code == 500
    assert f'lang="{language}"' in shown
    assert title in shown
    assert "secret" not in shown
    assert "boss" not in shown
    assert "Content-Security-Policy" in answer.headers


def test_nor_does_it_need_what_may_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    http = boss_desk().http
    http.raise_request_exception = False
    monkeypatch.setattr("django.contrib.auth.context_processors.auth", _fail)
    monkeypatch.setattr("psycopg.Cursor.execute", _fail)

    answer = http.get("/admin/")

    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.content.decode()


def _fail(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("secret in /srv/hub/settings.py")


def test_the_api_answers_as_ever() -> None:
    answer = DjangoClient().get("/v1/nope")

    assert answer.json()["error_type"] == "routing_error"
