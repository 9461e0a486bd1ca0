"""``manage.py normalise_phones``: numbers are read again, with the right country."""

import json
from typing import Any

import pytest

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks.models import Callback, Event
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import anonymise_customer, lock_customer
from hubcustomers.models import AuditEntry
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


def phones(customer_list: CustomerList) -> list[str | None]:
    rows = Customer.objects.for_account(customer_list.account).filter(customer_list=customer_list)
    return list(rows.order_by("pk").values_list("phone", flat=True))


@pytest.fixture
def untidy(customer_list: CustomerList) -> CustomerList:
    """Numbers as an old system kept them; the list is in France."""
    for phone, country in (
        ("06 12 34 56 78", None),
        ("020 7946 0018", "GB"),
        ("+33612345679", None),
        ("  call me  ", None),
        ("   ", None),
        (None, None),
    ):
        CustomerFactory(customer_list=customer_list, phone=phone, country=country)
    return customer_list


TIDY = ["+33612345678", "+442079460018", "+33612345679", "call me", None, None]


def report(*words: Any) -> dict[str, Any]:
    ended = run("normalise_phones", "--json", *words)
    assert ended.status == 0
    told: dict[str, Any] = json.loads(ended.out)
    return told


def test_a_dry_run_says_what_would_change_and_writes_nothing(untidy: CustomerList) -> None:
    before = phones(untidy)

    told = report("--list", untidy.public_id)
    shown = run("normalise_phones", "--list", untidy.public_id).out

    [found] = told["customer_lists"]
    assert told["applied"] is False
    assert {name: found[name] for name in found if name != "samples"} == {
        "customer_list": untidy.public_id,
        "numbers": 5,
        "in_e164_before": 1,
        "in_e164_after": 3,
        "changes": 4,
        "written": 0,
    }
    assert found["samples"][0]["old"] == "•• •• •• •• 78"
    assert found["samples"][0]["new"] == "+•••••••••78"
    assert "5 numbers, 1 in E.164, 3 afterwards" in shown
    assert "--apply writes it" in shown
    assert "612345" not in shown + json.dumps(told)
    assert phones(untidy) == before
    assert not AuditEntry.objects.exists()


def test_apply_writes_it_once(untidy: CustomerList) -> None:
    first = report("--list", untidy.public_id, "--apply")
    second = report("--list", untidy.public_id, "--apply")

    assert phones(untidy) == TIDY
    assert first["customer_lists"][0]["written"] == 4
    assert second["customer_lists"][0]["changes"] == 0
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.changed_fields) == ("changed", ["phone"])


def test_all_lists_are_read_unless_one_is_named(untidy: CustomerList) -> None:
    other = CustomerListFactory(account__country="GB")
    CustomerFactory(customer_list=other, phone="020 7946 0018")

    told = report("--apply")

    assert len(told["customer_lists"]) == 2
    assert phones(other) == ["+442079460018"]


def test_listeners_are_told_of_each_customer(untidy: CustomerList, bistro: Connection) -> None:
    crm = ConnectionFactory(account=bistro.account, account_level=True)
    issue_token(crm)
    Callback.objects.create(account=bistro.account, connection=crm, events={"customer": ["update"]})

    report("--list", untidy.public_id, "--apply")

    assert phones(untidy) == TIDY
    events = Event.objects.for_account(bistro.account).order_by("pk")
    assert [event.new_state["phone"] for event in events] == [TIDY[0], TIDY[1], TIDY[3], None]


def test_what_changed_meanwhile_is_left_alone(untidy: CustomerList, monkeypatch: Any) -> None:
    from transfer.management.commands import normalise_phones

    first, second = Customer.objects.for_account(untidy.account).order_by("pk")[:2]

    def late(customer_list: CustomerList, changes: Any) -> int:
        anonymise_customer(lock_customer(untidy.account_id, untidy.pk, first.pk))
        Customer.objects.filter(pk=second.pk, account_id=untidy.account_id).update(phone="new")
        return write(customer_list, changes)

    write = normalise_phones.write
    monkeypatch.setattr(normalise_phones, "write", late)
    told = report("--list", untidy.public_id, "--apply")

    assert told["customer_lists"][0]["written"] == 2
    assert phones(untidy) == [None, "new", *TIDY[2:]]


def test_a_list_that_is_not_there_is_wrong_usage(db: None) -> None:
    ended = run("normalise_phones", "--list", "zzzzz")

    assert (ended.status, "There is no customer list" in ended.err) == (2, True)
