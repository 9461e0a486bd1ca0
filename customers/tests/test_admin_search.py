"""Finding a customer in the back-office: the search box and the filters."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.factories import AccountFactory, ClientFactory
from accounts.models import Connection
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers.tests.desk import Desk, list_url, member_desk


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def give_card(customer: Customer, ref: str | None = None) -> Any:
    # The reverse relation: cards are an app further up.
    cards: Any = customer.loyalty_cards
    return cards.create(
        account=customer.account, customer_list=customer.customer_list, name="points", ref=ref
    )


def found(desk: Desk, text: str = "", **filters: Any) -> list[Customer]:
    params = {"q": text, **filters} if text else filters
    return list(desk.get(list_url(Customer), **params).context["cl"].result_list)


@pytest.fixture
def anna(customer_list: CustomerList) -> Customer:
    CustomerFactory(
        customer_list=customer_list,
        first_name="Paul",
        last_name="Weber",
        company_name=None,
        email="paul@example.com",
        phone="+33699999999",
    )
    made: Any = CustomerFactory(
        customer_list=customer_list,
        first_name="Änna Maria",
        last_name="Müller-Łoś",
        company_name="L'Étoile SARL",
        email="Anna.M@Example.com",
        phone="+33612345678",
    )
    return made


@pytest.mark.parametrize(
    "text",
    [
        "änna",
        "ANNA",
        "anna m",
        "Muller",
        "MÜLLER-LOS",
        "anna muller",
        "muller anna",
        "Müller Anna Maria",
        "Anna Maria Mül",
        "  anna   muller ",
        "l'etoile",
        "anna.m@",
        "ANNA.M@EXAMPLE.COM",
        "06 12 34 56 78",
        "06.12",
        "+33 6 12 34",
        "0033612345678",
    ],
)
def test_the_box_finds_a_person_by(text: str, desk: Desk, anna: Customer) -> None:
    assert found(desk, text) == [anna]


@pytest.mark.parametrize("text", ["nna", "mueller", "paul muller", "anna weber", "😀" * 200])
def test_the_box_finds_nobody_by(text: str, desk: Desk, anna: Customer) -> None:
    assert found(desk, text) == []


def test_the_box_finds_by_refs_and_ids(desk: Desk, anna: Customer) -> None:
    card = give_card(anna, "CARD-77")
    CustomerPrivateRef.objects.create(
        account=anna.account,
        customer_list=anna.customer_list,
        customer=anna,
        client=ClientFactory(),
        ref="till-4711",
    )

    for text in ("CARD-77", "till-4711", anna.public_id, anna.public_id.upper()):
        assert found(desk, text) == [anna]
    assert found(desk, card.public_id) == []


def test_the_box_looks_into_no_other_account(desk: Desk, customer_list: CustomerList) -> None:
    account = AccountFactory()
    theirs = CustomerFactory(
        customer_list=CustomerListFactory(account=account),
        first_name="Zoe",
        email="zoe@example.com",
        phone="+33655555555",
    )
    give_card(theirs, "theirs")
    CustomerPrivateRef.objects.create(
        account=account,
        customer_list=theirs.customer_list,
        customer=theirs,
        client=ClientFactory(),
        ref="their-till",
    )

    for text in ("zoe", "zoe@", "0655555555", "theirs", "their-till", theirs.public_id):
        assert found(desk, text) == []


def test_filters_tell_consent_cards_and_last_orders(
    desk: Desk, customer_list: CustomerList
) -> None:
    def make(**fields: Any) -> Customer:
        made: Any = CustomerFactory(customer_list=customer_list, **fields)
        return made

    now = timezone.now()
    fresh = make(email_marketing=True, last_order_date=now - timedelta(days=3))
    month = make(sms_marketing=True, last_order_date=now - timedelta(days=25))
    old = make(last_order_date=now - timedelta(days=400))
    never = make()
    give_card(old)

    expected = {
        ("consent", "email"): [fresh],
        ("consent", "sms"): [month],
        ("consent", "none"): [never, old],
        ("card", "yes"): [old],
        ("card", "no"): [never, month, fresh],
        ("last_order", "7"): [fresh],
        ("last_order", "30"): [month, fresh],
        ("last_order", "365"): [month, fresh],
        ("last_order", "earlier"): [old],
        ("last_order", "never"): [never],
        ("last_order", "x' OR 1=1"): [never, old, month, fresh],
    }
    for (name, value), rows in expected.items():
        assert found(desk, **{name: value}) == rows, (name, value)
