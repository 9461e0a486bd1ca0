"""Erasure with proof: anonymise, search the whole database, keep a certificate."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer
from desk.factories import certificate_of
from desk.merging.factories import merge
from desk.privacy import proof
from desk.privacy.models import ErasureCertificate
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, list_url, member_desk, settle, staff, url
from orders.models import Order
from transfer import jobs
from transfer.models import Job, State
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(known: Customer) -> Desk:
    return member_desk(known.account, role=Role.PRIVACY)


def erase(desk: Desk, customer: Customer, typed: str | None = None) -> Any:
    page = url(customer, "erase")
    return desk.post(page, typed=customer.public_id if typed is None else typed)


def proof_job() -> Job:
    return Job.objects.get(kind=proof.KIND)


def all_text() -> str:
    """Return every certificate, job and audit entry as text."""
    models = (ErasureCertificate, Job, AuditEntry)
    return str([list(model.objects.values()) for model in models])


def test_the_whole_way_from_the_page_to_the_certificate(officer: Desk, known: Customer) -> None:
    Order.objects.for_account(known.account).update(customer_notes=None)
    shown = officer.get(url(known, "erase")).content.decode()
    assert "<strong" in shown
    assert "certificate" in shown
    assert "Erase this customer with proof" in shown
    assert "Anonymise this customer" not in shown

    answer = erase(officer, known)

    job = proof_job()
    assert answer["Location"] == url(job)
    assert Customer.objects.get(pk=known.pk).anonymised
    assert "is being searched" in officer.get(url(job)).content.decode()
    assert run("run_jobs", "--once").status == 0
    certificate = ErasureCertificate.objects.get()
    assert certificate.found == {}
    assert certificate.tables > 30
    assert certificate.columns > 300
    assert set(certificate.fields) >= {"email", "phone", "first_name", "birth_date"}
    assert (certificate.user, certificate.customer_id) == (officer.user, known.pk)
    page = officer.get(url(job)).content.decode()
    assert url(certificate) in page
    read = officer.get(url(certificate)).content.decode()
    assert f"The {certificate.columns} columns" in read
    assert known.public_id in read
    assert "nothing found" in officer.get(list_url(ErasureCertificate)).content.decode()


def test_nothing_of_the_person_is_kept_to_look_for_it(officer: Desk, known: Customer) -> None:
    erase(officer, known)

    # What to look for waits encrypted, and goes with the search.
    assert "charles.moore" not in all_text()
    assert proof_job().options["sealed"]
    run("run_jobs", "--once")
    assert "sealed" not in proof_job().options
    for text in ("charles.moore", "Charles", "1999", "Champs"):
        assert text not in all_text()


def test_what_was_forgotten_is_told_by_place_without_the_value(
    officer: Desk, known: Customer
) -> None:
    Order.objects.for_account(known.account).update(
        customer_notes="Ask charles.moore@dummy-mail.org"
    )

    erase(officer, known)
    run("run_jobs", "--once")

    certificate = ErasureCertificate.objects.get()
    # The event that tells of the erased order repeats its notes.
    assert certificate.found["orders_order.customer_notes"] == 1
    read = officer.get(url(certificate)).content.decode()
    assert "orders_order.customer_notes: 1" in read
    assert "not proved" in read
    assert "charles.moore" not in json.dumps(certificate.found) + all_text()


def test_who_was_merged_into_the_person_is_searched_for_too(officer: Desk, known: Customer) -> None:
    merged = CustomerFactory(customer_list=known.customer_list, email="moore@other-mail.org")
    merge(known, merged)
    Order.objects.for_account(known.account).update(customer_notes="Ask moore@other-mail.org")

    erase(officer, known)
    run("run_jobs", "--once")

    certificate = ErasureCertificate.objects.get()
    assert certificate.found["orders_order.customer_notes"] == 1
    assert certificate.fields.count("email") == 1
    assert "other-mail" not in json.dumps(certificate.found) + all_text()


def test_a_search_is_taken_up_where_a_worker_left_it(
    officer: Desk, known: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "_STEP_SECONDS", -1.0)
    erase(officer, known)
    job = jobs.claim()
    steps = 1

    while proof.step_of_proof(job):
        steps += 1
        job = Job.objects.get(pk=job.pk)
        # One for each table, and several for a large one.
        assert job.checkpoint["tables"] < steps

    certificate = ErasureCertificate.objects.get()
    assert steps > certificate.tables > 30
    assert proof_job().state == State.DONE


@pytest.mark.parametrize("how", ["cancelled", "failed", "late"])
def test_what_to_look_for_goes_whatever_becomes_of_the_job(
    how: str, officer: Desk, known: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(officer, known)
    job = jobs.claim()

    if how == "cancelled":
        assert jobs.cancel(job)
    elif how == "failed":
        jobs.fail(job, "The disk is full.")
    else:
        monkeypatch.setattr(proof, "_KEPT_FOR", timedelta(0))
        assert proof.step_of_proof(job) is False

    assert "sealed" not in proof_job().options
    assert not ErasureCertificate.objects.exists()


def test_nothing_is_erased_unless_the_id_is_typed(officer: Desk, known: Customer) -> None:
    erase(officer, known, typed="yes")

    assert not Customer.objects.get(pk=known.pk).anonymised
    assert not Job.objects.filter(kind=proof.KIND).exists()


def test_who_was_anonymised_before_has_nothing_left_to_prove(
    officer: Desk, known: Customer
) -> None:
    erase(officer, known)

    assert erase(officer, known)["Location"] == url(known)
    assert Job.objects.filter(kind=proof.KIND).count() == 1
    assert url(known, "erase") not in officer.get(url(known)).content.decode()


@pytest.mark.parametrize(
    ("role", "erases", "sees"),
    [
        (Role.PRIVACY, 302, 200),
        (Role.MANAGER, 302, 200),
        (Role.SUPPORT, 403, 403),
        (Role.OPERATOR, 403, 403),
    ],
)
def test_roles_do_what_is_theirs(role: str, erases: int, sees: int, customer: Customer) -> None:
    desk = member_desk(customer.account, role=role)
    certificate = certificate_of(customer)

    assert desk.get(url(certificate)).status_code == sees
    assert desk.get(list_url(ErasureCertificate)).status_code == sees
    assert erase(desk, customer).status_code == erases


def test_it_asks_who_is_there_first(customer: Customer) -> None:
    desk = Desk(staff("officer", customer.account, role=Role.PRIVACY), proven=False)

    assert erase(desk, customer)["Location"].startswith("/admin/security/confirm/")
    assert not Customer.objects.get(pk=customer.pk).anonymised


def test_staff_of_another_account_see_and_do_nothing(customer: Customer, rival: Connection) -> None:
    desk = member_desk(rival.account, role=Role.PRIVACY)

    assert erase(desk, customer).status_code == 404
    assert desk.get(url(certificate_of(customer))).status_code == 302


def test_a_certificate_is_never_changed_nor_deleted(customer: Customer) -> None:
    certificate_of(customer)
    rows = ErasureCertificate.objects.for_account(customer.account)
    settle()

    for change in (
        lambda: rows.update(found={}),
        lambda: rows._raw_delete(using="default"),
        lambda: connection.cursor().execute("TRUNCATE desk_erasurecertificate"),
    ):
        with pytest.raises(IntegrityError, match="certificates of erasure"), transaction.atomic():
            change()
