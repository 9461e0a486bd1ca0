"""Finding, merging and anonymising people in a browser, as staff do."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Dialog, Page, expect

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList
from loyalty.factories import LoyaltyCardFactory, post
from tests.browser.accessibility import serious_findings
from tests.browser.conftest import DESKTOP, PHONE, OpenAs


@pytest.fixture
def anna(customer_list: CustomerList) -> Customer:
    anna = CustomerFactory(
        customer_list=customer_list, first_name="Anna", last_name="Durand", phone="+33612345678"
    )
    post(LoyaltyCardFactory(customer=anna, ref="av-1"), "12.5")
    return anna


@pytest.fixture
def annie(customer_list: CustomerList) -> Customer:
    annie = CustomerFactory(
        customer_list=customer_list,
        first_name="Annie",
        last_name="Durand",
        email="annie@example.com",
        phone="+33612345678",
    )
    post(LoyaltyCardFactory(customer=annie, ref="av-2"), "30.25")
    return annie


def test_a_person_is_found_by_a_phone_typed_with_spaces(page: Page, anna: Customer) -> None:
    CustomerFactory(customer_list=anna.customer_list, phone="+33699999999", first_name="Bob")
    page.goto("/admin/customers/customer/")

    page.get_by_placeholder("Name, phone").fill("06 12 34 56 78")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name=anna.public_id)).to_be_visible()
    expect(page.get_by_text("1 customer", exact=True)).to_be_visible()
    page.get_by_role("link", name=anna.public_id).click()
    expect(page.get_by_label("First name")).to_have_value("Anna")


def test_staff_merge_two_customers_and_undo_it(page: Page, anna: Customer, annie: Customer) -> None:
    page.goto(f"/admin/customers/customer/{anna.pk}/change/")
    page.get_by_role("link", name="Compare").click()
    assert serious_findings(page) == []

    page.get_by_role("radiogroup", name="First name").get_by_label("Annie").check()
    expect(page.get_by_text("which then has 42.75")).to_be_visible()
    page.get_by_role("button", name="Merge").click()

    expect(page.get_by_text("The two are one customer now")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Annie")
    expect(page.get_by_label("E-mail", exact=True)).to_have_value("annie@example.com")
    expect(page.get_by_text("42.75").first).to_be_visible()
    page.get_by_role("link", name="Undo merge").click()
    assert serious_findings(page) == []
    expect(page.get_by_text("30.25 points go back")).to_be_visible()
    page.get_by_role("button", name="Undo the merge").click()

    expect(page.get_by_text("They are two customers again")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Anna")
    page.goto(f"/admin/customers/customer/{annie.pk}/change/")
    expect(page.get_by_text("30.25").first).to_be_visible()


def test_who_is_merged_is_read_in_the_dark(
    open_as: OpenAs, manager: User, anna: Customer, annie: Customer
) -> None:
    page = open_as(manager, color_scheme="dark")

    page.goto(f"/admin/customers/customer/{anna.pk}/merge/?other={annie.public_id}")

    expect(page.get_by_role("link", name=annie.public_id)).to_be_visible()
    assert serious_findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bar_over_ticked_rows_is_read(
    scheme: str, open_as: OpenAs, manager: User, anna: Customer
) -> None:
    page = open_as(manager, color_scheme=scheme)
    page.goto("/admin/customers/customer/")

    page.locator("input.action-select").check()

    expect(page.get_by_text("1 of 1 selected")).to_be_visible()
    assert serious_findings(page) == []


def test_a_telephone_names_the_columns_as_they_are_written(phone: Page, anna: Customer) -> None:
    phone.goto("/admin/customers/customer/")

    cells = phone.locator("#result_list [data-label]")
    assert "customer list" in cells.evaluate_all("all => all.map(cell => cell.dataset.label)")
    styles = "all => all.map(cell => getComputedStyle(cell, '::before').textTransform)"
    assert set(cells.evaluate_all(styles)) == {"none"}


def test_anonymising_wants_the_id_typed(page: Page, anna: Customer) -> None:
    page.goto(f"/admin/customers/customer/{anna.pk}/change/")
    page.get_by_role("link", name="Anonymise").click()
    expect(page.get_by_text("1 loyalty card")).to_be_visible()

    page.get_by_label("To confirm, type").fill("yes")
    page.get_by_role("button", name="Anonymise").click()
    expect(page.get_by_text("nothing was done")).to_be_visible()
    page.get_by_label("To confirm, type").fill(anna.public_id)
    page.get_by_role("button", name="Anonymise").click()

    expect(page.get_by_text("The customer is anonymised.")).to_be_visible()
    anna.refresh_from_db()
    assert (anna.anonymised, anna.phone) == (True, None)


def test_a_list_shows_who_may_be_there_twice(
    page: Page, bistro: Connection, anna: Customer, annie: Customer
) -> None:
    page.goto(f"/admin/customers/customerlist/{anna.customer_list.pk}/duplicates/")
    assert serious_findings(page) == []
    page.get_by_role("button", name="Search now").click()
    expect(page.get_by_text("A worker searches the list now.")).to_be_visible()


# --- hostile names ------------------------------------------------------------------------

HOSTILE = {
    "script": "<script>document.title='pwned'</script>\"'><img src=x onerror=alert(1)>",
    "template": "{{ 7*7 }}{% raise %}${7*7}' onmouseover='alert(1)",
    "right to left": "\u202eevil\u202d العربية \u2067mirrored",
    "emoji": ("\U0001f469\u200d\U0001f373" * 85)[:255],
    "one word": "W" * 255,
}


def hostile(customer_list: CustomerList, name: str, number: int) -> Customer:
    customer = CustomerFactory(
        customer_list=customer_list,
        first_name=name,
        last_name=name[:254] + str(number),
        company_name=name,
        email=name,
        phone=name,
        address_1=name,
        city=name,
        postal_code="75001",
        delivery_notes=name * 3,
        custom_fields={name[:100]: name},
    )
    card = LoyaltyCardFactory(customer=customer, name=name[:250], ref=f"{name[:250]}{number}")
    post(card, "7", name)
    return customer


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_hostile_name_runs_nothing_and_breaks_no_page(
    open_as: OpenAs, manager: User, customer_list: CustomerList, name: str, viewport: Any
) -> None:
    page = open_as(manager, viewport=viewport, is_mobile=viewport is PHONE)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    customer, other = (hostile(customer_list, name, number) for number in range(2))
    own = f"/admin/customers/customer/{customer.pk}"
    merge = f"{own}/merge/?other={other.public_id}"

    for path in (
        "/admin/customers/customer/",
        f"/admin/customers/customer/?q={name[:20]}".replace("#", ""),
        f"{own}/change/",
        f"{own}/history/",
        f"{own}/anonymise/",
        f"{own}/merge/",
        merge,
        f"/admin/customers/customerlist/{customer_list.pk}/duplicates/",
    ):
        page.goto(path)
        page.evaluate("new Promise(requestAnimationFrame)")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], path
        assert "pwned" not in page.title()
        if path.endswith("change/"):
            # Nothing is cut off: the last column of the first table can be reached.
            compare = page.get_by_role("link", name="Compare").first.bounding_box()
            assert compare["x"] + compare["width"] <= viewport["width"]
    page.goto(merge)
    page.get_by_role("button", name="Merge").click()
    page.goto(f"{own}/unmerge/")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert dialogs == []
