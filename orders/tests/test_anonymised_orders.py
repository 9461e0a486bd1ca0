"""Anonymising a customer reaches its orders (spec 2.5, companion sections 6 and 9)."""

from typing import Any

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from customers.services import anonymise_customer, lock_customer
from hubcustomers.public_ids import order_ids
from orders.factories import place_order
from orders.models import Order
from tests.test_races import deadlocks, statuses, together

ORDERS = "/location/orders"
PRIVATE = {
    "email": "jimmy@dummy-mail.org",
    "first_name": "Jimmy",
    "last_name": "Watson",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "Watson & Co",
    "phone": "+44123456789",
    "address_1": "1 Town Road",
    "address_2": "Flat 3",
    "postal_code": "N9 0HL",
    "latitude": "45.7571206",
    "longitude": "4.8307575",
    "delivery_notes": "Behind the church",
    "phone_access_code": "1234",
}
KEPT = {"city": "London", "state": "Greater London", "country": "GB", "sms_marketing": True}


@pytest.fixture
def person(api: HubClient, customer_list: CustomerList) -> Customer:
    """A customer of whom everything is known."""
    path = f"/customer_lists/{customer_list.public_id}/customers"
    r = api.post(path, {**PRIVATE, **KEPT, "custom_fields": {"vip": True}})
    assert r.status_code == 200
    return Customer.objects.for_account(customer_list.account).get()


