"""What browsers are told that they may do with our answers."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from conftest import HubClient
from hubcustomers.api.rendering import fixed_headers
from hubcustomers.policies import page_policy
from hubcustomers.tests.desk import sign_in

pytestmark = pytest.mark.django_db

NOTHING = "default-src 'none'; frame-ancestors 'none'"


def test_an_answer_of_the_api_may_do_nothing(api: HubClient) -> None:
    for r in (api.get("/location"), api.get("/nope"), HubClient(token="x").get("/location")):
        assert r["Content-Security-Policy"] == NOTHING
        assert r["X-Content-Type-Options"] == "nosniff"
        assert r["Referrer-Policy"] == "same-origin"
        assert r["Cross-Origin-Opener-Policy"] == "same-origin"


def test_answers_that_come_over_tls_insist_on_it(settings) -> None:
    assert "Strict-Transport-Security" not in fixed_headers()

    settings.SECURE_HSTS_SECONDS = 3600

    assert fixed_headers()["Strict-Transport-Security"] == "max-age=3600"


@pytest.mark.parametrize("path", ["/", "/nope", "/oauth2/v1/nope", "/static/nope.js"])
def test_nor_may_what_is_no_page(client: Client, path: str) -> None:
    assert client.get(path)["Content-Security-Policy"] == NOTHING


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/customers/customer/"])
def test_a_page_runs_no_inline_script_and_asks_no_other_host(client: Client, path: str) -> None:
    sign_in(client, User.objects.create_superuser("boss"))

    r = client.get(path, follow=True)

    policy = dict(part.split(" ", 1) for part in r["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    for name in ("object-src", "base-uri", "frame-ancestors"):
        assert policy[name] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "http" not in r["Content-Security-Policy"]
    assert "camera=()" in r["Permissions-Policy"]
    assert r["X-Frame-Options"] == "DENY"


def test_a_page_can_name_where_its_form_leads() -> None:
    policy = page_policy(form_action="'self' https://till.example")

    assert "form-action 'self' https://till.example" in policy
    assert "default-src 'none'" in policy


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(client: Client) -> None:
    User.objects.create_superuser("boss", password="long enough to keep")
    client.get("/admin/login/")

    client.post("/admin/login/", {"username": "boss", "password": "long enough to keep"})

    for name in ("sessionid", "csrftoken"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
