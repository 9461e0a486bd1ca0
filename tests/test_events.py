"""Which changes of customers, cards and lists are told, and to whom (companion, section 9)."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Account, Connection, Location
from accounts.tokens import issue_token, revoke_tokens, set_blocked
from callbacks.factories import CallbackFactory
from callbacks.models import Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import update_customer
from loyalty.models import LoyaltyCard

EVERYTHING = {
    "customer": ["create", "update"],
    "order": ["create", "update"],
    "customer_list": ["update"],
}


@pytest.fixture
def listener(bistro: Connection) -> HubClient:
    """Another client at the bistro's location, who listens to everything."""
    return listening(bistro.account, bistro.location)


def listening(
    account: Account, location: Location | None, scope: str = "", **fields: Any
) -> HubClient:
    level = "account" if location is None else "location"
    scope = scope or f"{level}[orders.read,all_customer_lists.read]"
    connection = ConnectionFactory(account=account, location=location, scope=scope, **fields)
    client = HubClient(connection)
    assert client.post("/callback", {"events": EVERYTHING}).status_code == 200
    return client


def told(client: HubClient) -> list[dict[str, Any]]:
    """Return the client's events, each retrieved with its states."""
    shown = client.get("/callback/events").json()
    return [client.get(f"/callback/events/{event['id']}").json() for event in shown]


def kinds(client: HubClient) -> list[str]:
    events = client.get("/callback/events").json()
    return [f"{event['resource_type']}.{event['event_type']}" for event in events]


def customers_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def customer_url(customer: Customer) -> str:
    return f"{customers_url(customer.customer_list)}/{customer.public_id}"


def cards_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/loyalty_cards"


# --- what is told -------------------------------------------------------------------


