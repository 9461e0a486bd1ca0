"""Points in a browser: the counter, voiding, the statement and how it prints."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.factories import CustomerFactory
from customers.models import Customer
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs
from transfer.jobs import Worker


def focused(page: Page, what: str) -> None:
    page.wait_for_function(f"document.activeElement?.matches('{what}')")


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


def test_wrong_points_are_typed_again(page: Page, card: LoyaltyCard) -> None:
    page.goto(f"/admin/loyalty/loyaltycard/{card.pk}/change/?counter=points")
    focused(page, "[name=points]")
    page.keyboard.type("abc")
    page.keyboard.press("Tab")
    page.keyboard.type("Lunch")
    page.keyboard.press("Enter")

    page.wait_for_url("**/post/")
    focused(page, "[name=points]")
    expect(page.get_by_text(card.ref)).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("link", name="Back to the card").click()
    focused(page, "[name=points]")
    page.keyboard.type("2")

    page.keyboard.press("Tab")
    page.keyboard.type("Lunch")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2.0 points added. The balance is 2.0 now.")).to_be_visible()


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
def test_points_are_granted_to_all_customers_of_a_filter(
    viewport: Any, open_as: OpenAs, manager: User, customer: Customer
) -> None:
    agrees = CustomerFactory(customer_list=customer.customer_list, email_marketing=True)
    card = LoyaltyCardFactory(customer=agrees, name="wine")
    LoyaltyCardFactory(customer=customer, name="wine")
    page = open_as(manager, **({"viewport": viewport, "is_mobile": True} if viewport else {}))

    page.goto("/admin/customers/customer/?consent=email")
    if viewport:
        page.get_by_text("more_horiz").first.click()
    page.get_by_role("link", name="Grant points").click()
    page.get_by_label("Cards").select_option("wine")
    page.get_by_label("Points for each card").fill("7.5")
    page.get_by_label("Reason").fill("<b>Christmas</b>")
    assert serious_findings(page) == []
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_text("points in all")).to_be_visible()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.get_by_label("To confirm").fill("1")
    page.get_by_role("button", name="Grant the points").click()

    expect(page.get_by_text("0 of 1").first).to_be_visible()
    Worker().run(once=True)
    expect(page.get_by_text("card got the points")).to_be_visible()
    assert serious_findings(page) == []
    card.refresh_from_db()
    assert card.balance == Decimal("7.5")
    assert LoyaltyOperation.objects.count() == 1

    page.get_by_role("link", name="Void this grant").click()
    page.get_by_label("To confirm").fill("1")
    page.get_by_role("button", name="Void the grant").click()
    expect(page.get_by_text("A worker voids the grant.")).to_be_visible()
    Worker().run(once=True)
    card.refresh_from_db()
    assert card.balance == 0


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
