"""``loyalty_operations`` inside an order: all or nothing with it (companion, section 8)."""

from typing import Any

import pytest
from django.http import HttpResponse

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from orders.models import Order
from tests.test_races import deadlocks, statuses, together

ORDERS = "/location/orders"


def order_with(api: HubClient, customer: Customer, *operations: dict[str, Any]) -> HttpResponse:
    return api.post(
        ORDERS,
        status="new",
        customer_id=customer.public_id,
        loyalty_operations=list(operations),
    )


def cards_of(customer: Customer) -> list[tuple[str, str | None, str]]:
    cards = LoyaltyCard.objects.for_account(customer.account).filter(customer=customer)
    return [(c.name, c.ref, str(c.balance.normalize())) for c in cards.order_by("id")]


def check_nothing_happened(customer: Customer) -> None:
    customer.refresh_from_db()
    assert customer.nb_orders == 0
    assert not Order.objects.for_account(customer.account).exists()
    assert not LoyaltyOperation.objects.for_account(customer.account).exists()


def test_operations_are_posted_in_turn_and_shown(api: HubClient, card: LoyaltyCard) -> None:
    r = order_with(
        api,
        card.customer,
        {"delta": "-5", "reason": "Used", "ref": "other", "new_balance": "1.5"},
        {"name": None, "delta": 1.5},
        {"name": "", "delta": "0.000001", "reason": None},
    )

    assert r.status_code == 200
    shown = {"name": "", "ref": card.ref}
    assert r.json()["loyalty_operations"] == [
        {**shown, "delta": "-5.0", "reason": "Used", "new_balance": "-5.0"},
        {**shown, "delta": "1.5", "reason": None, "new_balance": "-3.5"},
        {**shown, "delta": "0.000001", "reason": None, "new_balance": "-3.499999"},
    ]
    assert api.get(f"{ORDERS}/{r.json()['id']}").json() == r.json()
    assert cards_of(card.customer) == [("", card.ref, "-3.499999")]


def test_each_operation_names_its_order(
    api: HubClient, bistro: Connection, card: LoyaltyCard
) -> None:
    order = order_with(api, card.customer, {"delta": "1"}).json()
    path = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"

    [operation] = api.get(f"{path}/operations").json()

    assert operation["order_id"] == order["id"]
    assert operation["order_location_id"] == bistro.location.public_id


def test_a_missing_card_is_made(api: HubClient, card: LoyaltyCard) -> None:
    r = order_with(
        api,
        card.customer,
        {"name": "kiosk", "ref": "31", "delta": "2"},
        {"name": "kiosk", "ref": "32", "delta": "3"},
        {"name": "spring", "delta": "4"},
    )

    assert [(o["name"], o["ref"]) for o in r.json()["loyalty_operations"]] == [
        ("kiosk", "31"),
        ("kiosk", "31"),
        ("spring", None),
    ]
    assert cards_of(card.customer) == [
        ("", card.ref, "0"),
        ("kiosk", "31", "5"),
        ("spring", None, "4"),
    ]


def test_the_customer_may_be_named_by_its_private_ref(api: HubClient, card: LoyaltyCard) -> None:
    list_id = card.customer_list.public_id
    api.patch(f"/customer_lists/{list_id}/customers/{card.customer.public_id}", private_ref="7")

    r = api.post(
        ORDERS,
        status="new",
        customer_list_id=list_id,
        customer_private_ref="7",
        loyalty_operations=[{"delta": "1"}],
    )

    assert r.status_code == 200
    assert cards_of(card.customer) == [("", card.ref, "1")]


def test_an_operation_attached_later_is_shown_too(api: HubClient, card: LoyaltyCard) -> None:
    order = order_with(api, card.customer, {"delta": "1"}).json()
    path = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"

    api.post(f"{path}/operations", delta="2", order_id=order["id"])

    shown = api.get(f"{ORDERS}/{order['id']}").json()["loyalty_operations"]
    assert [operation["new_balance"] for operation in shown] == ["1.0", "3.0"]


def test_a_ref_of_another_card_undoes_everything(api: HubClient, customer: Customer) -> None:
    other = CustomerFactory(customer_list=customer.customer_list)
    LoyaltyCardFactory(customer=other, ref="taken")

    r = order_with(api, customer, {"name": "kiosk", "delta": "1"}, {"ref": "taken", "delta": "1"})

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "loyalty_operations[1].ref", "message": "has already been taken"}
    ]
    assert cards_of(customer) == []
    check_nothing_happened(customer)


def test_a_balance_out_of_range_undoes_everything(api: HubClient, card: LoyaltyCard) -> None:
    most = {"delta": "99999999999999.999999"}

    r = order_with(api, card.customer, most, most)

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {
            "field": "loyalty_operations[1].delta",
            "message": "would take the balance out of its range",
        }
    ]
    check_nothing_happened(card.customer)


def test_a_refused_order_moves_no_points(api: HubClient, card: LoyaltyCard) -> None:
    api.post(ORDERS, status="new", private_ref="1")

    r = api.post(
        ORDERS,
        status="new",
        private_ref="1",
        customer_id=card.customer.public_id,
        loyalty_operations=[{"delta": "1"}],
    )

    assert r.status_code == 422
    assert cards_of(card.customer) == [("", card.ref, "0")]


def test_who_may_only_read_the_list_moves_no_points(bistro: Connection, card: LoyaltyCard) -> None:
    till = HubClient(
        ConnectionFactory(
            account=bistro.account,
            location=bistro.location,
            scope="location[orders.write,all_customer_lists.read]",
        )
    )

    r = order_with(till, card.customer, {"delta": "1"})

    assert r.status_code == 403
    check_nothing_happened(card.customer)
    assert order_with(till, card.customer).status_code == 200


def test_statements_grow_only_with_the_operations(
    api: HubClient, card: LoyaltyCard, django_assert_num_queries
) -> None:
    order_with(api, card.customer)
    # What an order takes, the list locked, the cards read, and two for each operation.
    with django_assert_num_queries(5 + 2 + 2):
        order_with(api, card.customer, {"delta": "1"})
    with django_assert_num_queries(5 + 2 + 6):
        order_with(api, card.customer, *[{"delta": "1"}] * 3)


@pytest.mark.django_db(transaction=True)
def test_orders_and_operations_at_once_lose_no_points(api: HubClient, customer: Customer) -> None:
    deadlocks.clear()
    card = LoyaltyCardFactory(customer=customer)
    path = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"

    answers = together(
        *[lambda: order_with(api, customer, {"delta": "1"}, {"name": "new", "delta": "1"})] * 12,
        *[lambda: api.post(f"{path}/operations", delta="1")] * 12,
    )

    assert set(statuses(answers)) == {200}
    assert deadlocks == []
    assert cards_of(customer) == [("", card.ref, "24"), ("new", None, "12")]
    card.refresh_from_db()
    post(card, "0")
