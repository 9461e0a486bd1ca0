"""Subject access: the ZIP, from the customer's page and from the command line."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer
from customers.services import anonymise_customer, lock_customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, member_desk, staff, url
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


def unpacked(content: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert set(file.namelist()) == {"subject.json", "index.html"}
        return json.loads(file.read("subject.json")), file.read("index.html").decode()


def fetch(desk: Desk, customer: Customer, **data: str) -> tuple[dict[str, Any], str]:
    answer = desk.post(url(customer, "subject_access"), **data)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert "no-store" in answer["Cache-Control"]
    assert f'filename="customer-{customer.public_id}-' in answer["Content-Disposition"]
    return unpacked(answer.content)


def test_the_officer_makes_the_zip_on_the_customers_page(known: Customer) -> None:
    desk = member_desk(known.account, role=Role.PRIVACY)
    page = url(known, "subject_access")
    assert page in desk.get(url(known)).content.decode()
    assert "Make the ZIP" in desk.get(page).content.decode()

    told, read = fetch(desk, known, language="en")

    assert told["customer_id"] == known.public_id
    assert told["account"]["name"] == "Bistro"
    [person] = told["customer"]
    assert (person["email"], person["latitude"]) == ("charles.moore@dummy-mail.org", "48.8589507")
    assert person["custom_fields"]["score"] == 1.5
    assert {ref["ref"] for ref in told["private_refs"]} == {"till-ref-2213312", "crm-ref-9"}
    assert [one["new_value"] for one in told["consent_history"]] == [True, True]
    [order] = told["orders"]
    assert order["items"][0]["options"][0]["name"] == "Large"
    assert order["private_refs"][0]["ref"] == "ticket-77"
    assert [one["delta"] for one in told["operations"]] == ["4.2", "-4.2"]
    assert told["operations"][1]["voids_id"] == told["operations"][0]["id"]
    assert len(told["imported_rows"]) == 2
    assert told["events"][0]["attempts_made"][0]["error"] == "no route to crm"
    for word in ("Quattro stagioni", "Big lunch", "Ring &quot;twice&quot;", "people of May.csv"):
        assert word in read
    # The person's data are escaped, also where a client put them.
    assert "&lt;b&gt;milk&lt;/b&gt;" in read
    assert "<b>milk" not in read
    entry = AuditEntry.objects.filter(resource_id=known.pk).latest("pk")
    assert (entry.action, entry.user) == ("exported", desk.user)


def test_staff_are_told_by_role_only(known: Customer) -> None:
    desk = member_desk(known.account, role=Role.PRIVACY)
    names = set(AuditEntry.objects.values_list("user_name", flat=True))
    assert names

    told, read = fetch(desk, known)

    assert {entry["by"] for entry in told["audit_trail"]} == {"manager"}
    assert {entry["action"] for entry in told["audit_trail"]} >= {"changed", "voided"}
    for name in names:
        assert name not in json.dumps(told)
        assert name not in read


def test_the_page_can_be_in_french_and_needs_nothing_else(known: Customer) -> None:
    desk = member_desk(known.account, role=Role.PRIVACY)

    _told, read = fetch(desk, known, language="fr")

    assert '<html lang="fr">' in read
    assert "Ce que" in read
    for attribute in ("src=", "href=", "url(", "@import", "<script"):
        assert attribute not in read
    assert "default-src 'none'" in read


def test_nothing_of_anybody_else_is_in_it(known: Customer, rival: Connection) -> None:
    CustomerFactory(customer_list=known.customer_list, email="other@dummy-mail.org")
    desk = member_desk(known.account, role=Role.PRIVACY)

    told, _read = fetch(desk, known)

    assert "other@dummy-mail.org" not in json.dumps(told)
    assert "Rival" not in json.dumps(told)


def test_of_an_anonymised_customer_what_is_left_is_shown(known: Customer) -> None:
    anonymise_customer(lock_customer(known.account_id, known.customer_list_id, known.pk))
    desk = member_desk(known.account, role=Role.PRIVACY)
    shown = desk.get(url(known)).content.decode()
    assert url(known, "subject_access") in shown
    assert url(known, "anonymise") not in shown

    told, _read = fetch(desk, known)

    assert "charles.moore" not in json.dumps(told)
    assert len(told["erasures"]) == 1
    assert told["orders"]


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.PRIVACY, 200), (Role.MANAGER, 200), (Role.SUPPORT, 403), (Role.OPERATOR, 403)],
)
def test_roles_do_what_is_theirs(role: str, status: int, customer: Customer) -> None:
    desk = member_desk(customer.account, role=role)

    for answer in (
        desk.get(url(customer, "subject_access")),
        desk.post(url(customer, "subject_access")),
    ):
        assert answer.status_code == status


def test_it_asks_who_is_there_before_it_gives_anything(customer: Customer) -> None:
    officer = staff("officer", customer.account, role=Role.PRIVACY)
    desk = Desk(officer, proven=False)

    answer = desk.post(url(customer, "subject_access"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/security/confirm/")
    assert not AuditEntry.objects.filter(action="exported").exists()


def test_staff_of_another_account_get_nothing(customer: Customer, rival: Connection) -> None:
    desk = member_desk(rival.account, role=Role.PRIVACY)

    assert desk.post(url(customer, "subject_access")).status_code == 404


# --- the command ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_the_same(known: Customer, tmp_path: Path) -> None:
    file = tmp_path / "charles.zip"

    ended = run("export_subject", known.public_id, "--output", file, "--json", "--language", "fr")

    assert ended.status == 0, ended.err
    told, read = unpacked(file.read_bytes())
    assert told["customer"][0]["first_name"] == "Charles"
    assert '<html lang="fr">' in read
    report = json.loads(ended.out)
    assert report["customer"] == known.public_id
    assert report["records"]["orders"] == 1
    assert file.stat().st_mode & 0o077 == 0
    assert AuditEntry.objects.filter(action="exported", user=None).count() == 1
    assert "records written to" in run("export_subject", known.public_id, "--output", file).out


@pytest.mark.django_db(transaction=True)
def test_the_command_refuses_what_it_cannot_do(customer: Customer, tmp_path: Path) -> None:
    for words in (
        ("zzzzz", "--output", tmp_path / "x.zip"),
        (customer.public_id, "--output", tmp_path / "no" / "x.zip"),
    ):
        assert run("export_subject", *words).status == 2
    assert list(tmp_path.iterdir()) == []