def test_a_new_customer_is_told(
    api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    made = api.post(customers_url(customer_list), first_name="Ada", private_ref="7").json()

    [event] = told(listener)
    assert (event["resource_type"], event["event_type"]) == ("customer", "create")
    assert event["customer_id"] == made["id"]
    assert event["customer_list_id"] == customer_list.public_id
    # The listener's own view: it has given no ref.
    assert event["new_state"] == {**made, "private_ref": None}


def test_a_changed_customer_is_told_with_both_states(
    api: HubClient, listener: HubClient, customer: Customer
) -> None:
    before = listener.get(customer_url(customer)).json()

    api.patch(customer_url(customer), first_name="Ada", custom_fields={"a": 1.10})

    [event] = told(listener)
    assert event["event_type"] == "update"
    assert event["previous_state"] == before
    assert event["new_state"] == {**before, "first_name": "Ada", "custom_fields": {"a": 1.10}}


def test_a_change_that_changes_nothing_is_not_told(
    api: HubClient, listener: HubClient, customer: Customer
) -> None:
    api.patch(customer_url(customer), first_name=customer.first_name, sms_marketing=False)
    api.patch(customer_url(customer), {})

    assert told(listener) == []


def test_a_card_is_a_change_of_its_customer(
    api: HubClient, listener: HubClient, customer: Customer
) -> None:
    cards = cards_url(customer.customer_list)
    card = api.post(cards, customer_id=customer.public_id, name="", ref="av-1").json()
    api.put(f"{cards}/{card['id']}", ref="av-2")
    api.put(f"{cards}/{card['id']}", ref="av-2")
    api.post(f"{cards}/{card['id']}/operations", delta="4.2")
    api.post(f"{cards}/{card['id']}/operations", delta="0")

    events = told(listener)

    shown = [
        [(card["ref"], card["balance"]) for card in event["new_state"]["loyalty_cards"]]
        for event in events
    ]
    assert kinds(listener) == ["customer.update"] * 3
    assert shown == [[("av-1", "0.0")], [("av-2", "0.0")], [("av-2", "4.2")]]
    assert events[0]["previous_state"]["loyalty_cards"] == []


def test_a_renamed_list_is_told(
    account_api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    old = customer_list.name

    account_api.put(f"/customer_lists/{customer_list.public_id}", name="VIP")
    account_api.put(f"/customer_lists/{customer_list.public_id}", name="VIP")

    [event] = told(listener)
    assert (event["resource_type"], event["event_type"]) == ("customer_list", "update")
    assert event["new_state"] == {"id": customer_list.public_id, "name": "VIP"}
    assert event["previous_state"] == {"id": customer_list.public_id, "name": old}


def test_a_new_and_a_deleted_list_are_not_told(api: HubClient, listener: HubClient) -> None:
    made = api.post("/location/customer_lists", name="VIP").json()
    api.post(f"/customer_lists/{made['id']}/customers", first_name="Ada")
    assert kinds(listener) == ["customer.create"]

    api.delete(f"/customer_lists/{made['id']}")

    assert kinds(listener) == ["customer.create"]


def test_anonymise_is_told_without_what_was_erased(
    api: HubClient, listener: HubClient, customer: Customer
) -> None:
    api.patch(customer_url(customer), email="jimmy@dummy-mail.org", city="London")

    api.post(f"{customer_url(customer)}/anonymise")

    changed, anonymised = told(listener)
    assert changed["new_state"]["email"] is None
    assert anonymised["new_state"]["anonymised"] is True
    assert anonymised["previous_state"]["anonymised"] is False
    assert anonymised["previous_state"]["city"] == "London"
    shown = listener.get(f"/callback/events/{anonymised['id']}").content.decode()
    assert "Watson" not in shown
    assert "jimmy" not in shown


def test_what_fails_is_not_told(
    api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    api.post(customers_url(customer_list), private_ref="7")
    assert api.post(customers_url(customer_list), private_ref="7").status_code == 422

    assert kinds(listener) == ["customer.create"]


# --- to whom ------------------------------------------------------------------------


def test_the_client_that_causes_it_hears_nothing(
    bistro: Connection, api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    twin = HubClient(
        ConnectionFactory(account=bistro.account, account_level=True, client=bistro.client)
    )
    for client in (api, twin):
        client.post("/callback", {"events": EVERYTHING})

    made = api.post(customers_url(customer_list), first_name="Ada").json()
    api.patch(f"{customers_url(customer_list)}/{made['id']}", first_name="Bea")

    assert (kinds(api), kinds(twin)) == ([], [])
    assert kinds(listener) == ["customer.create", "customer.update"]


def test_the_back_office_tells_everybody(
    api: HubClient, listener: HubClient, customer: Customer
) -> None:
    api.post("/callback", {"events": EVERYTHING})

    update_customer(customer, client=None, country="FR", data={"first_name": "Ada"})

    assert kinds(api) == kinds(listener) == ["customer.update"]


def test_only_what_was_asked_for_is_told(
    api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    listener.post("/callback", {"events": {"customer": ["update"], "order": ["create"]}})

    made = api.post(customers_url(customer_list), first_name="Ada").json()
    api.patch(f"{customers_url(customer_list)}/{made['id']}", first_name="Bea")

    assert kinds(listener) == ["customer.update"]


def test_each_sees_its_own_private_ref(
    bistro: Connection, api: HubClient, customer: Customer
) -> None:
    scope = "location[all_customer_lists.write]"
    listener, third = (listening(bistro.account, bistro.location, scope) for _ in range(2))
    listener.patch(customer_url(customer), private_ref="listeners")
    third.patch(customer_url(customer), private_ref="thirds")

    api.patch(customer_url(customer), private_ref="mine", first_name="Ada")

    # A ref is a change only in the eyes of its own client, which causes it.
    [for_listener], [for_third] = told(listener), told(third)
    for event, ref in ((for_listener, "listeners"), (for_third, "thirds")):
        assert event["new_state"]["private_ref"] == ref
        assert event["previous_state"]["private_ref"] == ref
        assert "mine" not in str(event)


def test_a_location_hears_of_its_lists_and_the_accounts(
    bistro: Connection, api: HubClient, account_api: HubClient
) -> None:
    elsewhere = LocationFactory(account=bistro.account)
    here, there, whole = (
        listening(bistro.account, location) for location in (bistro.location, elsewhere, None)
    )
    lists = [
        CustomerListFactory(account=bistro.account, location=location)
        for location in (bistro.location, elsewhere, None)
    ]

    for customer_list in lists:
        account_api.post(customers_url(customer_list), first_name="Ada")

    heard = [
        [event["customer_list_id"] for event in client.get("/callback/events").json()]
        for client in (here, there, whole)
    ]
    first, second, accounts = (customer_list.public_id for customer_list in lists)
    assert heard == [[first, accounts], [second, accounts], [first, second, accounts]]


def test_nobody_hears_of_a_list_that_the_scope_does_not_cover(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    other = CustomerListFactory(account=bistro.account, location=bistro.location)
    place = bistro.account, bistro.location
    chosen = listening(*place, "location[customer_list.read]", customer_list=customer_list)
    without = listening(*place, "location[orders.write]")

    api.post(customers_url(customer_list), first_name="Ada")
    api.post(customers_url(other), first_name="Bea")

    assert [event["new_state"]["first_name"] for event in told(chosen)] == ["Ada"]
    assert told(without) == []


def test_another_account_hears_nothing(
    api: HubClient, rival_api: HubClient, customer_list: CustomerList
) -> None:
    rival_api.post("/callback", {"events": EVERYTHING})

    api.post(customers_url(customer_list), first_name="Ada")

    assert told(rival_api) == []


@pytest.mark.parametrize("how", ["blocked", "revoked"])
def test_nobody_collects_events_while_it_may_not_call(
    api: HubClient, listener: HubClient, customer_list: CustomerList, how: str
) -> None:
    connection = listener.connection
    if how == "blocked":
        set_blocked(connection, blocked=True)
    else:
        revoke_tokens(connection)

    api.post(customers_url(customer_list), first_name="Ada")

    assert listener.get("/callback/events").status_code == 401
    assert not Event.objects.for_account(connection.account).exists()
    # Let in again, it hears of what comes.
    if how == "blocked":
        set_blocked(connection, blocked=False)
    else:
        listener.token = issue_token(connection)
    api.post(customers_url(customer_list), first_name="Bea")
    assert [event["new_state"]["first_name"] for event in told(listener)] == ["Bea"]


def test_with_a_url_an_event_is_due_at_once(
    api: HubClient, listener: HubClient, customer_list: CustomerList
) -> None:
    listener.post("/callback", {"url": "https://example.com/", "events": EVERYTHING})

    api.post(customers_url(customer_list), first_name="Ada")

    [event] = Event.objects.for_account(listener.connection.account)
    assert event.due_at is not None
    assert event.due_at <= timezone.now()


def test_events_of_a_customer_count_its_versions(
    api: HubClient, listener: HubClient, customer: Customer, card: LoyaltyCard
) -> None:
    for number in range(3):
        api.patch(customer_url(customer), first_name=f"Ada {number}")

    rows = Event.objects.for_account(customer.account).order_by("id")
    assert [row.version for row in rows] == [1, 2, 3]


def test_a_callback_made_by_hand_works_as_well(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    other = ConnectionFactory(account=bistro.account, location=bistro.location)
    CallbackFactory(connection=other)

    api.post(customers_url(customer_list), first_name="Ada")
    assert not Event.objects.for_account(bistro.account).exists()

    client = HubClient(other)
    CustomerFactory(customer_list=customer_list)
    api.post(customers_url(customer_list), first_name="Bea")
    assert kinds(client) == ["customer.create"]
