"""Making a connection by hand, in a browser."""

import re

from playwright.sync_api import Page, expect

from accounts.models import Connection
from customers.models import CustomerList
from tests.browser.accessibility import serious_findings


def test_choices_write_the_scope(
    page: Page, bistro: Connection, customer_list: CustomerList
) -> None:
    page.goto("/admin/accounts/connection/add/")
    scope = page.get_by_label("Scope")
    expect(page.get_by_label("Customer list")).to_be_hidden()
    assert serious_findings(page) == []

    page.locator("input[name=customers][value=write]").check()
    expect(scope).to_have_value("account[all_customer_lists.write]")
    page.get_by_label("Location").select_option(str(bistro.location_id))
    page.locator("input[name=orders][value=read]").check()
    page.locator("input[name=lists][value=one]").check()
    expect(scope).to_have_value("location[customer_list.write,orders.read]")
    page.get_by_label("Customer list").select_option(str(customer_list.pk))
    page.get_by_label("Client").select_option(str(bistro.client_id))
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_label("Access token")).to_have_value(re.compile("[0-9a-f]{40}"))
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("Read all orders of Paris")).to_be_visible()
    assert serious_findings(page) == []
