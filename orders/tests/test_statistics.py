"""A customer's statistics follow its orders (spec 2.1, companion section 6)."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle, islice

import pytest
from django.http import HttpResponse

from accounts.models import Connection
from conftest import HubClient
from customers.models import Customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order
from orders.models import VOID_STATUSES, Order
from orders.statistics import find_differences
from tests.test_races import deadlocks, statuses, together

ORDERS = "/location/orders"
ITEM = {"product_name": "Margarita", "price": "10.00 EUR", "quantity": "1"}

NONE = {
    "nb_orders": 0,
    "order_total": "0.00 EUR",
    "first_order_date": None,
    "last_order_date": None,
}


def statistics_of(api: HubClient, customer: Customer) -> dict[str, object]:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    body = api.get(path).json()
    return {name: body[name] for name in NONE}


def place(api: HubClient, customer: Customer, status: str = "new") -> HttpResponse:
    return api.post(ORDERS, status=status, customer_id=customer.public_id, items=[ITEM])


def check_exact(customer: Customer) -> None:
    assert find_differences(customer.account_id) == []


def test_a_customer_without_orders_has_none(api: HubClient, customer: Customer) -> None:
    place_order(api.connection)

    assert statistics_of(api, customer) == NONE


def test_each_order_counts(api: HubClient, customer: Customer) -> None:
    first, _, last = (place(api, customer).json() for _ in range(3))

    assert statistics_of(api, customer) == {
        "nb_orders": 3,
        "order_total": "30.00 EUR",
        "first_order_date": first["created_at"],
        "last_order_date": last["created_at"],
    }
    check_exact(customer)


def test_an_order_below_zero_is_taken_off(api: HubClient, customer: Customer) -> None:
    discount = [{"price_off": "3.50 EUR"}]
    api.post(ORDERS, status="new", customer_id=customer.public_id, discounts=discount)

    assert statistics_of(api, customer)["order_total"] == "-3.50 EUR"


@pytest.mark.parametrize("void", VOID_STATUSES)
def test_a_void_order_does_not_count(api: HubClient, customer: Customer, void: str) -> None:
    place(api, customer, status=void)

    assert statistics_of(api, customer) == NONE


@pytest.mark.parametrize("void", VOID_STATUSES)
def test_an_order_leaves_and_comes_back(api: HubClient, customer: Customer, void: str) -> None:
    path = f"{ORDERS}/{place(api, customer).json()['id']}"
    counted = statistics_of(api, customer)

    api.patch(path, status=void)
    assert statistics_of(api, customer) == NONE
    api.patch(path, status="rejected")
    api.patch(path, status="cancelled")
    assert statistics_of(api, customer)["nb_orders"] == 0
    api.patch(path, status="accepted")
    api.patch(path, status="completed")
    assert statistics_of(api, customer) == counted


@pytest.mark.parametrize("leaver", [0, 1, 2])
def test_the_dates_are_those_of_the_orders_left(
    api: HubClient, bistro: Connection, customer: Customer, leaver: int
) -> None:
    orders = [place_order(bistro, customer).id for _ in range(3)]
    rows = Order.objects.for_account(bistro.account)
    for day, order in enumerate(orders, start=1):
        rows.filter(pk=order).update(created_at=datetime(2020, 1, day, 12, tzinfo=UTC))
    left = [day for day in (1, 2, 3) if day != leaver + 1]

    api.patch(f"{ORDERS}/{order_ids.encode(orders[leaver])}", status="cancelled")

    assert statistics_of(api, customer) == {
        "nb_orders": 2,
        "order_total": "20.00 EUR",
        "first_order_date": f"2020-01-0{left[0]}T13:00:00+01:00",
        "last_order_date": f"2020-01-0{left[-1]}T13:00:00+01:00",
    }
    check_exact(customer)


def test_a_refused_order_counts_nothing(api: HubClient, customer: Customer) -> None:
    body = {"status": "new", "customer_id": customer.public_id, "items": [ITEM]}
    api.post(ORDERS, {**body, "private_ref": "1"})

    refused = [
        api.post(ORDERS, {**body, "private_ref": "1"}),
        api.post(ORDERS, {**body, "loyalty_operations": [{"delta": "1e"}]}),
    ]

    assert statuses(refused) == [422, 422]
    assert statistics_of(api, customer)["nb_orders"] == 1


def test_a_total_that_does_not_fit_is_refused(api: HubClient, customer: Customer) -> None:
    rows = Customer.objects.for_account(customer.account)
    rows.update(order_total=Decimal("99999999999999.99"))

    r = place(api, customer)

    message = "would take the customer's order_total out of its range"
    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "items", "message": message}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
def test_concurrent_orders_of_one_customer_all_count(api: HubClient, customer: Customer) -> None:
    answers = together(*[lambda: place(api, customer)] * 32)

    assert statuses(answers) == [200] * 32
    assert statistics_of(api, customer)["nb_orders"] == 32
    assert statistics_of(api, customer)["order_total"] == "320.00 EUR"
    check_exact(customer)


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
def test_orders_and_cancellations_at_once_stay_exact(
    api: HubClient, account_api: HubClient, bistro: Connection, customer: Customer
) -> None:
    deadlocks.clear()
    orders = [place(api, customer).json()["id"] for _ in range(8)]

    def set_status(order: str, status: str) -> Callable[[], HttpResponse]:
        return lambda: api.patch(f"{ORDERS}/{order}", status=status)

    changes = [
        set_status(order, status)
        for order in orders
        for status in ("cancelled", "accepted", "rejected")
    ]
    answers = together(*changes, *islice(cycle([lambda: place(api, customer)]), 8))

    assert set(statuses(answers)) == {200}
    assert deadlocks == []
    check_exact(customer)
    counted = Order.objects.for_account(bistro.account).exclude(status__in=VOID_STATUSES)
    assert statistics_of(api, customer)["nb_orders"] == counted.count()


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
def test_the_same_cancellation_twice_counts_once(api: HubClient, customer: Customer) -> None:
    orders = [place(api, customer).json()["id"] for _ in range(2)]

    together(*[lambda: api.patch(f"{ORDERS}/{orders[0]}", status="cancelled")] * 8)

    assert statistics_of(api, customer)["nb_orders"] == 1
    check_exact(customer)
