"""PATCH and PUT /locations/:id/orders/:id (companion, section 8)."""

from typing import Any

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.models import Customer
from orders.factories import place_order
from orders.models import STATUSES, Order
from orders.reads import OrderRow

ORDERS = "/location/orders"


@pytest.fixture
def order(bistro: Connection, customer: Customer) -> Order:
    row: OrderRow = place_order(bistro, customer, private_ref="1", custom_fields={"a": 1})
    return Order.objects.for_account(bistro.account).get(pk=row.id)


def path_of(order: Order) -> str:
    return f"{ORDERS}/{order.public_id}"


def test_true_is_another_custom_field_than_1(api: HubClient, order: Order) -> None:
    api.patch(path_of(order), custom_fields={"a": True})

    assert api.get(path_of(order)).json()["custom_fields"]["a"] is True


def test_it_changes_what_may_change_and_nothing_else(api: HubClient, order: Order) -> None:
    before = api.get(path_of(order)).json()
    changes = {
        "status": "accepted",
        "private_ref": "2",
        "confirmed_time": "2020-07-01T12:00:00+02:00",
        "seller_notes": "Soon",
        "collection_code": "B7",
        "custom_fields": {"b": [1.5]},
    }

    r = api.patch(path_of(order), changes)

    assert r.status_code == 200
    assert r.json() == {**before, **changes, "custom_fields": {"a": 1, "b": [1.5]}}
    assert api.get(path_of(order)).json() == r.json()


def test_other_fields_are_ignored(api: HubClient, order: Order) -> None:
    before = api.get(path_of(order)).json()

    r = api.put(
        path_of(order),
        {
            "ref": "x",
            "items": [],
            "total": "0.00 EUR",
            "customer_id": "x",
            "expected_time": "no time",
            "loyalty_operations": [{"delta": "1"}],
        },
    )

    assert r.status_code == 200
    assert r.json() == before


def test_what_is_absent_stays_and_null_removes(api: HubClient, order: Order) -> None:
    given = {"confirmed_time": "2020-07-01T12:00:00+02:00", "seller_notes": "Soon"}
    api.patch(path_of(order), {**given, "collection_code": "B7"})

    kept = api.put(path_of(order), status="received").json()
    nulls = dict.fromkeys([*given, "collection_code", "private_ref", "custom_fields"])
    emptied = api.put(path_of(order), nulls).json()

    assert {name: kept[name] for name in given} == given
    assert {name: emptied[name] for name in nulls} == {**nulls, "custom_fields": {}}


def test_a_custom_field_set_to_null_is_removed(api: HubClient, order: Order) -> None:
    r = api.patch(path_of(order), custom_fields={"a": None, "c": {"d": None}})

    assert r.json()["custom_fields"] == {"c": {"d": None}}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_be_set(api: HubClient, order: Order, status: str) -> None:
    assert api.patch(path_of(order), status=status).json()["status"] == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": None}, "status"),
        ({"status": "gone"}, "status"),
        ({"confirmed_time": "soon"}, "confirmed_time"),
        ({"seller_notes": 1}, "seller_notes"),
        ({"collection_code": "x" * 256}, "collection_code"),
        ({"custom_fields": {"b": "x" * 8190}}, "custom_fields"),
        ({"custom_fields": []}, "custom_fields"),
    ],
)
def test_a_fault_changes_nothing(
    api: HubClient, order: Order, body: dict[str, Any], field: str
) -> None:
    before = api.get(path_of(order)).json()

    r = api.patch(path_of(order), {"private_ref": "9", **body})

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == [field]
    assert api.get(path_of(order)).json() == before


def test_a_private_ref_of_another_order_is_taken(
    api: HubClient, bistro: Connection, order: Order
) -> None:
    place_order(bistro, private_ref="2")

    r = api.patch(path_of(order), private_ref="2", status="accepted")

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "private_ref", "message": "has already been taken"}]
    assert api.get(path_of(order)).json()["status"] == "new"


def test_private_refs_are_each_clients_own(
    api: HubClient, account_api: HubClient, bistro: Connection, order: Order
) -> None:
    path = f"/locations/{bistro.location.public_id}/orders/{order.public_id}"

    assert account_api.get(path).json()["private_ref"] is None
    assert account_api.patch(path, private_ref="1").json()["private_ref"] == "1"
    assert account_api.patch(path, private_ref=None).json()["private_ref"] is None
    assert api.get(path).json()["private_ref"] == "1"


def test_only_a_change_makes_a_new_version(api: HubClient, order: Order) -> None:
    api.patch(path_of(order), status="new", custom_fields={"a": 1}, private_ref="7")
    order.refresh_from_db()
    assert order.version == 0

    api.patch(path_of(order), status="accepted")
    order.refresh_from_db()
    assert order.version == 1


def test_who_cannot_reach_the_order_changes_nothing(
    api: HubClient, rival_api: HubClient, bistro: Connection, order: Order
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    other = HubClient(ConnectionFactory(account=bistro.account, location=elsewhere))
    reader = HubClient(
        ConnectionFactory(
            account=bistro.account, location=bistro.location, scope="location[orders.read]"
        )
    )
    full = f"/locations/{bistro.location.public_id}/orders/{order.public_id}"

    answers = [
        rival_api.patch(full, status="cancelled"),
        rival_api.patch(path_of(order), status="cancelled"),
        other.patch(full, status="cancelled"),
        other.patch(path_of(order), status="cancelled"),
        reader.patch(full, status="cancelled"),
        api.patch(f"{ORDERS}/abcde", status="cancelled"),
        api.patch(f"{ORDERS}/No-Id", status="cancelled"),
    ]

    assert [r.status_code for r in answers] == [404, 404, 404, 404, 403, 404, 404]
    assert api.get(full).json()["status"] == "new"


def test_an_order_is_never_deleted(api: HubClient, order: Order) -> None:
    r = api.delete(path_of(order))

    assert r.status_code == 405
    assert r["Allow"] == "GET, HEAD, PATCH, PUT"


def test_an_update_takes_a_fixed_number_of_statements(
    api: HubClient, order: Order, django_assert_num_queries
) -> None:
    api.patch(path_of(order), status="received")

    # Both rows locked, the order read and written, who listens; and a savepoint's two ends.
    with django_assert_num_queries(7):
        api.patch(path_of(order), status="accepted", confirmed_time="2020-07-01T12:00")
    with django_assert_num_queries(8):
        api.patch(path_of(order), status="cancelled")
