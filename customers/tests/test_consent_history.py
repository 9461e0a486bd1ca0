"""The history of consent: each change of a marketing flag, from where, never changed again."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Connection
from conftest import HubClient
from customers import consent
from customers.factories import CustomerFactory
from customers.models import ConsentChange, Customer, CustomerList
from customers.services import anonymise_customer, delete_list, lock_customer
from hubcustomers.tests.desk import Desk, add_url, member_desk, settle, url

Told = list[tuple[str, bool | None, bool, str, str]]


def history(customer: Customer) -> Told:
    rows = ConsentChange.objects.for_account(customer.account).filter(customer=customer)
    columns = ("flag", "old_value", "new_value", "source", "source_name")
    return list(rows.order_by("pk").values_list(*columns))


def only_customer(customer_list: CustomerList) -> Customer:
    return Customer.objects.for_account(customer_list.account).get()


def customers_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def test_a_client_that_creates_a_customer_with_consent_is_named(
    api: HubClient, customer_list: CustomerList
) -> None:
    assert api.post(customers_url(customer_list), sms_marketing=True).status_code == 200

    created = only_customer(customer_list)
    assert history(created) == [
        ("sms_marketing", None, True, "api", api.connection.client.name),
    ]
    [change] = ConsentChange.objects.for_account(customer_list.account)
    assert abs((change.changed_at - created.created_at).total_seconds()) < 1


def test_a_customer_without_consent_has_no_history(
    api: HubClient, customer_list: CustomerList
) -> None:
    api.post(customers_url(customer_list), first_name="Charles", email_marketing=False)

    assert history(only_customer(customer_list)) == []


def test_each_flag_that_changes_makes_one_row_and_nothing_else_does(
    api: HubClient, account_api: HubClient, customer: Customer
) -> None:
    path = f"{customers_url(customer.customer_list)}/{customer.public_id}"
    till, other = api.connection.client.name, account_api.connection.client.name

    api.patch(path, sms_marketing=True, email_marketing=True)
    api.patch(path, sms_marketing=True, city="Lyon")
    account_api.patch(path, email_marketing=False)

    assert history(customer) == [
        ("sms_marketing", False, True, "api", till),
        ("email_marketing", False, True, "api", till),
        ("email_marketing", True, False, "api", other),
    ]


@pytest.mark.django_db(transaction=True)
def test_consent_costs_no_statement_when_a_customer_is_created(
    api: HubClient, customer_list: CustomerList
) -> None:
    def statements(**fields: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.post(customers_url(customer_list), **fields).status_code == 200
        return len(queries)

    statements()

    assert statements(sms_marketing=True, email_marketing=True) == statements()


def test_the_back_office_names_the_user(bistro: Connection, customer_list: CustomerList) -> None:
    desk: Desk = member_desk(bistro.account)
    desk.save(add_url(Customer), customer_list=customer_list.pk, email_marketing="on")
    made = only_customer(customer_list)

    desk.save(url(made), sms_marketing="on")

    user = desk.user.get_username()
    assert history(made) == [
        ("email_marketing", None, True, "staff", user),
        ("sms_marketing", False, True, "staff", user),
    ]


def test_an_import_names_its_job(customer_list: CustomerList, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("private_ref,email_marketing\n1,yes\n2,no\n")
    call_command("import_customers", str(file), list=customer_list.public_id)
    file.write_text("private_ref,email_marketing\n1,no\n2,yes\n")
    call_command("import_customers", str(file), list=customer_list.public_id, on_duplicate="update")

    rows = ConsentChange.objects.for_account(customer_list.account).order_by("pk")
    assert [(row.old_value, row.new_value, row.source) for row in rows] == [
        (None, True, "import"),
        (True, False, "import"),
        (False, True, "import"),
    ]
    assert rows[0].source_name.startswith("job ")
    assert rows[0].source_name != rows[1].source_name


def test_a_write_past_the_hub_is_recorded_without_a_source(customer: Customer) -> None:
    Customer.objects.for_account(customer.account).update(sms_marketing=True)

    assert history(customer) == [("sms_marketing", False, True, "", "")]


def test_the_source_of_one_transaction_is_not_that_of_the_next(
    transactional_db: None, customer: Customer
) -> None:
    rows = Customer.objects.for_account(customer.account)
    with transaction.atomic():
        consent.tell_source(consent.Source("command", "a: b"))
        rows.update(sms_marketing=True)
    rows.update(sms_marketing=False)

    assert [row[3:] for row in history(customer)] == [("command", "a: b"), ("", "")]


def test_the_history_is_never_changed_nor_deleted(customer: Customer) -> None:
    Customer.objects.for_account(customer.account).update(sms_marketing=True)
    rows = ConsentChange.objects.for_account(customer.account)
    settle()

    for change in (
        lambda: rows.update(new_value=False),
        lambda: rows._raw_delete(using="default"),
        lambda: connection.cursor().execute("TRUNCATE customers_consentchange"),
    ):
        with pytest.raises(IntegrityError, match="history of consent"), transaction.atomic():
            change()

    assert len(history(customer)) == 1


def test_the_history_goes_with_the_list_of_its_customer(customer: Customer) -> None:
    Customer.objects.for_account(customer.account).update(sms_marketing=True)

    delete_list(customer.customer_list)

    assert not ConsentChange.objects.for_account(customer.account).exists()


def test_anonymising_keeps_the_proof_of_consent(customer_list: CustomerList) -> None:
    made = CustomerFactory(
        customer_list=customer_list, email="charles@dummy-mail.org", sms_marketing=True
    )

    anonymise_customer(lock_customer(made.account_id, customer_list.pk, made.pk))

    assert history(made) == [("sms_marketing", None, True, "", "")]


def test_the_database_refuses_the_history_of_a_foreign_customer(
    customer: Customer, rival: Connection
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ConsentChange.objects.create(
            account=rival.account,
            customer_id=customer.pk,
            flag="sms_marketing",
            new_value=True,
            source="",
            source_name="",
        )
