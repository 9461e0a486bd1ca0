"""Points in a browser: the counter, voiding, the statement and how it prints."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.models import Customer
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs


def focused(page: Page, what: str) -> None:
    page.wait_for_function(f"document.activeElement.matches('{what}')")


def test_a_card_is_scanned_points_are_typed_and_the_next_card_is_scanned(
    page: Page, card: LoyaltyCard
) -> None:
    # A scanner is a keyboard that ends with Enter.
    page.goto("/admin/")
    focused(page, "#hub-find-card")
    page.keyboard.type(card.ref)
    page.keyboard.press("Enter")

    focused(page, "[name=points]")
    page.keyboard.type("12.5")
    page.keyboard.press("Tab")
    page.keyboard.type("Lunch")
    page.keyboard.press("Enter")

    expect(page.get_by_text("12.5 points added. The balance is 12.5 now.")).to_be_visible()
    focused(page, "#hub-find-card")
    assert serious_findings(page) == []
    page.keyboard.type(card.ref)
    page.keyboard.press("Enter")
    # The reason is still there.
    focused(page, "[name=points]")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1.0 points added. The balance is 13.5 now.")).to_be_visible()


def test_an_operation_is_voided(page: Page, card: LoyaltyCard) -> None:
    wrong = post(card, "50", "by mistake")
    page.goto(f"/admin/loyalty/loyaltyoperation/{wrong.id}/change/")

    page.get_by_role("link", name="Void").click()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Void the operation").click()

    expect(page.get_by_text("The operation is voided.")).to_be_visible()
    card.refresh_from_db()
    assert card.balance == 0


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_page_of_a_card_with_a_long_history(
    viewport: Any, open_as: OpenAs, manager: User, customer: Customer
) -> None:
    card = LoyaltyCardFactory(customer=customer, name="W" * 255, ref="<b>" + "\u202e" + "😀" * 200)
    for number in range(120):
        post(card, "-1000000.000001" if number % 3 else "2500000", "😀" * 300)
    page = open_as(manager, **({"viewport": viewport, "is_mobile": True} if viewport else {}))

    page.goto(f"/admin/loyalty/loyaltycard/{card.pk}/change/")

    expect(page.get_by_role("img", name="Balance after the latest operations")).to_be_visible()
    page.locator("summary").click()
    assert serious_findings(page) == []
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_a_statement_is_read_and_printed(
    viewport: Any, open_as: OpenAs, manager: User, card: LoyaltyCard, tmp_path: Path
) -> None:
    for number in range(60):
        post(card, "7.5" if number % 2 else "-2.25", "<i>Lunch</i> " * 5)
    page = open_as(manager, **({"viewport": viewport, "is_mobile": True} if viewport else {}))

    page.goto(f"/admin/loyalty/loyaltycard/{card.pk}/statement/")

    expect(page.get_by_role("heading", name="Statement of your loyalty card")).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_text("Closing balance").last).to_be_visible()
    pdf = page.pdf(path=tmp_path / "statement.pdf", prefer_css_page_size=True)
    # Sixty operations fill some pages, and not one each.
    assert 2 <= pdf.count(b"/Type /Page\n") <= 6
