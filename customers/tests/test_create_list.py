"""POST /locations/:id/customer_lists and /accounts/:id/customer_lists (spec 1.3)."""

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import CustomerList

TAKEN = {
    "message": "name has already been taken",
    "errors": [{"field": "name", "message": "has already been taken"}],
    "error_type": "unprocessable_entity",
}


def lists_of(connection: Connection) -> list[tuple[str, int | None]]:
    rows = CustomerList.objects.for_account(connection.account).order_by("id")
    return list(rows.values_list("name", "location_id"))


@pytest.mark.parametrize("path", ["/location/customer_lists", "/locations/{}/customer_lists"])
def test_it_creates_a_location_level_list(api: HubClient, bistro: Connection, path: str) -> None:
    r = api.post(path.format(bistro.location.public_id), name="Web customers")

    assert r.status_code == 200
    created = CustomerList.objects.for_account(bistro.account).get()
    assert r.json() == {"id": created.public_id, "name": "Web customers"}
    assert created.location_id == bistro.location_id
    assert api.get(f"/customer_lists/{created.public_id}").json() == r.json()


@pytest.mark.parametrize("path", ["/account/customer_lists", "/accounts/{}/customer_lists"])
def test_it_creates_an_account_level_list(
    account_api: HubClient, bistro: Connection, path: str
) -> None:
    r = account_api.post(path.format(bistro.account.public_id), name="Web customers")

    assert r.status_code == 200
    assert r.json()["name"] == "Web customers"
    assert lists_of(bistro) == [("Web customers", None)]


def test_an_account_token_creates_a_list_at_any_location(
    account_api: HubClient, bistro: Connection
) -> None:
    lyon = LocationFactory(account=bistro.account)

    r = account_api.post(f"/locations/{lyon.public_id}/customer_lists", name="Web")

    assert r.status_code == 200
    assert lists_of(bistro) == [("Web", lyon.pk)]


# --- one name, one list (spec 1) ----------------------------------------------------


def test_a_name_of_the_same_location_is_taken(api: HubClient, customer_list: CustomerList) -> None:
    r = api.post("/location/customer_lists", name=customer_list.name)

    assert r.status_code == 422
    assert r.json() == TAKEN


def test_another_location_may_use_the_name_too(
    account_api: HubClient, customer_list: CustomerList
) -> None:
    lyon = LocationFactory(account=customer_list.account)

    r = account_api.post(f"/locations/{lyon.public_id}/customer_lists", name=customer_list.name)

    assert r.status_code == 200


def test_an_account_level_name_is_taken_for_the_account(
    account_api: HubClient, bistro: Connection
) -> None:
    CustomerListFactory(account=bistro.account, name="Ours")

    r = account_api.post("/account/customer_lists", name="Ours")

    assert r.status_code == 422
    assert r.json() == TAKEN


def test_a_location_level_name_is_taken_for_the_account(
    account_api: HubClient, customer_list: CustomerList
) -> None:
    r = account_api.post("/account/customer_lists", name=customer_list.name)

    assert r.status_code == 422
    assert r.json() == TAKEN


def test_an_account_level_name_is_taken_for_every_location(
    api: HubClient, bistro: Connection
) -> None:
    CustomerListFactory(account=bistro.account, name="Ours")

    r = api.post("/location/customer_lists", name="Ours")

    assert r.status_code == 422
    assert r.json() == TAKEN


def test_another_tenant_may_use_the_name_too(
    rival_api: HubClient, customer_list: CustomerList
) -> None:
    r = rival_api.post("/location/customer_lists", name=customer_list.name)

    assert r.status_code == 200


@pytest.mark.parametrize("name", ["  Web\t", "Web\n", "\u00a0Web", "\u3000Web "])
def test_blanks_around_a_name_do_not_count(api: HubClient, bistro: Connection, name: str) -> None:
    r = api.post("/location/customer_lists", name=name)

    assert r.json()["name"] == "Web"
    assert api.post("/location/customer_lists", name="Web").json() == TAKEN


def test_case_counts(api: HubClient) -> None:
    assert api.post("/location/customer_lists", name="web").status_code == 200
    assert api.post("/location/customer_lists", name="Web").status_code == 200


def test_a_refused_name_leaves_nothing_behind(
    api: HubClient, bistro: Connection, customer_list: CustomerList
) -> None:
    api.post("/location/customer_lists", name=customer_list.name)

    assert lists_of(bistro) == [(customer_list.name, bistro.location_id)]


# --- what is no name ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "is required"),
        ({"name": None}, "can't be blank"),
        ({"name": ""}, "can't be blank"),
        ({"name": " \t\n "}, "can't be blank"),
        ({"name": "x" * 256}, "is too long (maximum is 255 characters)"),
        ({"name": 5}, "must be a string"),
        ({"name": True}, "must be a string"),
        ({"name": ["x"]}, "must be a string"),
        ({"name": {"x": "y"}}, "must be a string"),
        ({"name": "a\x00b"}, "contains characters that cannot be stored"),
    ],
)
def test_it_refuses_what_is_no_name(
    api: HubClient, bistro: Connection, body: dict, message: str
) -> None:
    r = api.post("/location/customer_lists", body)

    assert r.status_code == 422
    assert r.json() == {
        "message": f"name {message}",
        "errors": [{"field": "name", "message": message}],
        "error_type": "unprocessable_entity",
    }
    assert lists_of(bistro) == []


@pytest.mark.parametrize("name", ["x", "é" * 255, "  " + "x" * 255 + "  ", "🍕", "%_*\\'\""])
def test_it_takes_names_of_1_to_255_characters(
    api: HubClient, bistro: Connection, name: str
) -> None:
    r = api.post("/location/customer_lists", name=name)

    assert r.status_code == 200
    assert r.json()["name"] == name.strip()
    assert lists_of(bistro) == [(name.strip(), bistro.location_id)]


# --- where a token may create -------------------------------------------------------


def test_a_location_token_creates_no_account_level_list(api: HubClient, bistro: Connection) -> None:
    for path in ("/account", f"/accounts/{bistro.account.public_id}"):
        assert api.post(f"{path}/customer_lists", name="x").status_code == 403
    assert lists_of(bistro) == []


def test_a_location_token_creates_no_list_elsewhere(api: HubClient, bistro: Connection) -> None:
    lyon = LocationFactory(account=bistro.account)

    assert api.post(f"/locations/{lyon.public_id}/customer_lists", name="x").status_code == 404
    assert lists_of(bistro) == []


def test_nobody_creates_a_list_at_the_rivals(account_api: HubClient, rival: Connection) -> None:
    for owner in (
        f"/locations/{rival.location.public_id}",
        f"/accounts/{rival.account.public_id}",
    ):
        assert account_api.post(f"{owner}/customer_lists", name="x").status_code == 404
    assert lists_of(rival) == []
