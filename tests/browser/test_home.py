"""The first page of the back-office in a browser: with figures, without, on a telephone."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from hubcustomers.backoffice import figures
from loyalty.factories import post
from loyalty.models import LoyaltyCard
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figures_appear_by_themselves_once_they_are_counted(
    scheme: str, open_as: OpenAs, manager: User, card: LoyaltyCard
) -> None:
    post(card, "1234.5", "welcome")
    page = open_as(manager, color_scheme=scheme)

    page.goto("/admin/")
    expect(page.get_by_text("The figures are being counted")).to_be_visible()
    assert figures.refresh_due()

    expect(page.get_by_text("1,234.5").first).to_be_visible()
    expect(page.get_by_role("img", name="Points earned and used per week.")).to_be_visible()
    assert serious_findings(page) == []
    page.locator("summary").first.click()
    assert serious_findings(page) == []


def test_a_telephone_shows_it_without_scrolling_sideways(phone: Any, card: LoyaltyCard) -> None:
    post(card, "99999999999999.999999", "a great deal")
    phone.goto("/admin/")
    figures.refresh_due()
    phone.goto("/admin/")

    expect(phone.get_by_text("As of")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious_findings(phone) == []


def test_no_data_is_told_in_words(page: Any) -> None:
    page.goto("/admin/")
    figures.refresh_due()
    page.goto("/admin/")

    expect(page.get_by_text("Nothing yet.").first).to_be_visible()
    assert serious_findings(page) == []
