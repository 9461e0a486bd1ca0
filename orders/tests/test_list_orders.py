"""GET /locations/:id/orders and the account's (companion, sections 5 and 8)."""

from datetime import UTC, datetime

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order
from orders.models import Order

ORDERS = "/location/orders"


def placed_at(connection: Connection, time: str) -> int:
    row = place_order(connection, ref=time)
    rows = Order.objects.for_account(connection.account).filter(pk=row.id)
    rows.update(created_at=datetime.fromisoformat(time).replace(tzinfo=UTC))
    return row.id


def refs(api: HubClient, path: str = ORDERS, **params: str) -> list[str]:
    r = api.get(path, **params)
    assert r.status_code == 200, r.content
    return [order["ref"] for order in r.json()]


def test_a_location_shows_its_orders_newest_first(api: HubClient, bistro: Connection) -> None:
    orders = [order_ids.encode(place_order(bistro, ref=str(n)).id) for n in range(3)]

    r = api.get(ORDERS)

    assert r.json() == [api.get(f"{ORDERS}/{order}").json() for order in reversed(orders)]
    assert "X-Cursor-Next" not in r
    assert api.get(f"/locations/{bistro.location.public_id}/orders").json() == r.json()


def test_an_account_shows_the_orders_of_all_its_locations(
    api: HubClient, account_api: HubClient, bistro: Connection, rival: Connection
) -> None:
    elsewhere = LocationFactory(account=bistro.account, timezone="Asia/Tokyo")
    other = ConnectionFactory(account=bistro.account, location=elsewhere)
    place_order(bistro, ref="here")
    place_order(other, ref="there")
    place_order(rival, ref="rival")

    shown = account_api.get("/account/orders").json()

    assert [(order["ref"], order["location_id"]) for order in shown] == [
        ("there", elsewhere.public_id),
        ("here", bistro.location.public_id),
    ]
    assert shown[0]["created_at"].endswith("+09:00")
    assert account_api.get(f"/accounts/{bistro.account.public_id}/orders").json() == shown
    assert refs(account_api, f"/locations/{elsewhere.public_id}/orders") == ["there"]
    assert refs(api) == ["here"]


def test_who_cannot_reach_the_place_finds_nothing(
    api: HubClient, rival_api: HubClient, bistro: Connection
) -> None:
    rival_account = HubClient(ConnectionFactory(account_level=True))
    place_order(bistro)

    assert rival_api.get(ORDERS).json() == []
    assert rival_account.get("/account/orders").json() == []
    for path in (
        "/locations/{0.location.public_id}/orders",
        "/accounts/{0.account.public_id}/orders",
    ):
        assert rival_account.get(path.format(bistro)).status_code == 404
    assert api.get("/account/orders").status_code == 403
    assert rival_account.get(ORDERS).status_code == 403


@pytest.mark.parametrize("count", ["1", "2", "3"])
def test_pages_follow_each_other_while_orders_come_in(
    api: HubClient, bistro: Connection, count: str
) -> None:
    for n in range(5):
        place_order(bistro, ref=str(n))

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        r = api.get(ORDERS, count=count, **cursor)
        seen += [order["ref"] for order in r.json()]
        place_order(bistro, ref="later")
        if "X-Cursor-Next" not in r:
            break
        cursor = {"cursor": r["X-Cursor-Next"]}

    assert seen == ["4", "3", "2", "1", "0"]


