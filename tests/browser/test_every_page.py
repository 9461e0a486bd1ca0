"""Every page of the back-office in a browser: policies hold, axe finds nothing serious."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from accounts.models import Connection
from customers.models import Customer
from loyalty.factories import post
from loyalty.models import LoyaltyCard
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs

MODELS = list(admin.site._registry)
NAMES = [model._meta.label for model in MODELS]


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="secret")


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_pages_of_a_model_ask_no_other_host_and_break_no_policy(
    model: Any, open_as: OpenAs, boss: User, bistro: Connection, card: LoyaltyCard
) -> None:
    post(card, "7", "welcome")
    page = open_as(boss)
    name = model._meta.label_lower.replace(".", "_")
    row = model._default_manager.order_by("pk").first()
    paths = ["/admin/", reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_add")]
    if row is not None:
        paths += [reverse(f"admin:{name}_{kind}", args=[row.pk]) for kind in ("change", "history")]

    for path in paths:
        page.goto(path)
        # The theme's scripts have begun; let them draw.
        page.evaluate("new Promise(requestAnimationFrame)")
    # The fixture that opened the window judges what it heard.


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_pages_of_a_customer_have_no_serious_findings(
    viewport: Any, open_as: OpenAs, manager: User, customer: Customer
) -> None:
    page = open_as(manager, **({"viewport": viewport, "is_mobile": True} if viewport else {}))

    for path in (
        "/admin/",
        "/admin/customers/customer/",
        f"/admin/customers/customer/{customer.pk}/change/",
    ):
        page.goto(path)
        assert serious_findings(page) == []
