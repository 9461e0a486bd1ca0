"""GET / and /favicon.ico: what browsers ask for unasked, and programs never should."""

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from hubcustomers.tests.desk import boss_desk

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_a_browser_is_shown_to_the_back_office(client: Client) -> None:
    r = client.get("/", headers={"Accept": BROWSER})

    assert (r.status_code, r["Location"]) == (302, "/admin/")
    assert r["Vary"] == "Accept"


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/plain, */*", "nonsense"]
)
def test_a_program_is_told_that_there_is_nothing(client: Client, accept: str | None) -> None:
    r = client.get("/", headers={} if accept is None else {"Accept": accept})

    assert (r.status_code, r.json()["error_type"]) == (404, "routing_error")


def test_so_is_who_writes_there() -> None:
    strict = Client(enforce_csrf_checks=True)

    r = strict.post("/", headers={"Accept": BROWSER})

    assert (r.status_code, r.json()["error_type"]) == (404, "routing_error")


def test_the_icon_is_found_where_browsers_look(client: Client) -> None:
    r = client.get("/favicon.ico")

    assert (r.status_code, r["Location"]) == (302, "/static/hub/icon.svg")
    assert finders.find("hub/icon.svg")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/nope/", "/admin/security/", "/docs"])
def test_pages_name_it(path: str) -> None:
    shown = boss_desk().http.get(path).content.decode()

    assert shown.count('href="/static/hub/icon.svg"') == 1


def test_so_does_the_page_that_signs_in(client: Client) -> None:
    assert 'href="/static/hub/icon.svg"' in client.get("/admin/login/").content.decode()
