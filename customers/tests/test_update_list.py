"""PUT and PATCH /customer_lists/:id (spec 1.4)."""

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import CustomerList

METHODS = pytest.mark.parametrize("method", ["PUT", "PATCH"])


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}"


def name_of(customer_list: CustomerList) -> str:
    customer_list.refresh_from_db()
    return customer_list.name


@METHODS
@pytest.mark.parametrize("caller", ["api", "account_api"])
def test_it_renames_the_list(
    request: pytest.FixtureRequest, customer_list: CustomerList, caller: str, method: str
) -> None:
    client: HubClient = request.getfixturevalue(caller)

    r = client.request(method, path_of(customer_list), {"name": "New customers"})

    assert r.status_code == 200
    assert r.json() == {"id": customer_list.public_id, "name": "New customers"}
    assert client.get(path_of(customer_list)).json() == r.json()


@METHODS
def test_an_account_token_renames_an_account_level_list(
    account_api: HubClient, bistro: Connection, method: str
) -> None:
    shared = CustomerListFactory(account=bistro.account)

    r = account_api.request(method, path_of(shared), {"name": "New"})

    assert r.status_code == 200
    assert name_of(shared) == "New"


@METHODS
def test_a_name_used_by_another_list_is_refused(
    api: HubClient, customer_list: CustomerList, method: str
) -> None:
    CustomerListFactory(
        account=customer_list.account, location=customer_list.location, name="Taken"
    )

    r = api.request(method, path_of(customer_list), {"name": " Taken "})

    assert r.status_code == 422
    assert r.json() == {
        "message": "name has already been taken",
        "errors": [{"field": "name", "message": "has already been taken"}],
        "error_type": "unprocessable_entity",
    }
    assert name_of(customer_list) != "Taken"


@pytest.mark.parametrize("shared_is_renamed", [True, False])
def test_names_of_account_and_locations_are_kept_apart(
    account_api: HubClient, customer_list: CustomerList, shared_is_renamed: bool
) -> None:
    shared = CustomerListFactory(account=customer_list.account)
    renamed, other = (shared, customer_list) if shared_is_renamed else (customer_list, shared)

    r = account_api.put(path_of(renamed), name=other.name)

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "name", "message": "has already been taken"}]


def test_a_name_of_another_location_may_be_used_too(
    api: HubClient, customer_list: CustomerList
) -> None:
    lyon = LocationFactory(account=customer_list.account)
    CustomerListFactory(account=customer_list.account, location=lyon, name="Web")

    assert api.put(path_of(customer_list), name="Web").status_code == 200


@METHODS
def test_its_own_name_is_not_taken(
    api: HubClient, customer_list: CustomerList, method: str
) -> None:
    r = api.request(method, path_of(customer_list), {"name": f" {customer_list.name} "})

    assert r.status_code == 200
    assert r.json() == {"id": customer_list.public_id, "name": customer_list.name}


@METHODS
@pytest.mark.parametrize("body", [{}, {"id": "ag8u4", "created_at": "2020-01-01", "other": 1}])
def test_what_is_absent_or_unknown_changes_nothing(
    api: HubClient, customer_list: CustomerList, method: str, body: dict
) -> None:
    r = api.request(method, path_of(customer_list), body)

    assert r.status_code == 200
    assert r.json() == {"id": customer_list.public_id, "name": customer_list.name}


@METHODS
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "can't be blank"),
        ("", "can't be blank"),
        ("  ", "can't be blank"),
        ("x" * 256, "is too long (maximum is 255 characters)"),
        (5, "must be a string"),
        ("\x00", "contains characters that cannot be stored"),
    ],
)
def test_it_refuses_what_is_no_name(
    api: HubClient, customer_list: CustomerList, method: str, name: object, message: str
) -> None:
    before = customer_list.name

    r = api.request(method, path_of(customer_list), {"name": name})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "name", "message": message}]
    assert name_of(customer_list) == before


@METHODS
def test_the_rival_cannot_rename_it(
    rival_api: HubClient, customer_list: CustomerList, method: str
) -> None:
    r = rival_api.request(method, path_of(customer_list), {"name": "Mine"})

    assert r.status_code == 404
    assert name_of(customer_list) != "Mine"
