"""The privacy desk in a browser: give a person's data, erase with proof, answer a request."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from playwright.sync_api import Page, expect

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList
from desk.factories import certificate_of, request_of, rule_of, silent
from desk.privacy.models import ErasureCertificate, PrivacyRequest
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import staff
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import PHONE, OpenAs

HOSTILE = {
    "first_name": "<script>alert(1)</script>",
    "last_name": "\u202e" + "😀" * 250,
    "email": "x'\"@dummy-mail.org",
    "delivery_notes": "</textarea><b>bold</b>",
}


@pytest.fixture
def officer(bistro: Connection) -> User:
    """The bistro's privacy officer."""
    return staff("olga", bistro.account, role=Role.PRIVACY)


@pytest.fixture
def page(open_as: OpenAs, officer: User) -> Page:
    """A window of the officer."""
    return open_as(officer)


def test_a_person_is_erased_and_the_proof_is_printed(page: Page, customer: Customer) -> None:
    page.goto(f"/admin/customers/customer/{customer.pk}/change/")
    page.get_by_role("link", name="Erase with proof").click()
    page.get_by_label("To confirm, type").fill(customer.public_id)
    page.get_by_role("button", name="Erase with proof").click()

    expect(page.get_by_text("is being searched")).to_be_visible()
    call_command("run_jobs", once=True)
    # The page renews itself.
    page.get_by_role("link", name="Certificate", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Nothing of this person was found.")
    assert serious_findings(page) == []
    page.emulate_media(media="print")
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.get_by_role("link", name="Background jobs")).to_be_hidden()
    assert ErasureCertificate.objects.get().found == {}


def test_a_request_is_recorded_extended_and_closed(page: Page, customer: Customer) -> None:
    page.goto("/admin/desk/privacyrequest/")
    page.get_by_role("link", name="Add privacy request").first.click()
    page.get_by_label("Kind").select_option(label="access to the data")
    page.get_by_label("Received on").fill("2026-05-01")
    page.get_by_label("Customer", exact=True).fill(customer.public_id)
    page.get_by_role("button", name="Save", exact=True).click()

    page.get_by_role("link", name=str(PrivacyRequest.objects.get().pk), exact=True).click()
    expect(page.get_by_text("1 Jun 2026")).to_be_visible()
    page.get_by_role("link", name="Take two months more").click()
    page.get_by_label("Reason").fill("Many old files")
    page.get_by_role("button", name="Extend").click()
    expect(page.get_by_text("1 Aug 2026").first).to_be_visible()
    page.get_by_label("State").select_option(label="closed")
    page.get_by_label("Outcome").select_option(label="done as asked")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("closed: done as asked")).to_be_visible()
    asked = PrivacyRequest.objects.get()
    assert (asked.state, asked.customer_id) == ("closed", customer.pk)


def test_the_page_for_a_person_runs_no_script_and_asks_nobody(
    page: Page, customer_list: CustomerList
) -> None:
    person: Any = CustomerFactory(customer_list=customer_list, custom_fields=HOSTILE, **HOSTILE)
    page.goto(f"/admin/customers/customer/{person.pk}/subject_access/")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Make the ZIP").click()
    packed = Path(waiting.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        read = file.read("index.html").decode()

    page.set_viewport_size(PHONE)
    page.goto("about:blank")
    page.set_content(read)

    expect(page.get_by_text("What Bistro keeps on you")).to_be_visible()
    expect(page.get_by_text(HOSTILE["first_name"]).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious_findings(page) == []


def test_a_rule_is_previewed_and_applied(page: Page, customer_list: CustomerList) -> None:
    people = [silent(customer_list, email=f"p{n}@dummy-mail.org") for n in range(2)]
    rule = rule_of(customer_list.account)
    page.goto(f"/admin/desk/retentionrule/{rule.pk}/change/")
    page.get_by_role("link", name="Preview").click()
    page.get_by_role("button", name="Count").click()
    call_command("run_jobs", once=True)
    expect(page.get_by_text("2 customers would be anonymised")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("link", name="Anonymise them").click()
    page.get_by_label("To confirm, type").fill("2")
    page.get_by_role("button", name="Anonymise them").click()
    expect(page.get_by_text("looked at again")).to_be_visible()
    call_command("run_jobs", once=True)

    expect(page.get_by_text("customers anonymised")).to_be_visible()
    assert Customer.objects.filter(pk__in=[one.pk for one in people], anonymised=True).count() == 2


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_the_pages_of_the_desk_have_no_serious_findings(
    viewport: Any, open_as: OpenAs, officer: User, customer: Customer
) -> None:
    window = open_as(officer, **({"viewport": viewport, "is_mobile": True} if viewport else {}))
    account = customer.account
    asked = request_of(account, customer_id=customer.pk, notes=HOSTILE["first_name"])
    rule = rule_of(account)
    certificate = certificate_of(customer, found={"orders_order.customer_notes": 1})

    for path in (
        "/admin/desk/privacyrequest/",
        f"/admin/desk/privacyrequest/{asked.pk}/change/",
        f"/admin/desk/privacyrequest/{asked.pk}/extend/",
        "/admin/desk/retentionrule/",
        f"/admin/desk/retentionrule/{rule.pk}/change/",
        f"/admin/desk/erasurecertificate/{certificate.pk}/change/",
        f"/admin/customers/customer/{customer.pk}/subject_access/",
        f"/admin/customers/customer/{customer.pk}/erase/",
        "/admin/customers/consentchange/",
    ):
        window.goto(path)
        assert serious_findings(window) == [], path
        if viewport:
            wide = window.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], path
