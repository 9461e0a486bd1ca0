"""Orders stay when a customer list goes, and lose the link (companion, section 7)."""

from typing import Any

import pytest
from django.http import HttpResponse

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order
from orders.models import Order
from tests.test_races import deadlocks, statuses, together

ORDERS = "/location/orders"


# In one transaction the ledger would miss the card of an operation just posted.
@pytest.mark.django_db(transaction=True)
def test_the_order_keeps_the_snapshot_without_its_ids(
    api: HubClient, bistro: Connection, card: Any
) -> None:
    customer = card.customer
    path = f"/customer_lists/{customer.customer_list.public_id}"
    api.patch(f"{path}/customers/{customer.public_id}", private_ref="mine")
    order = api.post(
        ORDERS,
        status="new",
        customer_id=customer.public_id,
        loyalty_operations=[{"delta": "1"}],
    ).json()
    assert order["customer"]["private_ref"] == "mine"

    assert api.delete(path).status_code == 200

    gone = {"id": None, "private_ref": None, "customer_list_id": None}
    assert api.get(f"{ORDERS}/{order['id']}").json() == {
        **order,
        "customer": {**order["customer"], **gone},
        "loyalty_operations": [],
    }
    assert api.get(ORDERS, customer_id=customer.public_id).json() == []


def test_orders_of_other_lists_keep_their_customer(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    other = CustomerFactory(customer_list__account=bistro.account)
    place_order(bistro, other)
    before = api.get(ORDERS).json()

    api.delete(f"/customer_lists/{customer.customer_list.public_id}")

    assert api.get(ORDERS).json() == before


def test_nobody_is_told(api: HubClient, bistro: Connection, customer: Customer) -> None:
    place_order(bistro, customer)
    other = ConnectionFactory(account=bistro.account, location=bistro.location)
    Callback.objects.create(
        account=bistro.account,
        connection=other,
        events={"order": ["create", "update"], "customer": ["create", "update"]},
    )
    HubClient(other)

    api.delete(f"/customer_lists/{customer.customer_list.public_id}")

    assert not Event.objects.for_account(bistro.account).exists()


@pytest.mark.parametrize("status", ["cancelled", "accepted"])
def test_an_order_without_link_can_still_be_updated(
    api: HubClient, bistro: Connection, customer: Customer, status: str
) -> None:
    path = f"{ORDERS}/{order_ids.encode(place_order(bistro, customer).id)}"
    api.delete(f"/customer_lists/{customer.customer_list.public_id}")

    r = api.patch(path, status=status)

    assert r.status_code == 200
    assert r.json()["customer"]["first_name"] == "Jimmy"
    assert api.patch(path, status="new").json()["status"] == "new"


@pytest.mark.django_db(transaction=True)
def test_orders_placed_while_the_list_goes_end_without_link(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    deadlocks.clear()
    orders = [order_ids.encode(place_order(bistro, customer).id) for _ in range(4)]

    def place() -> HttpResponse:
        return api.post(
            ORDERS,
            status="new",
            customer_id=customer.public_id,
            loyalty_operations=[{"delta": "1"}],
        )

    answers = together(
        *[place] * 6,
        lambda: api.delete(f"/customer_lists/{customer.customer_list.public_id}"),
        *(
            lambda order=order: api.patch(f"{ORDERS}/{order}", status="cancelled")
            for order in orders
        ),
        *[place] * 6,
    )

    assert answers[6].status_code == 200
    assert set(statuses(answers[7:11])) == {200}
    assert deadlocks == []
    # Either before the list, or the customer was already unknown.
    assert set(statuses(answers[:6] + answers[11:])) <= {200, 422}
    rows = Order.objects.for_account(bistro.account)
    assert set(rows.values_list("customer", flat=True)) == {None}
