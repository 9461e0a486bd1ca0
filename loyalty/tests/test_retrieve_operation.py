"""GET …/loyalty_cards/:id/operations/:id (spec 4.1)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from hubcustomers.public_ids import loyalty_operation_ids
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard


def path_of(card: LoyaltyCard) -> str:
    base = f"/customer_lists/{card.customer_list.public_id}"
    return f"{base}/loyalty_cards/{card.public_id}/operations"


def test_it_shows_the_operation(api: HubClient, card: LoyaltyCard) -> None:
    post(card, "13.5")
    operation = post(card, "4.20", "Points earned")
    operation_id = loyalty_operation_ids.encode(operation.id)

    r = api.get(f"{path_of(card)}/{operation_id}")

    assert r.status_code == 200
    body = r.json()
    assert datetime.fromisoformat(body.pop("created_at")).utcoffset() is not None
    assert body == {
        "id": operation_id,
        "customer_id": card.customer.public_id,
        "order_location_id": None,
        "order_id": None,
        "reason": "Points earned",
        "delta": "4.2",
        "new_balance": "17.7",
    }


@pytest.mark.parametrize(
    ("at_location", "zone"), [(True, "Asia/Tokyo"), (False, "America/New_York")]
)
def test_its_time_is_to_the_second_in_the_zone_of_the_list(
    account_api: HubClient, bistro: Connection, at_location: bool, zone: str
) -> None:
    bistro.location.timezone = "Asia/Tokyo"
    bistro.location.save()
    bistro.account.timezone = "America/New_York"
    bistro.account.save()
    location = bistro.location if at_location else None
    customer_list = CustomerListFactory(account=bistro.account, location=location)
    card = LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list))
    operation = post(card, "1")

    shown = account_api.get(f"{path_of(card)}/{loyalty_operation_ids.encode(operation.id)}")

    expected = datetime.fromtimestamp(operation.created_at, ZoneInfo(zone))
    assert shown.json()["created_at"] == expected.isoformat()


@pytest.mark.parametrize("odd", ["22kmp", "x", "%00", "22KMP"])
def test_an_id_of_nothing_is_not_found(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    post(card, "1")

    assert api.get(f"{path_of(card)}/{odd}").status_code == 404


def test_an_operation_of_another_card_is_not_found(api: HubClient, card: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer=card.customer, name="kiosk")
    operation_id = loyalty_operation_ids.encode(post(other, "1").id)

    assert api.get(f"{path_of(card)}/{operation_id}").status_code == 404
    assert api.get(f"{path_of(other)}/{operation_id}").status_code == 200


def test_the_rival_finds_nothing(rival_api: HubClient, card: LoyaltyCard) -> None:
    operation_id = loyalty_operation_ids.encode(post(card, "1").id)

    assert rival_api.get(f"{path_of(card)}/{operation_id}").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_an_operation_is_never_updated_nor_deleted(
    api: HubClient, card: LoyaltyCard, method: str
) -> None:
    path = f"{path_of(card)}/{loyalty_operation_ids.encode(post(card, '1').id)}"
    before = api.get(path).json()

    r = api.request(method, path, {"delta": "9", "reason": "x"})

    assert r.status_code == 405
    assert r.json()["error_type"] == "method_not_allowed"
    assert r["Allow"] == "GET, HEAD"
    assert api.get(path).json() == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_neither_are_all_of_them_at_once(api: HubClient, card: LoyaltyCard, method: str) -> None:
    r = api.request(method, path_of(card), {"delta": "9"})

    assert r.status_code == 405


def test_a_warm_read_is_one_query(
    api: HubClient, card: LoyaltyCard, django_assert_num_queries
) -> None:
    path = f"{path_of(card)}/{loyalty_operation_ids.encode(post(card, '1').id)}"
    api.get(path)

    with django_assert_num_queries(1):
        api.get(path)
