"""GET /locations/:id/orders/:id and its short and account forms (companion, section 8)."""

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.models import Customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order


def test_all_urls_show_the_same_order(
    api: HubClient, account_api: HubClient, bistro: Connection, customer: Customer
) -> None:
    order = order_ids.encode(place_order(bistro, customer).id)
    location, account = bistro.location.public_id, bistro.account.public_id

    shown = api.get(f"/location/orders/{order}")

    assert shown.status_code == 200
    assert api.get(f"/locations/{location}/orders/{order}").json() == shown.json()
    for path in (
        f"/locations/{location}/orders/{order}",
        f"/accounts/{account}/orders/{order}",
        f"/account/orders/{order}",
    ):
        assert account_api.get(path).json() == shown.json()


def test_who_cannot_reach_it_finds_nothing(
    rival_api: HubClient, account_api: HubClient, bistro: Connection
) -> None:
    order = order_ids.encode(place_order(bistro).id)
    elsewhere = LocationFactory(account=bistro.account)
    other = HubClient(ConnectionFactory(account=bistro.account, location=elsewhere))
    rival_account = HubClient(ConnectionFactory(account_level=True))
    full = f"/locations/{bistro.location.public_id}/orders/{order}"

    answers = [
        rival_api.get(full),
        rival_api.get(f"/location/orders/{order}"),
        rival_account.get(full),
        rival_account.get(f"/account/orders/{order}"),
        other.get(full),
        other.get(f"/location/orders/{order}"),
        account_api.get(f"/locations/{elsewhere.public_id}/orders/{order}"),
        account_api.get("/account/orders/abcde"),
    ]

    assert [r.status_code for r in answers] == [404] * len(answers)


def test_the_level_and_the_scope_are_held_to(api: HubClient, bistro: Connection) -> None:
    order = order_ids.encode(place_order(bistro).id)
    lists_only = HubClient(
        ConnectionFactory(
            account=bistro.account,
            location=bistro.location,
            scope="location[all_customer_lists.write]",
        )
    )

    assert api.get(f"/account/orders/{order}").status_code == 403
    assert lists_only.get(f"/location/orders/{order}").status_code == 403


def test_each_client_sees_its_own_private_refs(
    api: HubClient, account_api: HubClient, bistro: Connection, customer: Customer
) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    order = order_ids.encode(place_order(bistro, customer, private_ref="order").id)
    api.patch(path, private_ref="customer")
    account_api.patch(path, private_ref="other")

    mine = api.get(f"/location/orders/{order}").json()
    theirs = account_api.get(f"/account/orders/{order}").json()

    assert (mine["private_ref"], mine["customer"]["private_ref"]) == ("order", "customer")
    assert (theirs["private_ref"], theirs["customer"]["private_ref"]) == (None, "other")


def test_it_takes_one_query(
    api: HubClient, bistro: Connection, customer: Customer, django_assert_num_queries
) -> None:
    order = order_ids.encode(place_order(bistro, customer).id)
    api.get("/location/orders/abcde")

    with django_assert_num_queries(1):
        api.get(f"/location/orders/{order}")
