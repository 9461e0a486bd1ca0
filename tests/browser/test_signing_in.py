"""Signing in to the back-office, in a browser."""

from django.contrib.auth.models import User
from playwright.sync_api import expect

from customers.models import Customer
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs


def test_staff_sign_in_and_find_the_customers(
    open_page: OpenAs, manager: User, customer: Customer
) -> None:
    page = open_page()
    page.goto("/admin/customers/customer/")
    expect(page).to_have_title("Log in | hubcustomers")
    assert serious_findings(page) == []

    page.get_by_label("Username").fill("marie")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("link", name=customer.public_id)).to_be_visible()
    assert serious_findings(page) == []


def test_a_telephone_shows_the_login_without_scrolling_sideways(open_page: OpenAs) -> None:
    page = open_page(viewport=PHONE, is_mobile=True)
    page.goto("/admin/login/")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_role("button", name="Log in")).to_be_in_viewport()
