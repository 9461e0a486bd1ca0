"""GET /locations, /location and /locations/:id (companion 3)."""

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient


def test_a_location_shows_its_account_country_and_time_zone(
    api: HubClient, bistro: Connection
) -> None:
    bistro.location.timezone = "Asia/Tokyo"
    bistro.location.country = "JP"
    bistro.location.save()

    r = api.get(f"/locations/{bistro.location.public_id}")

    assert r.status_code == 200
    assert r.json() == {
        "id": f"{bistro.account.public_id}-1",
        "name": "Paris",
        "account": {"id": bistro.account.public_id, "name": "Bistro", "currency": "EUR"},
        "address": None,
        "postal_code": None,
        "city": None,
        "country": "JP",
        "timezone": {"name": "Asia/Tokyo", "offset": 9 * 3600},
        "custom_fields": {},
    }


def test_location_is_short_for_the_tokens_own(api: HubClient, bistro: Connection) -> None:
    r = api.get("/location")

    assert r.status_code == 200
    assert r.json() == api.get(f"/locations/{bistro.location.public_id}").json()


def test_an_account_token_has_no_location_of_its_own(account_api: HubClient) -> None:
    r = account_api.get("/location")

    assert r.status_code == 403
    assert r.json() == {
        "message": "This needs a token of one location.",
        "error_type": "forbidden",
    }


def test_an_account_token_reaches_every_location_of_the_account(
    account_api: HubClient, bistro: Connection, rival: Connection
) -> None:
    second = LocationFactory(account=bistro.account, name="Lyon")

    r = account_api.get("/locations")

    assert r.status_code == 200
    assert [location["name"] for location in r.json()] == ["Paris", "Lyon"]
    assert r.json()[1] == account_api.get(f"/locations/{second.public_id}").json()


def test_a_location_token_reaches_its_own_only(api: HubClient, bistro: Connection) -> None:
    second = LocationFactory(account=bistro.account)

    assert [location["name"] for location in api.get("/locations").json()] == ["Paris"]
    assert api.get(f"/locations/{second.public_id}").status_code == 404


def test_locations_are_numbered_within_their_account(bistro: Connection, rival: Connection) -> None:
    second = LocationFactory(account=bistro.account)

    assert second.public_id == f"{bistro.account.public_id}-2"
    assert rival.location.public_id == f"{rival.account.public_id}-1"


@pytest.mark.parametrize("caller", ["api", "account_api"])
def test_another_tenants_location_is_not_found(
    caller: str, request: pytest.FixtureRequest, rival: Connection
) -> None:
    client: HubClient = request.getfixturevalue(caller)

    r = client.get(f"/locations/{rival.location.public_id}")

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


@pytest.mark.parametrize(
    "number", ["", "-", "-0", "-01", "-9", "-1-1", "-١", "--1", "- 1", "-1%00", "-" + "1" * 40]
)
@pytest.mark.parametrize("caller", ["api", "account_api"])
def test_a_malformed_id_is_simply_not_found(
    caller: str, request: pytest.FixtureRequest, bistro: Connection, number: str
) -> None:
    client: HubClient = request.getfixturevalue(caller)

    r = client.get(f"/locations/{bistro.account.public_id}{number}")

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


def test_an_account_without_locations_has_an_empty_index(db: None) -> None:
    r = HubClient(ConnectionFactory(account_level=True)).get("/locations")

    assert r.status_code == 200
    assert r.json() == []


def test_locations_come_in_pages(account_api: HubClient, bistro: Connection) -> None:
    LocationFactory(account=bistro.account, name="Lyon")

    first = account_api.get("/locations", count="1")
    second = account_api.get("/locations", count="1", cursor=first["X-Cursor-Next"])

    assert [location["name"] for location in first.json()] == ["Paris"]
    assert [location["name"] for location in second.json()] == ["Lyon"]
    assert "X-Cursor-Next" not in second