def test_the_private_ref_filter_looks_among_the_callers_own(
    api: HubClient, account_api: HubClient, bistro: Connection
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    place_order(bistro, ref="mine", private_ref="7")
    place_order(bistro, ref="none")
    for place in (bistro.location, elsewhere):
        account_api.post(
            f"/locations/{place.public_id}/orders", status="new", ref="theirs", private_ref="7"
        )

    assert refs(api, private_ref="7") == ["mine"]
    assert refs(api, private_ref="8") == []
    assert refs(api, private_ref="") == []
    assert refs(account_api, "/account/orders", private_ref="7") == ["theirs", "theirs"]


def test_the_status_filter_is_exact(api: HubClient, bistro: Connection) -> None:
    place_order(bistro, ref="a", status="new")
    place_order(bistro, ref="b", status="accepted")

    assert refs(api, status="accepted") == ["b"]
    assert refs(api, status="accept") == []
    assert refs(api, status="") == []


def test_the_customer_filter_takes_the_public_id(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    other = CustomerFactory(customer_list=customer.customer_list)
    place_order(bistro, customer, ref="a")
    place_order(bistro, other, ref="b")
    place_order(bistro, ref="guest")

    assert refs(api, customer_id=customer.public_id) == ["a"]
    assert refs(api, customer_id="abcde") == []
    assert refs(api, customer_id="") == []


def test_the_created_by_filter_takes_the_clients_name(
    api: HubClient, account_api: HubClient, bistro: Connection
) -> None:
    place_order(bistro, ref="a")
    path = f"/locations/{bistro.location.public_id}/orders"
    account_api.post(path, status="new", ref="b")

    assert refs(api, created_by=bistro.client.name) == ["a"]
    assert refs(api, created_by=account_api.connection.client.name) == ["b"]
    assert refs(api, created_by=bistro.client.name, status="accepted") == []


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"after": "2020-07-01T10:00:00Z"}, "cb"),
        ({"after": "2020-06-30T10:01:00-23:59"}, "cb"),
        ({"before": "2020-07-01T10:00:00Z"}, "a"),
        ({"after": "2020-07-01T10:00:00Z", "before": "2020-07-01T11:00:00Z"}, "b"),
        ({"after": "2020-07-01T12:00:00+02:00", "before": "2020-07-01T13:00:00+02:00"}, "b"),
        # A plus that nobody encoded arrives as a space.
        ({"after": "2020-07-01T12:00:00 02:00", "before": "2020-07-01T13:00:00 02:00"}, "b"),
        # Paris, in summer.
        ({"after": "2020-07-01T12:00", "before": "2020-07-01T13:00"}, "b"),
        ({"after": "2020-07-01T12:00:00.000001"}, "c"),
        ({"after": "0001-01-01T00:00", "before": "9999-12-31T23:59:59"}, "cba"),
    ],
)
def test_after_is_inclusive_and_before_is_not(
    api: HubClient, bistro: Connection, params: dict[str, str], found: str
) -> None:
    times = ("2020-07-01T09:59:59.999999", "2020-07-01T10:00:00", "2020-07-01T11:00:00")
    letters = dict(zip(times, "abc", strict=True))
    for time in times:
        placed_at(bistro, time)

    assert "".join(letters[ref] for ref in refs(api, **params)) == found


def test_times_of_an_account_without_offset_are_the_accounts(
    account_api: HubClient, bistro: Connection
) -> None:
    placed_at(bistro, "2020-07-01T10:00:00")

    assert len(refs(account_api, "/account/orders", after="2020-07-01T12:00")) == 1
    assert len(refs(account_api, "/account/orders", after="2020-07-01T12:00:01")) == 0


@pytest.mark.parametrize("text", ["", "yesterday", "2020-07-01", "2020-13-01T00:00", "1593597600"])
@pytest.mark.parametrize("name", ["after", "before"])
def test_what_is_no_time_is_refused(api: HubClient, name: str, text: str) -> None:
    r = api.get(ORDERS, **{name: text})

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == [name]


@pytest.mark.parametrize("name", ["private_ref", "status", "customer_id", "created_by", "after"])
def test_a_nul_in_a_filter_is_no_failure(api: HubClient, name: str) -> None:
    assert api.get(ORDERS, **{name: "a\0b"}).status_code in (200, 422)


def test_a_page_takes_one_query(
    api: HubClient, bistro: Connection, customer: Customer, django_assert_num_queries
) -> None:
    for _ in range(3):
        place_order(bistro, customer)
    api.get(ORDERS)

    with django_assert_num_queries(1):
        assert len(api.get(ORDERS).json()) == 3
