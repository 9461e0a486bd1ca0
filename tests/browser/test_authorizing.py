"""Letting an application in, in a browser (companion, section 10)."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from accounts.factories import ClientFactory, LocationFactory
from accounts.grants import redeem_code
from accounts.models import Client, Connection
from customers.models import CustomerList
from hubcustomers.tests.desk import code_of
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs


@pytest.fixture
def client(live_server: Any) -> Client:
    made = ClientFactory(name="Web shop")
    # The application runs on this machine, as one in development does.
    made.redirect_uris = f"{live_server.url}/healthz"
    made.save()
    return made


def path(client: Client, **changes: str) -> str:
    given = {
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uris,
        "scope": "location[customer_list.write,orders.read]",
        "state": "42",
        **changes,
    }
    return f"/oauth2/v1/authorize?{urlencode(given)}"


def fits(page: Page, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_manager_signs_in_picks_a_place_and_a_list_and_allows(
    viewport: Any,
    open_page: OpenAs,
    client: Client,
    manager: Any,
    customer_list: CustomerList,
    bistro: Connection,
) -> None:
    LocationFactory(account=bistro.account, name="N" * 255)
    given = code_of(manager)
    page = open_page(**({"viewport": viewport, "is_mobile": True} if viewport else {}))
    width = (viewport or {"width": 1280})["width"]
    page.goto(path(client))
    page.get_by_label("Username").fill("marie")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Code").fill(given)
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("heading", name="Where may it connect?")).to_be_visible()
    assert serious_findings(page) == []
    assert fits(page, width)
    page.get_by_label("Paris").check()
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", name="Allow Web shop?")).to_be_visible()
    assert serious_findings(page) == []
    assert fits(page, width)
    page.get_by_label("Customer list").select_option(label=customer_list.name)
    page.get_by_role("button", name="Allow").click()

    page.wait_for_url("**/healthz?*")
    code = page.evaluate("new URLSearchParams(location.search).get('code')")
    assert page.evaluate("new URLSearchParams(location.search).get('state')") == "42"
    connection = redeem_code(client, code).connection
    assert (connection.location, connection.customer_list) == (bistro.location, customer_list)


def test_a_manager_refuses(page: Page, client: Client) -> None:
    page.goto(path(client))
    page.get_by_role("button", name="Refuse").click()

    page.wait_for_url("**/healthz?error=access_denied&state=42")


def test_a_code_to_type_in_is_shown(phone: Page, client: Client) -> None:
    scope = "location[orders.read]"
    phone.goto(path(client, redirect_uri="urn:ietf:wg:oauth:2.0:oob", scope=scope))
    phone.get_by_role("button", name="Allow").click()

    expect(phone.get_by_role("heading", name="Your code")).to_be_visible()
    assert serious_findings(phone) == []
    assert fits(phone, PHONE["width"])
    assert redeem_code(client, phone.locator("code").inner_text())
