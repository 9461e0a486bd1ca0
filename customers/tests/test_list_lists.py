"""GET /locations/:id/customer_lists and /accounts/:id/customer_lists (spec 1.2)."""

from datetime import UTC, datetime

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import CustomerList

SUMMER = datetime(2020, 6, 25, 9, 43, 51, 999_999, tzinfo=UTC)


def names(client: HubClient, path: str) -> list[str]:
    r = client.get(path)
    assert r.status_code == 200
    return [shown["name"] for shown in r.json()]


def test_a_locations_lists_include_those_of_the_account_newest_first(
    api: HubClient, bistro: Connection
) -> None:
    pos = CustomerListFactory(
        account=bistro.account,
        name="POS customers",
        created_at=datetime(2020, 5, 19, 11, 23, 10, tzinfo=UTC),
    )
    online = CustomerListFactory(
        account=bistro.account,
        location=bistro.location,
        name="Online customers",
        created_at=SUMMER,
    )

    r = api.get(f"/locations/{bistro.location.public_id}/customer_lists")

    assert r.status_code == 200
    assert r.json() == [
        {
            "id": online.public_id,
            "name": "Online customers",
            "created_at": "2020-06-25T11:43:51+02:00",
        },
        {
            "id": pos.public_id,
            "name": "POS customers",
            "created_at": "2020-05-19T13:23:10+02:00",
        },
    ]


def test_the_short_form_means_the_tokens_own_location(
    api: HubClient, bistro: Connection, customer_list: CustomerList
) -> None:
    r = api.get("/location/customer_lists")

    assert r.status_code == 200
    assert r.json() == api.get(f"/locations/{bistro.location.public_id}/customer_lists").json()
    assert len(r.json()) == 1


def test_an_account_token_lists_any_location(account_api: HubClient, bistro: Connection) -> None:
    paris, lyon = bistro.location, LocationFactory(account=bistro.account)
    CustomerListFactory(account=bistro.account, location=paris, name="Paris")
    CustomerListFactory(account=bistro.account, location=lyon, name="Lyon")
    CustomerListFactory(account=bistro.account, name="All")

    assert names(account_api, f"/locations/{paris.public_id}/customer_lists") == ["All", "Paris"]
    assert names(account_api, f"/locations/{lyon.public_id}/customer_lists") == ["All", "Lyon"]


@pytest.mark.parametrize("path", ["/account/customer_lists", "/accounts/{}/customer_lists"])
def test_the_accounts_index_holds_its_account_level_lists(
    account_api: HubClient, bistro: Connection, customer_list: CustomerList, path: str
) -> None:
    CustomerListFactory(account=bistro.account, name="Older")
    CustomerListFactory(account=bistro.account, name="Newer")

    assert names(account_api, path.format(bistro.account.public_id)) == ["Newer", "Older"]


def test_times_are_in_the_zone_of_the_location_or_of_the_account(
    account_api: HubClient, bistro: Connection
) -> None:
    tokyo = LocationFactory(account=bistro.account, timezone="Asia/Tokyo")
    CustomerListFactory(account=bistro.account, created_at=SUMMER)
    CustomerListFactory(account=bistro.account, location=tokyo, created_at=SUMMER)

    r = account_api.get(f"/locations/{tokyo.public_id}/customer_lists")

    assert [shown["created_at"] for shown in r.json()] == [
        "2020-06-25T18:43:51+09:00",
        "2020-06-25T11:43:51+02:00",
    ]


def test_winter_time_has_its_own_offset(api: HubClient, bistro: Connection) -> None:
    winter = datetime(2020, 1, 18, 11, 37, 21, tzinfo=UTC)
    CustomerListFactory(account=bistro.account, created_at=winter)

    [shown] = api.get("/location/customer_lists").json()

    assert shown["created_at"] == "2020-01-18T12:37:21+01:00"


def test_an_index_without_lists_is_an_empty_array(api: HubClient) -> None:
    r = api.get("/location/customer_lists")

    assert r.status_code == 200
    assert r.json() == []
    assert "X-Cursor-Next" not in r


def test_a_location_token_may_not_list_the_accounts(api: HubClient, bistro: Connection) -> None:
    for path in ("/account", f"/accounts/{bistro.account.public_id}"):
        assert api.get(f"{path}/customer_lists").status_code == 403


def test_a_location_token_does_not_find_another_location(
    api: HubClient, bistro: Connection
) -> None:
    lyon = LocationFactory(account=bistro.account)

    assert api.get(f"/locations/{lyon.public_id}/customer_lists").status_code == 404


def test_the_rivals_location_and_account_are_not_found(
    account_api: HubClient, rival: Connection
) -> None:
    for owner in (
        f"/locations/{rival.location.public_id}",
        f"/accounts/{rival.account.public_id}",
    ):
        assert account_api.get(f"{owner}/customer_lists").status_code == 404


def test_the_rival_sees_nothing_of_it(rival_api: HubClient, customer_list: CustomerList) -> None:
    assert names(rival_api, "/location/customer_lists") == []


def test_a_warm_page_is_one_query(
    api: HubClient, bistro: Connection, django_assert_num_queries
) -> None:
    CustomerListFactory.create_batch(5, account=bistro.account)
    api.get("/location/customer_lists")

    with django_assert_num_queries(1):
        assert len(api.get("/location/customer_lists").json()) == 5
