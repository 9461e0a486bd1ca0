"""GET /accounts, /account and /accounts/:id (companion 3)."""

import pytest

from accounts.models import Connection
from conftest import HubClient


def shown(connection: Connection) -> dict[str, str]:
    return {"id": connection.account.public_id, "name": "Bistro", "currency": "EUR"}


def test_an_account_token_retrieves_its_account(account_api: HubClient, bistro: Connection) -> None:
    r = account_api.get(f"/accounts/{bistro.account.public_id}")

    assert r.status_code == 200
    assert r.json() == shown(bistro)


def test_account_is_short_for_the_tokens_own(account_api: HubClient, bistro: Connection) -> None:
    r = account_api.get("/account")

    assert r.status_code == 200
    assert r.json() == shown(bistro)


@pytest.mark.parametrize("caller", ["api", "account_api"])
def test_the_index_holds_the_one_account_that_the_token_reaches(
    caller: str, request: pytest.FixtureRequest, bistro: Connection, rival: Connection
) -> None:
    client: HubClient = request.getfixturevalue(caller)

    r = client.get("/accounts")

    assert r.status_code == 200
    assert r.json() == [shown(bistro)]
    assert "X-Cursor-Next" not in r


@pytest.mark.parametrize("path", ["/account", "/accounts/{id}"])
def test_a_location_token_may_not_retrieve_the_account(
    api: HubClient, bistro: Connection, path: str
) -> None:
    r = api.get(path.format(id=bistro.account.public_id))

    assert r.status_code == 403
    assert r.json() == {
        "message": "This needs a token of the whole account.",
        "error_type": "forbidden",
    }


def test_another_tenants_account_is_not_found(account_api: HubClient, rival: Connection) -> None:
    r = account_api.get(f"/accounts/{rival.account.public_id}")

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


@pytest.mark.parametrize("odd", ["nobody", "x", "ABCDE", "a" * 300, "%00", "%ED%A0%80", "é"])
def test_a_malformed_id_is_simply_not_found(account_api: HubClient, odd: str) -> None:
    r = account_api.get(f"/accounts/{odd}")

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


def test_an_account_id_is_the_beginning_of_its_locations_ids(bistro: Connection) -> None:
    assert bistro.location.public_id == f"{bistro.account.public_id}-1"
