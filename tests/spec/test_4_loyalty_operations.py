"""Section 4, loyalty operations, sentence by sentence."""

import json
from typing import Any

import pytest

from conftest import HubClient
from tests.spec.conftest import location_of, new_list

NAMES = """
    id customer_id created_at order_location_id order_id reason delta new_balance
""".split()


@pytest.fixture
def jimmy(api: HubClient) -> dict[str, Any]:
    """A customer with an empty card."""
    base = new_list(api)
    customer: dict[str, Any] = api.post(f"{base}/customers", first_name="Jimmy").json()
    return customer


@pytest.fixture
def path(api: HubClient, jimmy: dict[str, Any]) -> str:
    """The path of the customer's card."""
    base = f"/customer_lists/{jimmy['customer_list_id']}/loyalty_cards"
    return f"{base}/{api.post(base, customer_id=jimmy['id'], name='').json()['id']}"


@pytest.fixture
def order(api: HubClient, jimmy: dict[str, Any]) -> dict[str, Any]:
    """An order of the customer."""
    made: dict[str, Any] = api.post(
        "/location/orders", status="new", customer_id=jimmy["id"]
    ).json()
    return made


# --- 4.1 retrieve -------------------------------------------------------------------


def test_4_1_returns_a_loyalty_card_operation_as_in_the_example(
    api: HubClient,
    account_api: HubClient,
    jimmy: dict[str, Any],
    path: str,
    order: dict[str, Any],
) -> None:
    api.post(f"{path}/operations", delta="13.5")
    made = api.post(
        f"{path}/operations", order_id=order["id"], reason="Points earned", delta="4.2"
    ).json()

    r = api.get(f"{path}/operations/{made['id']}")

    assert list(r.json()) == NAMES
    assert r.json() == {
        "id": made["id"],
        "customer_id": jimmy["id"],
        "created_at": made["created_at"],
        "order_location_id": location_of(api),
        "order_id": order["id"],
        "reason": "Points earned",
        "delta": "4.2",
        "new_balance": "17.7",
    }
    assert account_api.get(f"{path}/operations/{made['id']}").json() == r.json()


# --- 4.2 list -----------------------------------------------------------------------


def test_4_2_returns_the_operations_on_a_given_card_in_descending_chronological_order(
    api: HubClient, account_api: HubClient, path: str
) -> None:
    made = [api.post(f"{path}/operations", delta=delta).json() for delta in ("1", "2", "-0.5")]

    r = api.get(f"{path}/operations")

    assert r.json() == made[::-1]
    assert list(r.json()[0]) == NAMES
    assert r.json()[0]["new_balance"] == api.get(path).json()["balance"] == "2.5"
    assert account_api.get(f"{path}/operations").json() == r.json()


# --- 4.3 create ---------------------------------------------------------------------


def test_4_3_creates_an_operation_and_updates_the_balance_as_in_the_example(
    api: HubClient, account_api: HubClient, path: str, order: dict[str, Any]
) -> None:
    body = {"order_id": order["id"], "reason": "Points earned", "delta": "4.2"}

    r = api.request("POST", f"{path}/operations", raw=json.dumps(body, indent=2).encode())

    assert r.status_code == 200
    assert list(r.json()) == NAMES
    assert r.json() == api.get(f"{path}/operations/{r.json()['id']}").json()
    assert (r.json()["order_id"], r.json()["reason"]) == (order["id"], "Points earned")
    assert account_api.post(f"{path}/operations", delta="1").status_code == 200


@pytest.mark.parametrize("unknown", ["zzzzz", "mapcm", "x"])
def test_4_3_an_order_with_this_id_must_exist_or_the_request_will_fail(
    api: HubClient, path: str, unknown: str
) -> None:
    r = api.post(f"{path}/operations", order_id=unknown, delta="4.2")

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == ["order_id"]
    assert api.get(path).json()["balance"] == "0.0"


def test_4_3_an_order_can_be_attached_to_several_operations(
    api: HubClient, path: str, order: dict[str, Any]
) -> None:
    for delta in ("4.2", "-2", "1"):
        api.post(f"{path}/operations", order_id=order["id"], delta=delta)

    assert {shown["order_id"] for shown in api.get(f"{path}/operations").json()} == {order["id"]}
    shown = api.get(f"/location/orders/{order['id']}").json()["loyalty_operations"]
    assert [operation["delta"] for operation in shown] == ["4.2", "-2.0", "1.0"]


def test_4_3_order_and_reason_are_optional_and_the_delta_is_not(api: HubClient, path: str) -> None:
    made = api.post(f"{path}/operations", delta="1").json()
    refused = api.post(f"{path}/operations", reason="Points earned")

    assert [made[name] for name in ("order_id", "order_location_id", "reason")] == [None] * 3
    assert refused.json()["errors"] == [{"field": "delta", "message": "is required"}]


def test_4_3_a_negative_number_removes_points(api: HubClient, path: str) -> None:
    api.post(f"{path}/operations", delta="4.2")

    assert api.post(f"{path}/operations", delta="-1.7").json()["new_balance"] == "2.5"


def test_4_3_new_balance_is_automatically_calculated_as_well_as_the_customers_balance(
    api: HubClient, jimmy: dict[str, Any], path: str
) -> None:
    api.post(f"{path}/operations", delta="13.5")

    r = api.post(f"{path}/operations", delta="4.2", new_balance="99.0")

    assert r.json()["new_balance"] == api.get(path).json()["balance"] == "17.7"
    customer = api.get(f"/customer_lists/{jimmy['customer_list_id']}/customers/{jimmy['id']}")
    assert customer.json()["loyalty_cards"][0]["balance"] == "17.7"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_4_3_a_loyalty_operation_cannot_be_deleted_or_updated(
    api: HubClient, path: str, method: str
) -> None:
    made = api.post(f"{path}/operations", delta="4.2").json()

    for url in (f"{path}/operations/{made['id']}", f"{path}/operations"):
        assert api.request(method, url, {"delta": "5"}).status_code == 405
    assert api.get(f"{path}/operations").json() == [made]


def test_4_3_to_void_an_operation_create_an_opposite_operation(api: HubClient, path: str) -> None:
    api.post(f"{path}/operations", delta="13.5")
    api.post(f"{path}/operations", delta="4.2")

    api.post(f"{path}/operations", delta="-4.2")

    assert api.get(path).json()["balance"] == "13.5"
    assert len(api.get(f"{path}/operations").json()) == 3