def path_of(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


def listener(bistro: Connection, **options: Any) -> Connection:
    if "account_level" not in options:
        options["location"] = bistro.location
    connection = ConnectionFactory(account=bistro.account, **options)
    Callback.objects.create(
        account=bistro.account, connection=connection, events={"order": ["create", "update"]}
    )
    HubClient(connection)
    return connection


def told(connection: Connection) -> list[Event]:
    events = Event.objects.for_account(connection.account).filter(connection=connection)
    return list(events.order_by("id"))


def check_erased(shown: dict[str, Any]) -> None:
    assert {name: shown[name] for name in ANONYMISED_FIELDS} == dict.fromkeys(ANONYMISED_FIELDS)


def test_all_private_fields_are_shown_before_and_none_after(
    api: HubClient, bistro: Connection, person: Customer
) -> None:
    path = f"{ORDERS}/{order_ids.encode(place_order(bistro, person).id)}"
    before = api.get(path).json()
    assert {name: before["customer"][name] for name in PRIVATE} == PRIVATE

    api.post(f"{path_of(person)}/anonymise")

    after = api.get(path).json()
    assert set(PRIVATE) == set(ANONYMISED_FIELDS)
    assert after == {
        **before,
        "customer": {**before["customer"], **dict.fromkeys(PRIVATE), "anonymised": True},
    }
    assert after["customer"] | KEPT == after["customer"]
    assert after["customer"]["custom_fields"] == {"vip": True}


def test_other_orders_are_left_alone(api: HubClient, bistro: Connection, person: Customer) -> None:
    other = CustomerFactory(customer_list=person.customer_list)
    place_order(bistro, other)
    api.post(ORDERS, status="new", customer={"first_name": "Guest"})
    before = api.get(ORDERS).json()
    place_order(bistro, person, status="cancelled")

    api.post(f"{path_of(person)}/anonymise")

    assert api.get(ORDERS).json()[1:] == before
    check_erased(api.get(ORDERS).json()[0]["customer"])


def test_each_order_is_told_once_without_what_was_erased(
    api: HubClient, bistro: Connection, person: Customer
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    kitchen, office = listener(bistro), listener(bistro, account_level=True)
    body = {"status": "new", "customer_id": person.public_id}
    HubClient(office).post(f"/locations/{elsewhere.public_id}/orders", body)
    for _ in range(2):
        place_order(bistro, person)
    Event.objects.for_account(bistro.account)._raw_delete(using="default")

    api.post(f"{path_of(person)}/anonymise")
    api.post(f"{path_of(person)}/anonymise")

    assert (len(told(kitchen)), len(told(office))) == (2, 3)
    for event in (*told(kitchen), *told(office)):
        new, previous = event.new_state, event.previous_state
        assert (event.resource_type, event.event_type, event.version) == ("order", "update", 1)
        check_erased(new["customer"])
        assert new["customer"]["anonymised"] is True
        assert previous == {**new, "customer": {**new["customer"], "anonymised": False}}
        assert new["id"] == order_ids.encode(event.resource_id)


def test_events_of_its_orders_are_scrubbed(
    api: HubClient, bistro: Connection, person: Customer
) -> None:
    kitchen = listener(bistro)
    path = f"{ORDERS}/{order_ids.encode(place_order(bistro, person).id)}"
    api.patch(path, status="accepted")
    stranger = CustomerFactory(customer_list=person.customer_list, first_name="Other")
    place_order(bistro, stranger)

    api.post(f"{path_of(person)}/anonymise")

    created, updated, others, erased = told(kitchen)
    for state in (
        created.new_state,
        updated.new_state,
        updated.previous_state,
        erased.new_state,
        erased.previous_state,
    ):
        check_erased(state["customer"])
        assert state["customer"]["id"] == person.public_id
        assert state["customer"]["city"] == "London"
    assert others.new_state["customer"]["first_name"] == "Other"


def test_the_client_that_causes_it_hears_nothing(
    api: HubClient, bistro: Connection, person: Customer
) -> None:
    kitchen = listener(bistro)
    place_order(bistro, person)

    HubClient(kitchen).post(f"{path_of(person)}/anonymise")

    assert [event.event_type for event in told(kitchen)] == ["create"]


def test_the_back_office_is_heard_by_all(bistro: Connection, person: Customer) -> None:
    kitchen = listener(bistro)
    place_order(bistro, person)

    locked = lock_customer(person.account_id, person.customer_list_id, person.pk)
    anonymise_customer(locked)

    assert [event.event_type for event in told(kitchen)] == ["create", "update"]


def test_answers_kept_for_repeated_requests_are_scrubbed(api: HubClient, person: Customer) -> None:
    body = {"status": "new", "customer_id": person.public_id}
    again = {"Idempotency-Key": "till-1"}
    first = api.request("POST", ORDERS, body, headers=again)
    assert first.json()["customer"]["first_name"] == "Jimmy"

    api.post(f"{path_of(person)}/anonymise")

    repeated = api.request("POST", ORDERS, body, headers=again)
    assert repeated.json()["id"] == first.json()["id"]
    check_erased(repeated.json()["customer"])


def test_many_orders_take_no_more_statements_without_listeners(
    api: HubClient, bistro: Connection, person: Customer, django_assert_max_num_queries
) -> None:
    for _ in range(20):
        place_order(bistro, person)

    # One for each place that may hold the person, whatever their number of orders.
    with django_assert_max_num_queries(19):
        api.post(f"{path_of(person)}/anonymise")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(4))
def test_no_order_placed_meanwhile_keeps_what_was_erased(
    api: HubClient, bistro: Connection, person: Customer, turn: int
) -> None:
    deadlocks.clear()
    kitchen = listener(bistro)
    orders = [order_ids.encode(place_order(bistro, person).id) for _ in range(3)]
    body = {"status": "new", "customer_id": person.public_id}
    calls = [
        *[lambda: api.post(ORDERS, body)] * 6,
        *(
            lambda order=order: api.patch(f"{ORDERS}/{order}", status="cancelled")
            for order in orders
        ),
        lambda: api.post(f"{path_of(person)}/anonymise"),
        *[lambda: api.post(ORDERS, body)] * 6,
    ]

    answers = together(*calls[turn:], *calls[:turn])

    assert set(statuses(answers)) == {200}
    assert deadlocks == []
    snapshots = Order.objects.for_account(bistro.account).values_list(
        "customer_snapshot", flat=True
    )
    assert len(snapshots) == 15
    for snapshot in snapshots:
        check_erased(snapshot)
        assert snapshot["anonymised"] is True
    states = [event.new_state for event in told(kitchen)]
    states += [event.previous_state for event in told(kitchen) if event.previous_state]
    for state in states:
        check_erased(state["customer"])
