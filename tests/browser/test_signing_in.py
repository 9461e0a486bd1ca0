"""Signing in to the back-office, in a browser."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from customers.models import Customer
from hubcustomers.tests.desk import code_of, enrol
from signin import totp
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import DESKTOP, PHONE, OpenAs


def test_staff_sign_in_and_find_the_customers(
    open_page: OpenAs, manager: User, customer: Customer
) -> None:
    enrol(manager)
    page = open_page()
    page.goto("/admin/customers/customer/")
    expect(page).to_have_title("Log in | hubcustomers")
    assert serious_findings(page) == []

    give_password(page)
    expect(page).to_have_title("Your second factor | hubcustomers")
    assert serious_findings(page) == []
    page.get_by_label("Code").fill(code_of(manager))
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("link", name=customer.public_id)).to_be_visible()
    assert serious_findings(page) == []


def give_password(page: Page) -> None:
    page.get_by_label("Username").fill("marie")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_first_sign_in_sets_up_a_second_factor(
    viewport: Any, open_page: OpenAs, manager: User, customer: Customer
) -> None:
    page = open_page(viewport=viewport)
    page.goto("/admin/customers/customer/")
    give_password(page)
    expect(page).to_have_title("Set up your second factor | hubcustomers")
    picture = page.get_by_role("img", name="QR code").locator("svg").bounding_box()
    assert picture is not None
    assert picture["width"] == picture["height"] == 256
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert serious_findings(page) == []

    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.get_by_label("The six digits").fill(totp.code_at(secret, totp.step_now()))
    page.get_by_role("button", name="Set up").click()

    expect(page.locator("#recovery-codes li")).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert serious_findings(page) == []
    recovery_code = page.locator("#recovery-codes li").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("link", name=customer.public_id)).to_be_visible()

    elsewhere = open_page(viewport=viewport)
    elsewhere.goto("/admin/customers/customer/")
    give_password(elsewhere)
    elsewhere.get_by_label("Code").fill(recovery_code)
    elsewhere.get_by_role("button", name="Log in").click()
    expect(elsewhere.get_by_role("link", name=customer.public_id)).to_be_visible()


def test_a_telephone_shows_the_login_without_scrolling_sideways(open_page: OpenAs) -> None:
    page = open_page(viewport=PHONE, is_mobile=True)
    page.goto("/admin/login/")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_role("button", name="Log in")).to_be_in_viewport()
