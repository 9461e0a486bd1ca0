"""Import a file in the browser: upload, name the columns, look at what would happen, import."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from customers.models import Customer, CustomerList
from tests.browser.accessibility import serious_findings
from transfer.factories import JobFactory
from transfer.jobs import Worker
from transfer.models import RefusedRow

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<img src=x onerror=alert(1)>" + "x" * 200


@pytest.mark.parametrize("window", ["page", "phone"])
def test_a_file_is_imported(
    window: str, request: pytest.FixtureRequest, customer_list: CustomerList, tmp_path: Path
) -> None:
    page: Page = request.getfixturevalue(window)
    file = tmp_path / "Guests of 2025.csv"
    file.write_text(
        f'E-mail,Mobile,Points,Sex,"{HOSTILE}"\n'
        f"a@example.com,06 12 34 56 78,13.5,female,{HOSTILE}\n"
        "b@example.com,,,who,\n"
    )

    page.goto(f"/admin/customers/customerlist/{customer_list.pk}/import_file/")
    page.locator("input[type=file]").set_input_files(file)
    assert serious_findings(page) == []
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_label("Points")).to_have_value("card_balance")
    page.get_by_label("Customers are found by").select_option("email")
    assert serious_findings(page) == []
    page.get_by_role("button", name="Try every row").click()
    Worker().run(once=True)
    expect(page.get_by_text("“gender” must be one of: male, female")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("link", name="Import now").click()
    page.get_by_role("button", name="Import now").click()
    Worker().run(once=True)

    expect(page.get_by_role("status")).to_contain_text("done")
    assert Customer.objects.get().phone == "+33612345678"


def test_a_telephone_shows_whole_why_a_row_is_refused(
    phone: Page, customer_list: CustomerList
) -> None:
    job = JobFactory(customer_list=customer_list)
    reason = "custom_fields.allergies must be one of: " + ", ".join(
        ["milk", "nuts"] * 20 + ["m" * 80]
    )
    RefusedRow.objects.create(account=job.account, job=job, line=2, reason=reason, cells=[])

    phone.goto(f"/admin/transfer/job/{job.pk}/change/")

    cell = phone.get_by_role("cell", name="must be one of")
    assert cell.evaluate("cell => cell.scrollHeight <= cell.clientHeight")
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_a_list_is_exported(page: Page, customer: Any) -> None:
    page.goto(f"/admin/customers/customerlist/{customer.customer_list_id}/export_list/")
    assert serious_findings(page) == []

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()

    text = Path(waiting.value.path()).read_text()
    assert str(customer.public_id) in text
