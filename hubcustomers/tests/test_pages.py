"""What people see below /admin/ when something is wrong: pages, not the API's JSON."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
from hubcustomers.backoffice import audit
from hubcustomers.tests.desk import sign_in, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    sign_in(client, User.objects.create_superuser("boss"))
    return client


def test_the_back_office_is_found_without_its_slash(client: Client) -> None:
    r = client.get("/admin")

    assert r.status_code == 302
    assert r["Location"] == "/admin/"


def test_signing_in_leads_to_the_back_office(client: Client) -> None:
    User.objects.create_superuser("boss", password="long enough to keep")

    r = client.post("/admin/login/", {"username": "boss", "password": "long enough to keep"})

    assert r.status_code == 302
    assert r["Location"] == "/admin/"


@pytest.mark.parametrize("path", ["/admin/nothing/", "/admin/customers/customer/999/history/"])
def test_a_page_that_is_not_there_is_told_on_a_page(boss: Client, path: str) -> None:
    r = boss.get(path, follow=True)

    assert r["Content-Type"].startswith("text/html")


def test_an_unknown_host_is_told_on_a_page_there_and_as_json_elsewhere(client: Client) -> None:
    page = client.get("/admin/", headers={"Host": "elsewhere.example"})
    answer = client.get("/v1/account", headers={"Host": "elsewhere.example"})

    assert page.status_code == answer.status_code == 400
    assert page["Content-Type"].startswith("text/html")
    assert answer.json()["error_type"] == "bad_request"


@pytest.mark.parametrize("key", ["zz", "-1", "0", "9" * 30, "9" * 5000, "\u0661"])
def test_a_customer_that_no_key_names_is_told(key: str, boss: Client) -> None:
    assert boss.get(f"/admin/customers/customer/{quote(key)}/change/").url == "/admin/"


@pytest.mark.parametrize("key", ["zz", "", "-1", "9" * 30, "1.5", "\u0661"])
@pytest.mark.parametrize(
    "page", ["loyalty/loyaltycard/add/?customer", "callbacks/callback/add/?connection"]
)
def test_a_form_takes_no_nonsense_for_a_choice(page: str, key: str, boss: Client) -> None:
    assert boss.get(f"/admin/{page}={quote(key)}").status_code == 200


@pytest.mark.parametrize("query", ["", "?s=a", "?s=a&page=x"])
def test_the_search_of_the_theme_is_no_page(query: str, boss: Client) -> None:
    assert boss.get(f"/admin/search/{query}").status_code == 404


def test_the_history_goes_by_the_clocks_of_the_account(boss: Client, customer: Customer) -> None:
    entry = audit.record(None, customer, "changed")
    entry.refresh_from_db()

    shown = entry.created_at.astimezone(ZoneInfo("Europe/Paris")).strftime("%Y, %H:%M")
    for page in (url(customer, "history"), url(customer)):
        assert shown in boss.get(page).content.decode().replace("\xa0", " ")


def test_where_one_is_signed_in_is_said_in_utc(boss: Client) -> None:
    assert "\xa0UTC" in boss.get("/admin/security/").content.decode()
