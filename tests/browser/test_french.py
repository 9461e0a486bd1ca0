"""A day in French, in a browser: signing in, the first page, another language."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from customers.models import Customer
from hubcustomers.tests.desk import code_of, enrol
from loyalty.factories import post
from loyalty.models import LoyaltyCard
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import DESKTOP, PHONE, OpenAs


def test_staff_sign_in_in_french_and_turn_to_english(
    open_page: OpenAs, manager: User, customer: Customer
) -> None:
    enrol(manager)
    page = open_page(locale="fr-FR")
    page.goto("/admin/")
    expect(page).to_have_title("Se connecter | hubcustomers")

    page.get_by_label("Nom d’utilisateur").fill("marie")
    page.get_by_label("Mot de passe").fill("secret")
    page.get_by_role("button", name="Se connecter").click()
    expect(page).to_have_title("Votre second facteur | hubcustomers")
    page.get_by_label("Code").fill(code_of(manager))
    page.get_by_role("button", name="Se connecter").click()

    expect(page.get_by_role("heading", name="À surveiller")).to_be_visible()
    page.get_by_role("link", name="Listes de clients").click()
    expect(page).to_have_title(re.compile("Listes de clients"))

    page.get_by_text("marie", exact=True).click()
    page.get_by_role("button", name="English").click()
    expect(page).to_have_title(re.compile("Customer lists"))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_french_fits_its_pages(
    viewport: Any, open_as: OpenAs, manager: User, card: LoyaltyCard
) -> None:
    post(card, "7", "bienvenue")
    page = open_as(manager, viewport=viewport, locale="fr-FR")
    customer = f"/admin/customers/customer/{card.customer_id}"

    for path in (
        "/admin/",
        "/admin/customers/customer/",
        f"{customer}/change/",
        f"{customer}/merge/",
        f"{customer}/subject_access/",
        f"/admin/loyalty/loyaltycard/{card.pk}/change/",
        f"/admin/loyalty/loyaltycard/{card.pk}/statement/",
        "/admin/accounts/connection/",
        "/admin/security/",
    ):
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == "fr"
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        assert serious_findings(page) == [], path
