"""Exports in the back-office: asked again, recorded, streamed."""

from typing import Any

import pytest

from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, list_url, member_desk, url
from loyalty.factories import LoyaltyCardFactory, post
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db(transaction=True)

FORM = {"kind": "customers", "form": "csv", "client": "import"}


def page(customer_list: Any) -> str:
    return f"{url(customer_list)[:-7]}export_list/"


def text_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_it_sends_what_the_command_writes(customer_list, bistro) -> None:
    customer = CustomerFactory(customer_list=customer_list, first_name="=1+1")
    post(LoyaltyCardFactory(customer=customer), "4.2")
    desk = member_desk(bistro.account)

    answer = desk.post(page(customer_list), **FORM)
    operations = desk.post(page(customer_list), **{**FORM, "kind": "operations", "form": "jsonl"})

    assert f"customers-{customer_list.public_id}.csv" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    assert text_of(answer) == run("export_customers", "--list", customer_list.public_id).out
    assert '"delta":"4.2"' in text_of(operations)
    told = AuditEntry.objects.filter(action="exported", user_name=desk.user.username)
    assert told.count() == 2


def test_it_takes_filters(customer_list, bistro) -> None:
    CustomerFactory(customer_list=customer_list, email="a@example.com")
    CustomerFactory(customer_list=customer_list, email="b@example.com")
    desk = member_desk(bistro.account)

    one = desk.post(page(customer_list), **FORM, email="A@*")
    none = desk.post(page(customer_list), **FORM, before="2000-01-01")
    refused = desk.post(page(customer_list), **FORM, email="*" * 9)

    assert (text_of(one).count("\n"), text_of(none).count("\n")) == (2, 1)
    assert "has too many stars" in refused.content.decode()


def test_it_asks_who_is_there(customer_list, bistro) -> None:
    desk = Desk(member_desk(bistro.account).user, proven=False)

    answer = desk.post(page(customer_list), **FORM)

    assert "security/confirm" in answer["Location"]
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_export(role, customer_list, bistro) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.post(page(customer_list), **FORM).status_code == 403


def test_staff_of_another_account_export_nothing(customer_list, rival) -> None:
    answer = member_desk(rival.account).post(page(customer_list), **FORM)

    assert answer.status_code in (403, 404)


def test_what_the_filters_show_is_exported(customer_list, bistro) -> None:
    for number in range(60):
        CustomerFactory(customer_list=customer_list, sms_marketing=number % 2 == 0)
    elsewhere = CustomerFactory(customer_list=CustomerListFactory(account=bistro.account))
    desk = member_desk(bistro.account)
    every = {"action": "export_selected", "select_across": "1", "index": "0"}
    shown = f"{list_url(Customer)}?consent=sms&list={customer_list.pk}"

    filtered = desk.post(shown, _selected_action=[elsewhere.pk], **every)
    mixed = desk.post(list_url(Customer), _selected_action=[elsewhere.pk], **every)
    one = desk.post(
        list_url(Customer), action="export_selected", index="0", _selected_action=[elsewhere.pk]
    )

    assert text_of(filtered).count("\n") == 31
    assert mixed.status_code == 302
    assert elsewhere.public_id in text_of(one)
    assert elsewhere.public_id not in text_of(desk.post(shown, _selected_action=[1], **every))
    assert AuditEntry.objects.filter(action="exported").count() == 3


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_export_customers(customer_list, bistro, role) -> None:
    customer = CustomerFactory(customer_list=customer_list)
    desk = member_desk(bistro.account, role=role)

    answer = desk.post(
        list_url(Customer), action="export_selected", index="0", _selected_action=[customer.pk]
    )

    assert not answer.streaming
    assert not AuditEntry.objects.filter(action="exported").exists()


def test_no_action_exports_another_account(customer_list, bistro, rival) -> None:
    foreign = CustomerFactory(customer_list=CustomerListFactory(account=rival.account))
    CustomerFactory(customer_list=customer_list)
    desk = member_desk(bistro.account)

    every = desk.post(
        list_url(Customer),
        action="export_selected",
        select_across="1",
        index="0",
        _selected_action=[foreign.pk],
    )

    assert foreign.public_id not in text_of(every)
