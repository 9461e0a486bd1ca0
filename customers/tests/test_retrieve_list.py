"""GET /customer_lists/:id (spec 1.1)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import CustomerList


@pytest.mark.parametrize("caller", ["api", "account_api"])
def test_it_returns_the_id_and_the_name(
    caller: str, request: pytest.FixtureRequest, customer_list: CustomerList
) -> None:
    client: HubClient = request.getfixturevalue(caller)

    r = client.get(f"/customer_lists/{customer_list.public_id}")

    assert r.status_code == 200
    assert r.json() == {"id": customer_list.public_id, "name": customer_list.name}


def test_a_location_token_retrieves_an_account_level_list(
    api: HubClient, bistro: Connection
) -> None:
    shared = CustomerListFactory(account=bistro.account, name="Online customers")

    r = api.get(f"/customer_lists/{shared.public_id}")

    assert r.json() == {"id": shared.public_id, "name": "Online customers"}


def test_the_rival_finds_nothing(rival_api: HubClient, customer_list: CustomerList) -> None:
    r = rival_api.get(f"/customer_lists/{customer_list.public_id}")

    assert r.status_code == 404
    assert r.json() == {
        "message": "There is no such object, or the token cannot reach it.",
        "error_type": "not_found",
    }


@pytest.mark.parametrize(
    "odd", ["1", "ag8u4", "AG8U4", "zzzzzzzzzzzzz", "%00%00%00%00%00", "é" * 5]
)
def test_an_id_of_nothing_is_not_found(api: HubClient, odd: str) -> None:
    r = api.get(f"/customer_lists/{odd}")

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


def test_a_warm_read_is_one_query(
    api: HubClient, customer_list: CustomerList, django_assert_num_queries
) -> None:
    path = f"/customer_lists/{customer_list.public_id}"
    api.get(path)

    with django_assert_num_queries(1):
        api.get(path)
