"""Events about orders: who is told, what, and when nobody is (companion, section 9)."""

from typing import Any

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.models import Customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order

ORDERS = "/location/orders"
EVENTS = {"order": ["create", "update"]}


def listen(connection: Connection, events: dict[str, list[str]] | None = None) -> HubClient:
    Callback.objects.create(
        account=connection.account, connection=connection, events=events or EVENTS
    )
    return HubClient(connection)


def told(connection: Connection) -> list[Event]:
    events = Event.objects.for_account(connection.account).filter(connection=connection)
    return list(events.order_by("id"))


@pytest.fixture
def kitchen(bistro: Connection) -> HubClient:
    """Another client at the bistro's location, which listens to orders."""
    return listen(ConnectionFactory(account=bistro.account, location=bistro.location))


def seen_by(api: HubClient, order: dict[str, Any]) -> Any:
    return api.get(f"/locations/{order['location_id']}/orders/{order['id']}").json()


def test_a_new_order_is_told_with_its_operations(
    api: HubClient, kitchen: HubClient, card: Any
) -> None:
    order = api.post(
        ORDERS,
        status="new",
        private_ref="mine",
        customer_id=card.customer.public_id,
        items=[{"product_name": "Margarita", "price": "9.00 EUR", "quantity": 2}],
        loyalty_operations=[{"delta": "1.8"}],
    ).json()

    [event] = told(kitchen.connection)
    assert (event.resource_type, event.event_type, event.version) == ("order", "create", 0)
    assert order_ids.encode(event.resource_id) == order["id"]
    assert event.location_id == api.connection.location_id
    assert event.customer_list_id is None
    assert event.previous_state is None
    assert event.new_state == seen_by(kitchen, order)
    assert event.new_state == {**order, "private_ref": None}


def test_a_change_is_told_with_what_was_before(
    api: HubClient, kitchen: HubClient, bistro: Connection, customer: Customer
) -> None:
    path = f"{ORDERS}/{order_ids.encode(place_order(bistro, customer).id)}"
    before = api.get(path).json()

    after = api.patch(path, status="accepted", custom_fields={"a": 1}).json()
    api.patch(path, status="completed")

    _, first, second = told(kitchen.connection)
    assert [event.event_type for event in (first, second)] == ["update", "update"]
    assert [event.version for event in (first, second)] == [1, 2]
    assert first.previous_state == before
    assert first.new_state == second.previous_state == after
    assert second.new_state["status"] == "completed"


def test_what_changes_nothing_is_not_told(
    api: HubClient, kitchen: HubClient, bistro: Connection
) -> None:
    path = f"{ORDERS}/{order_ids.encode(place_order(bistro, custom_fields={'a': 1}).id)}"

    api.patch(path, {})
    api.patch(path, status="new", custom_fields={"a": 1}, seller_notes=None)
    api.patch(path, private_ref="my own")
    api.patch(path, status="gone")

    assert [event.event_type for event in told(kitchen.connection)] == ["create"]


def test_states_show_each_listeners_own_refs(
    api: HubClient, kitchen: HubClient, bistro: Connection, customer: Customer
) -> None:
    head_office = listen(ConnectionFactory(account=bistro.account, account_level=True))
    person = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    for client, ref in ((api, "till"), (kitchen, "kitchen"), (head_office, "office")):
        client.patch(person, private_ref=ref)
    order = api.post(
        ORDERS, status="new", private_ref="till", customer_id=customer.public_id
    ).json()
    path = f"/locations/{order['location_id']}/orders/{order['id']}"
    head_office.patch(path, private_ref="office")

    api.patch(path, status="accepted")

    seen: list[tuple[HubClient, str | None, str]] = [
        (kitchen, None, "kitchen"),
        (head_office, "office", "office"),
    ]
    for client, own_ref, customer_ref in seen:
        created, updated = told(client.connection)
        assert created.new_state["private_ref"] is None
        for state in (updated.new_state, updated.previous_state):
            assert state["private_ref"] == own_ref
            assert state["customer"]["private_ref"] == customer_ref
        assert updated.new_state == seen_by(client, order)


def test_only_who_can_reach_the_order_is_told(api: HubClient, bistro: Connection) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    same_client = ConnectionFactory(
        account=bistro.account, location=bistro.location, client=bistro.client
    )
    deaf = [
        ConnectionFactory(account=bistro.account, location=elsewhere),
        ConnectionFactory(
            account=bistro.account,
            location=bistro.location,
            scope="location[all_customer_lists.write]",
        ),
        ConnectionFactory(account__name="Other account"),
        same_client,
    ]
    for connection in (bistro, *deaf):
        listen(connection)
    listen(
        ConnectionFactory(account=bistro.account, location=bistro.location), {"order": ["update"]}
    )

    order = api.post(ORDERS, status="new").json()

    assert not Event.objects.exists()
    api.patch(f"{ORDERS}/{order['id']}", status="accepted")
    assert [event.event_type for event in Event.objects.all()] == ["update"]


def test_statistics_alone_are_no_event_of_the_customer(
    api: HubClient, bistro: Connection, customer: Customer
) -> None:
    other = ConnectionFactory(account=bistro.account, location=bistro.location)
    listen(other, {"customer": ["create", "update"]})

    order = api.post(ORDERS, status="new", customer_id=customer.public_id).json()
    api.patch(f"{ORDERS}/{order['id']}", status="cancelled")

    assert told(other) == []


def test_a_refused_order_is_not_told(api: HubClient, kitchen: HubClient) -> None:
    api.post(ORDERS, status="new", private_ref="1")

    api.post(ORDERS, status="new", private_ref="1")

    assert len(told(kitchen.connection)) == 1


def test_a_listener_costs_a_fixed_number_of_statements(
    api: HubClient, kitchen: HubClient, customer: Customer, django_assert_num_queries
) -> None:
    item = {"product_name": "Margarita", "price": "9.00 EUR", "quantity": "1"}
    body = {"status": "new", "customer_id": customer.public_id, "items": [item] * 10}
    api.post(ORDERS, body)

    # Five without a listener; both kinds of private refs, and the event.
    with django_assert_num_queries(8):
        api.post(ORDERS, body)
