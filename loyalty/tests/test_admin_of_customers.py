"""The back-office's pages of lists and customers, where cards are in play."""

from typing import Any

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers.tests.desk import Desk, add_url, list_url, member_desk, settle, url
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def found(desk: Desk, text: str) -> list[Any]:
    return list(desk.get(list_url(Customer), q=text).context["cl"].result_list)


def test_a_list_goes_only_when_its_name_is_typed(desk: Desk, customer_list: CustomerList) -> None:
    card = LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list))
    CustomerFactory(customer_list=customer_list)
    for _ in range(3):
        post(card, "1")
    settle()
    page = url(customer_list, "delete")

    asked = desk.get(page)
    refused = [desk.post(page), desk.post(page, typed="yes"), desk.post(page, post="yes")]

    assert asked.context["asked"].counts == [
        ("customers", 2),
        ("loyalty card", 1),
        ("operations", 3),
    ]
    for answer in refused:
        assert "nothing was done" in answer.content.decode()
    assert CustomerList.objects.exists()

    assert desk.post(page, typed=f" {customer_list.name} ").status_code == 302
    assert not CustomerList.objects.exists()
    assert not LoyaltyOperation.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        "06 12 34 56 78",
        "06 12 34",
        "06.12-34",
        "+33 6 12 34 56 78",
        "0033 612345678",
        "+33612",
        "JIMMY@",
        "jimmy@example.com",
        "AV-77",
    ],
)
def test_a_customer_is_found_by(typed: str, desk: Desk, customer_list: CustomerList) -> None:
    customer = CustomerFactory(
        customer_list=customer_list, phone="+33612345678", email="Jimmy@Example.com"
    )
    LoyaltyCardFactory(customer=customer, ref="AV-77")
    other = CustomerFactory(customer_list=customer_list, phone="+33699999999", email="a@b.c")
    LoyaltyCardFactory(customer=other, ref="AV-78")

    assert found(desk, typed) == [customer]


def test_the_page_shows_cards_and_private_refs(
    desk: Desk, card: LoyaltyCard, bistro: Connection
) -> None:
    CustomerPrivateRef.objects.create(
        account=bistro.account,
        customer_list=card.customer_list,
        customer=card.customer,
        client=bistro.client,
        ref="till-5",
    )
    post(card, "12.50")

    shown = desk.get(url(card.customer)).content.decode()

    assert f"{bistro.client.name}: till-5" in shown
    assert card.ref in shown
    assert "12.5" in shown
    assert url(card) in shown


def test_a_customer_is_anonymised_when_the_id_is_typed(desk: Desk, card: LoyaltyCard) -> None:
    customer = card.customer
    post(card, "1")
    post(card, "2")
    page = url(customer, "anonymise")

    asked = desk.get(page)
    for typed in ("", "yes", customer.first_name):
        assert "nothing was done" in desk.post(page, typed=typed).content.decode()

    assert asked.context["asked"].counts == [
        ("loyalty card", 1),
        ("operations", 2),
        ("orders", 0),
        ("events", 0),
    ]
    customer.refresh_from_db()
    assert not customer.anonymised

    assert desk.post(page, typed=customer.public_id).status_code == 302
    customer.refresh_from_db()
    assert (customer.anonymised, customer.first_name) == (True, None)


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202eevil", "😀" * 255]
HOSTILE += ["{{ 7|add:7 }}", "' onmouseover='alert(1)", "</textarea><script>alert(1)</script>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_escaped_on_every_page(text: str, desk: Desk, bistro: Connection) -> None:
    customer_list = CustomerListFactory(account=bistro.account, name=text)
    customer = CustomerFactory(
        customer_list=customer_list,
        first_name=text,
        last_name=text,
        email=text,
        phone=text,
        delivery_notes=text,
        custom_fields={text: text},
    )
    card = LoyaltyCardFactory(customer=customer, name=text, ref=text)
    post(card, "1", text)
    settle()
    pages = [url(customer), url(customer, "anonymise"), url(customer_list), url(card)]
    pages += [url(customer_list, "delete"), list_url(Customer), list_url(CustomerList)]
    pages += [list_url(LoyaltyCard), list_url(LoyaltyOperation), add_url(Customer)]
    pages += [add_url(Connection), url(customer_list, "history"), url(card, "post")]

    for page in pages:
        answer = desk.get(page)
        assert answer.status_code == 200
        shown = answer.content.decode()
        assert "<script>alert" not in shown, page
        assert "<img src=x" not in shown, page
        assert " onmouseover='alert" not in shown, page
        assert '"><img' not in shown, page

    assert desk.save(url(customer)).status_code == 302
    customer.refresh_from_db()
    assert (customer.first_name, customer.custom_fields) == (text, {text: text})
    assert desk.post(url(customer_list, "delete"), typed=text).status_code == 302
