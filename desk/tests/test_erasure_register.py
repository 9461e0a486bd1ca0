"""The register of erasures: written by the database, and applied again after a restore."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList, Erasure
from customers.services import anonymise_customer, anonymise_customers, delete_list, lock_customer
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import settle
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


def erase(customer: Customer) -> Customer:
    locked = lock_customer(customer.account_id, customer.customer_list_id, customer.pk)
    with transaction.atomic():
        anonymise_customer(locked)
    return locked


def bring_back(*customers: Customer) -> None:
    """Do what restoring a backup from before the erasure does."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for customer in customers:
            cursor.execute("DELETE FROM customers_erasure WHERE customer_id = %s", [customer.pk])
            cursor.execute(
                "UPDATE customers_customer SET anonymised = false, email = %s WHERE id = %s",
                [f"back{customer.pk}@dummy-mail.org", customer.pk],
            )
        cursor.execute("RESET session_replication_role")


# --- the register -----------------------------------------------------------------------


def test_anonymising_through_the_api_leaves_one_row(api: HubClient, customer: Customer) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"

    for _ in range(2):
        assert api.post(f"{path}/anonymise").status_code == 200

    [row] = Erasure.objects.for_account(customer.account_id)
    assert (row.customer_id, row.customer_list_id) == (customer.pk, customer.customer_list_id)
    assert row.customer_created_at == customer.created_at
    assert abs((timezone.now() - row.erased_at).total_seconds()) < 60


def test_a_write_past_the_hub_is_in_the_register_too(customer: Customer) -> None:
    Customer.objects.for_account(customer.account_id).update(
        anonymised=True, email=None, phone=None, first_name=None, last_name=None
    )

    assert Erasure.objects.get().customer_id == customer.pk


def test_what_is_undone_is_not_in_the_register(customer: Customer) -> None:
    with transaction.atomic():
        erase(customer)
        transaction.set_rollback(True)

    assert not Erasure.objects.exists()


def test_other_changes_write_nothing(api: HubClient, customer: Customer) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    api.patch(path, city="Lyon")

    assert not Erasure.objects.exists()


def test_the_register_outlives_the_list_and_is_never_changed(customer: Customer) -> None:
    erase(customer)
    delete_list(customer.customer_list)
    rows = Erasure.objects.for_account(customer.account_id)
    settle()

    for change in (
        lambda: rows.update(erased_at=None),
        lambda: rows._raw_delete(using="default"),
        lambda: connection.cursor().execute("TRUNCATE customers_erasure"),
    ):
        with pytest.raises(IntegrityError, match="register of erasures"), transaction.atomic():
            change()

    assert rows.get().customer_id == customer.pk


# --- several at once --------------------------------------------------------------------


def test_many_are_anonymised_in_few_statements(
    customer_list: CustomerList, django_assert_max_num_queries: Any
) -> None:
    customers = [CustomerFactory(customer_list=customer_list) for _ in range(20)]

    # One for each place that may hold somebody, whatever their number.
    with django_assert_max_num_queries(11):
        assert anonymise_customers(customers) == 20
    assert anonymise_customers(customers) == 0

    rows = Customer.objects.for_account(customer_list.account_id)
    assert set(rows.values_list("anonymised", "email", "first_name")) == {(True, None, None)}
    assert Erasure.objects.count() == 20


# --- to a file and back -----------------------------------------------------------------


@pytest.fixture
def erased(customer_list: CustomerList) -> list[Customer]:
    return [erase(CustomerFactory(customer_list=customer_list)) for _ in range(3)]


def export(tmp_path: Path, *words: str) -> Path:
    file = tmp_path / "erasures.jsonl"
    assert run("export_erasures", file, *words).status == 0
    return file


def test_the_file_tells_ids_and_times_and_nothing_else(
    erased: list[Customer], tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in export(tmp_path).read_text().splitlines()]

    assert [line["customer_id"] for line in lines] == [one.public_id for one in erased]
    assert {*lines[0]} == {
        "account_id",
        "customer_list_id",
        "customer_id",
        "customer_created_at",
        "erased_at",
    }
    assert list(tmp_path.iterdir()) == [tmp_path / "erasures.jsonl"]


def test_an_export_may_begin_at_a_time(erased: list[Customer], tmp_path: Path) -> None:
    later = (timezone.now() + timedelta(hours=1)).isoformat()

    assert export(tmp_path, "--since", later).read_text() == ""
    assert run("export_erasures", "-", "--since", "2020-01-01").out.count("\n") == 3


def test_erasures_are_applied_again_after_a_restore(erased: list[Customer], tmp_path: Path) -> None:
    file = export(tmp_path)
    first = dict(Erasure.objects.values_list("customer_id", "erased_at"))
    back, gone, _ = erased
    bring_back(back, gone)

    tried = run("reapply_erasures", file, "--dry-run", "--json")
    assert json.loads(tried.out) == {"dry_run": True, "applied": 2, "done_before": 1, "missing": 0}
    assert Customer.objects.filter(anonymised=True).count() == 1
    ended = run("reapply_erasures", file)

    assert ended.status == 0
    assert "2 customers anonymised again, 1 were already, 0 do not exist here" in ended.out
    assert not Customer.objects.filter(anonymised=False).exists()
    assert not Customer.objects.exclude(email=None).exists()
    # The register tells the first time, not that of the restore.
    assert dict(Erasure.objects.values_list("customer_id", "erased_at")) == first
    assert AuditEntry.objects.filter(action="anonymised", user=None).count() == 2
    assert "0 customers anonymised again, 3 were already" in run("reapply_erasures", file).out


def test_an_id_that_somebody_else_was_given_since_is_left_alone(
    erased: list[Customer], tmp_path: Path
) -> None:
    file = export(tmp_path)
    bring_back(*erased)
    other = Customer.objects.filter(pk=erased[0].pk)
    other.update(created_at=F("created_at") + timedelta(seconds=1))

    assert "2 customers anonymised again, 0 were already, 1 do not" in (
        run("reapply_erasures", file).out
    )
    assert other.get().email


def test_who_is_missing_or_foreign_is_left_alone(
    erased: list[Customer], rival: Connection, tmp_path: Path
) -> None:
    file = export(tmp_path)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    bring_back(*erased)
    lines[0]["account_id"] = rival.account.public_id
    file.write_text("".join(json.dumps(line) + "\n" for line in lines[:1]) + "\n")

    assert json.loads(run("reapply_erasures", file, "--json").out)["missing"] == 1
    assert Customer.objects.filter(anonymised=False).count() == 3


@pytest.mark.parametrize(
    "text",
    ["x", "{}", "[1]", "null", '{"account_id": 1}', '{"customer_id": "12345"}', "\udcff"],
)
def test_a_file_that_is_none_of_ours_changes_nothing(
    text: str, erased: list[Customer], tmp_path: Path
) -> None:
    file = export(tmp_path)
    bring_back(*erased)
    whole = file.read_bytes() + text.encode(errors="surrogateescape")
    file.write_bytes(whole)

    ended = run("reapply_erasures", file)

    assert ended.status == 2
    assert "Nothing was written" in ended.err
    assert Customer.objects.filter(anonymised=False).count() == 3


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert run("reapply_erasures", tmp_path / "none").status == 2
    assert run("export_erasures", tmp_path / "no" / "where").status == 2
