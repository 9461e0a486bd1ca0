"""The back-office without a mouse: what a key reaches, opens and closes."""

import pytest
from playwright.sync_api import Locator, Page, expect

from customers.models import Customer
from tests.browser.accessibility import serious_findings

CUSTOMERS = "/admin/customers/customer/"


def tab_to(page: Page, control: Locator) -> None:
    """Press Tab until the control has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if control.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {control}")


def test_the_first_key_skips_the_menu(page: Page, customer: Customer) -> None:
    page.goto(CUSTOMERS)
    skip = page.get_by_role("link", name="Skip to the content")

    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.getElementById('content').contains(document.activeElement)")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_filters_open_and_close(page: Page, customer: Customer, key: str) -> None:
    page.goto(CUSTOMERS)
    filters = page.get_by_role("button", name="Filters")
    expect(filters).to_have_attribute("aria-expanded", "false")

    tab_to(page, filters)
    page.keyboard.press(key)
    expect(filters).to_have_attribute("aria-expanded", "true")
    assert serious_findings(page) == []
    page.keyboard.press("Tab")
    panel = page.locator("#changelist-filter")
    assert panel.evaluate("one => one.contains(document.activeElement)")
    page.keyboard.press("Escape")

    expect(panel).to_be_hidden()
    expect(filters).to_be_focused()


def test_the_user_menu_is_walked_through(page: Page, customer: Customer) -> None:
    page.goto(CUSTOMERS)
    menu = page.get_by_role("button", name="marie")

    tab_to(page, menu)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Dark"))
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_class("dark")
    tab_to(page, page.get_by_role("link", name="Your security"))
    assert serious_findings(page) == []
    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_sidebar_is_put_away(page: Page, customer: Customer) -> None:
    page.set_viewport_size({"width": 1400, "height": 800})
    page.goto(CUSTOMERS)
    toggle = page.get_by_role("button", name="Menu")

    tab_to(page, toggle)
    page.keyboard.press("Space")

    expect(page.get_by_role("link", name="Loyalty cards")).to_be_hidden()
    expect(toggle).to_have_attribute("aria-expanded", "false")


def test_the_menu_of_a_narrow_window_is_opened(phone: Page, customer: Customer) -> None:
    phone.goto(CUSTOMERS)
    cards = phone.get_by_role("link", name="Loyalty cards")

    toggle = phone.get_by_role("button", name="Menu")

    tab_to(phone, toggle)
    phone.keyboard.press("Enter")
    expect(cards).to_be_visible()
    assert serious_findings(phone) == []
    tab_to(phone, cards)
    phone.keyboard.press("Escape")

    expect(cards).to_be_hidden()
    expect(toggle).to_be_focused()


def test_so_are_the_actions_of_a_narrow_window(phone: Page, customer: Customer) -> None:
    phone.goto(CUSTOMERS)
    more = phone.get_by_role("button", name="More actions")

    tab_to(phone, more)
    phone.keyboard.press("Space")

    expect(phone.get_by_role("link", name="Grant points")).to_be_visible()
    expect(more).to_have_attribute("aria-expanded", "true")
