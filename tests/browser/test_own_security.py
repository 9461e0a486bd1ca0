"""The pages on which staff look after their own security, in a browser."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from hubcustomers.tests.desk import code_of
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import DESKTOP, PHONE, OpenAs

each_size = pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])


@each_size
def test_the_pages_fit_and_have_no_serious_findings(
    viewport: Any, open_as: OpenAs, manager: User
) -> None:
    open_as(manager)
    page = open_as(manager, viewport=viewport)

    for name in ("", "confirm/", "second-factor/", "recovery-codes/", "password/"):
        page.goto(f"/admin/security/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name
        assert serious_findings(page) == [], name


def test_the_user_menu_leads_to_them_and_out_of_every_other_browser(
    open_as: OpenAs, manager: User
) -> None:
    there, here = open_as(manager), open_as(manager)
    there.goto("/admin/")
    here.goto("/admin/")

    here.get_by_text("marie").first.click()
    here.get_by_role("link", name="Your security").click()
    here.get_by_role("button", name="Sign out everywhere else").click()

    expect(here.get_by_text("You are signed out everywhere else.")).to_be_visible()
    there.goto("/admin/")
    expect(there).to_have_title("Log in | hubcustomers")


def test_a_code_is_asked_for_before_new_recovery_codes(open_as: OpenAs, manager: User) -> None:
    page = open_as(manager)
    page.goto("/admin/security/confirm/?next=/admin/security/recovery-codes/")

    page.get_by_label("Code").fill("111111")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This code is wrong, or was used already.")).to_be_visible()
    page.get_by_label("Code").fill(code_of(manager))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Make new codes").click()

    expect(page.locator("#recovery-codes li")).to_have_count(10)
