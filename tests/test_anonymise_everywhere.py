"""Anonymising reaches whatever holds the person: events, kept answers, orders (spec 2.5)."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.idempotency import Attempt
from accounts.models import Connection, IdempotentAnswer
from accounts.tokens import issue_token
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from customers.services import anonymise_customer, lock_customer
from hubcustomers import exact_json

PRIVATE = {
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "HubRise",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": "2nd floor",
    "postal_code": "75001",
    "latitude": "48.8589507",
    "longitude": "2.2770205",
    "delivery_notes": 'Ring "twice"',
    "phone_access_code": "A12",
}
KEPT = {"private_ref": "2213312", "city": "Paris", "country": "FR", "custom_fields": {"a": 1.50}}
EVERYTHING = {"customer": ["create", "update"], "order": ["create", "update"]}


def customers_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def anonymise(api: HubClient, customer: Customer) -> HttpResponse:
    r = api.post(f"{customers_url(customer.customer_list)}/{customer.public_id}/anonymise")
    assert r.status_code == 200, r.content
    assert r.json()["anonymised"] is True
    return r


def listen(listener: Connection, events: dict[str, list[str]] | None = None) -> Connection:
    """Let the connection hear of everything; it asks for its events by itself."""
    Callback.objects.create(
        account=listener.account, connection=listener, events=events or EVERYTHING
    )
    issue_token(listener)
    return listener


@pytest.fixture
def crm(bistro: Connection) -> Connection:
    """Another client of the bistro, which listens."""
    return listen(ConnectionFactory(account=bistro.account, account_level=True))


@pytest.fixture
def kitchen(bistro: Connection) -> Connection:
    """A third client, at the bistro's location."""
    return listen(ConnectionFactory(account=bistro.account, location=bistro.location))


@pytest.fixture
def charles(api: HubClient, customer_list: CustomerList, crm: Connection) -> Customer:
    """A customer of whom everything is known, and whose creation was told."""
    r = api.request(
        "POST",
        customers_url(customer_list),
        {**PRIVATE, **KEPT},
        headers={"Idempotency-Key": "till 1"},
    )
    assert r.status_code == 200, r.content
    return Customer.objects.for_account(customer_list.account).get()


def events_of(listener: Connection, resource_type: str = "customer") -> list[Event]:
    rows = Event.objects.for_account(listener.account_id).filter(connection=listener)
    return list(rows.filter(resource_type=resource_type).order_by("id"))


def private_in(state: dict[str, Any] | None) -> dict[str, Any]:
    """Return what of the private fields the state still shows."""
    return {
        name: value
        for name, value in (state or {}).items()
        if name in PRIVATE and value is not None
    }


def check_erased(account_id: int) -> None:
    """See that no text of the tables that hold copies shows a private value."""
    queries = [
        "SELECT new_state::text || coalesce(previous_state::text, '') FROM callbacks_event"
        " WHERE account_id = %s",
        "SELECT body FROM accounts_idempotentanswer WHERE account_id = %s",
        "SELECT to_jsonb(row)::text FROM orders_order row WHERE account_id = %s",
        "SELECT to_jsonb(row)::text FROM customers_customer row WHERE account_id = %s",
    ]
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query, [account_id])
            for (text,) in cursor.fetchall():
                assert [name for name, value in PRIVATE.items() if f'"{value}"' in text] == []
                assert "Champs" not in text
                assert "twice" not in text


# --- events already stored ----------------------------------------------------------


@pytest.mark.parametrize("told", ["acknowledged_at", "given_up_at", None])
def test_states_of_earlier_events_are_erased_told_or_not(
    api: HubClient, charles: Customer, crm: Connection, told: str | None
) -> None:
    api.patch(f"{customers_url(charles.customer_list)}/{charles.public_id}", first_name="Claude")
    created, updated = events_of(crm)
    assert private_in(created.new_state) == PRIVATE
    assert private_in(updated.previous_state) == PRIVATE
    if told is not None:
        Event.objects.for_account(charles.account).update(**{told: timezone.now()})

    anonymise(api, charles)

    check_erased(charles.account_id)
    created, updated, _ = events_of(crm)
    for state in (created.new_state, updated.new_state, updated.previous_state):
        assert private_in(state) == {}
        assert set(state) >= set(PRIVATE)
        assert (state["city"], state["country"]) == ("Paris", "FR")
    assert created.previous_state is None


def test_a_payload_not_yet_delivered_is_asked_for_without_the_data(
    bistro: Connection, api: HubClient, charles: Customer
) -> None:
    hook = listen(ConnectionFactory(account=bistro.account, account_level=True))
    Callback.objects.for_account(bistro.account).filter(connection=hook).update(
        url="https://example.org/hook"
    )
    api.patch(f"{customers_url(charles.customer_list)}/{charles.public_id}", city="Lyon")
    [waiting] = events_of(hook)
    before = waiting.id, waiting.created_at, waiting.due_at, waiting.version

    anonymise(api, charles)

    waiting, last = events_of(hook)
    assert (waiting.id, waiting.created_at, waiting.due_at, waiting.version) == before
    assert private_in(waiting.new_state) == private_in(waiting.previous_state) == {}
    assert last.due_at is not None
    assert last.version > waiting.version


def test_events_of_others_stay_as_they_are(
    api: HubClient, charles: Customer, crm: Connection, rival: Connection
) -> None:
    other = CustomerFactory(customer_list=charles.customer_list)
    api.patch(f"{customers_url(other.customer_list)}/{other.public_id}", email="j@w.org")
    # The same number in another account's events, as on another shard.
    Event.objects.create(
        account=rival.account,
        connection=rival,
        resource_type="customer",
        resource_id=charles.pk,
        event_type="create",
        version=0,
        new_state=PRIVATE,
    )

    anonymise(api, charles)

    [event] = [event for event in events_of(crm) if event.resource_id == other.pk]
    assert event.new_state["email"] == "j@w.org"
    assert events_of(rival)[0].new_state == PRIVATE


# --- the event of anonymising itself ------------------------------------------------


def test_each_listener_hears_one_update_whose_previous_state_hides_the_data(
    api: HubClient, charles: Customer, crm: Connection, kitchen: Connection
) -> None:
    answer = anonymise(api, charles).json()

    for listener, earlier in ((crm, 1), (kitchen, 0)):
        [event] = events_of(listener)[earlier:]
        assert (event.resource_type, event.event_type) == ("customer", "update")
        assert event.resource_id == charles.pk
        assert event.customer_list_id == charles.customer_list_id
        assert json.loads(exact_json.dumps(event.new_state)) == {**answer, "private_ref": None}
        assert event.previous_state == {
            **event.new_state,
            "anonymised": False,
            **dict.fromkeys(ANONYMISED_FIELDS),
        }


def test_the_client_that_causes_it_hears_nothing(
    bistro: Connection, api: HubClient, charles: Customer, crm: Connection
) -> None:
    listen(bistro)
    elsewhere = listen(
        ConnectionFactory(account=bistro.account, client=bistro.client, account_level=True)
    )

    anonymise(api, charles)

    assert events_of(bistro) == events_of(elsewhere) == []
    assert len(events_of(crm)) == 2


def test_the_back_office_tells_every_listener(
    bistro: Connection, charles: Customer, crm: Connection
) -> None:
    listen(bistro)
    locked = lock_customer(charles.account_id, charles.customer_list_id, charles.pk)

    assert anonymise_customer(locked) is True

    assert len(events_of(bistro)) == 1
    assert len(events_of(crm)) == 2


def test_the_second_call_tells_nobody(api: HubClient, charles: Customer, crm: Connection) -> None:
    anonymise(api, charles)
    events = [(event.id, event.new_state) for event in events_of(crm)]

    anonymise(api, charles)

    assert [(event.id, event.new_state) for event in events_of(crm)] == events


def test_who_cannot_reach_the_list_or_does_not_listen_hears_nothing(
    bistro: Connection, api: HubClient, charles: Customer, rival: Connection
) -> None:
    listen(rival)
    shop = listen(ConnectionFactory(account=bistro.account))
    only = listen(
        ConnectionFactory(
            account=bistro.account,
            location=None,
            scope="account[customer_list.read]",
            customer_list=CustomerListFactory(account=bistro.account),
        )
    )
    deaf = listen(
        ConnectionFactory(account=bistro.account, account_level=True),
        {"customer": ["create"], "order": ["update"]},
    )

    anonymise(api, charles)

    assert [events_of(one) for one in (rival, shop, only, deaf)] == [[]] * 4


def test_an_update_afterwards_tells_nothing_that_was_erased(
    api: HubClient, charles: Customer, crm: Connection
) -> None:
    anonymise(api, charles)
    url = f"{customers_url(charles.customer_list)}/{charles.public_id}"

    assert api.patch(url, {**PRIVATE, "city": "Lyon"}).status_code == 200
    assert api.patch(url, PRIVATE).status_code == 200

    *_, last = events_of(crm)
    assert len(events_of(crm)) == 3
    assert (last.previous_state["city"], last.new_state["city"]) == ("Paris", "Lyon")
    assert private_in(last.new_state) == private_in(last.previous_state) == {}


# --- answers kept for repeats -------------------------------------------------------


def test_a_kept_answer_repeats_without_the_erased_data(api: HubClient, charles: Customer) -> None:
    anonymise(api, charles)

    r = api.request(
        "POST",
        customers_url(charles.customer_list),
        {**PRIVATE, **KEPT},
        headers={"Idempotency-Key": "till 1"},
    )

    assert r.status_code == 200
    assert r["Idempotency-Replayed"] == "true"
    assert r.json()["id"] == charles.public_id
    assert private_in(r.json()) == {}
    # What stays, stays as it was written.
    assert b'"custom_fields":{"a":1.5}' in r.content
    assert r.json()["city"] == "Paris"
    check_erased(charles.account_id)


def test_kept_answers_of_other_clients_are_erased_too(
    api: HubClient, account_api: HubClient, charles: Customer
) -> None:
    url = f"{customers_url(charles.customer_list)}"
    other = account_api.request(
        "POST", url, {"email": "keep@me.org"}, headers={"Idempotency-Key": "1"}
    )
    attempt = Attempt(account_api.connection, "2", b"x" * 32)
    assert attempt.claim() is None
    nested = {"id": "order1", "customer": {"id": charles.public_id, **PRIVATE}, "n": [PRIVATE]}
    IdempotentAnswer.objects.for_account(charles.account).filter(key="2").update(
        status=200, body=json.dumps(nested)
    )

    anonymise(api, charles)

    rows = IdempotentAnswer.objects.for_account(charles.account)
    assert rows.get(key="1").body.encode() == other.content
    body = json.loads(rows.get(key="2").body)
    assert private_in(body["customer"]) == {}
    assert body["n"] == [PRIVATE]


def test_an_unfinished_answer_of_another_request_is_no_hindrance(
    bistro: Connection, api: HubClient, charles: Customer
) -> None:
    with transaction.atomic():
        assert Attempt(bistro, "unfinished", b"x" * 32).claim() is None

        anonymise(api, charles)

        transaction.set_rollback(True)


# --- the whole ----------------------------------------------------------------------


def test_nothing_is_left_after_all_that_a_customer_can_do(
    api: HubClient, account_api: HubClient, charles: Customer, kitchen: Connection
) -> None:
    below = f"/customer_lists/{charles.customer_list.public_id}"
    calls: list[tuple[HubClient, str, str, dict[str, Any]]] = [
        (api, "POST", "/loyalty_cards", {"customer_id": charles.public_id, "name": ""}),
        (account_api, "PATCH", f"/customers/{charles.public_id}", {"city": "Lyon"}),
    ]
    for number, (caller, method, path, body) in enumerate(calls):
        headers = {"Idempotency-Key": f"call {number}"}
        assert caller.request(method, below + path, body, headers=headers).status_code == 200
    order = {"status": "new", "customer_id": charles.public_id, "items": []}
    long_path = f"/locations/{api.connection.location.public_id}/orders"
    for caller, path in ((api, "/location/orders"), (account_api, long_path)):
        r = caller.request("POST", path, order, headers={"Idempotency-Key": "an order"})
        assert r.status_code == 200, r.content
        assert private_in(r.json()["customer"]) != {}

    anonymise(api, charles)

    check_erased(charles.account_id)
    r = api.request("POST", "/location/orders", order, headers={"Idempotency-Key": "an order"})
    assert r["Idempotency-Replayed"] == "true"
    assert private_in(r.json()["customer"]) == {}
    assert len(events_of(kitchen, "order")) == 4


@pytest.mark.django_db(transaction=True)
def test_prove_erasure_agrees(
    api: HubClient, charles: Customer, kitchen: Connection, tmp_path: Any
) -> None:
    values, report = tmp_path / "values.json", io.StringIO()
    values.write_text(json.dumps(PRIVATE))
    order = {"status": "new", "customer_id": charles.public_id, "items": []}
    api.request("POST", "/location/orders", order, headers={"Idempotency-Key": "an order"})
    words = ("prove_erasure", charles.public_id, "--values", str(values))
    with pytest.raises(SystemExit) as found:
        call_command(*words, stdout=report)
    assert found.value.code == 1
    for place in ("callbacks_event.new_state", "answer.body", "orders_order.customer_snapshot"):
        assert place in report.getvalue()

    anonymise(api, charles)

    call_command(*words, stdout=report)
    assert "Nothing was found" in report.getvalue()


# --- races --------------------------------------------------------------------------


def together(*calls: Callable[[], Any]) -> Iterator[Any]:
    """Make all calls at the same moment, each on a connection of its own."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return threads.map(run, calls)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(6))
def test_no_event_shows_the_data_after_a_race_with_whatever_records_events(
    api: HubClient, account_api: HubClient, charles: Customer, kitchen: Connection, turn: int
) -> None:
    below = f"/customer_lists/{charles.customer_list.public_id}"
    url = f"{below}/customers/{charles.public_id}"
    card = api.post(f"{below}/loyalty_cards", customer_id=charles.public_id, name="").json()
    operations = f"{below}/loyalty_cards/{card['id']}/operations"
    order = {"status": "new", "customer_id": charles.public_id, "items": []}

    def keyed(path: str, body: dict[str, Any]) -> Callable[[], HttpResponse]:
        headers = {"Idempotency-Key": path}
        return lambda: account_api.request("POST", path, body, headers=headers)

    calls: list[Callable[[], HttpResponse]] = [
        lambda: api.patch(url, PRIVATE),
        lambda: account_api.patch(url, {**PRIVATE, "city": "Lyon"}),
        keyed(operations, {"delta": "1"}),
        lambda: api.post(operations, delta="2"),
        keyed(f"/locations/{api.connection.location.public_id}/orders", order),
        lambda: account_api.post(f"{below}/loyalty_cards", customer_id=charles.public_id, name="x"),
        keyed(customers_url(charles.customer_list), {"first_name": "Somebody"}),
    ]
    calls.insert(turn, lambda: anonymise(api, charles))

    answers = list(together(*calls))

    assert [answer.status_code for answer in answers] == [200] * len(calls)
    check_erased(charles.account_id)
    for listener in (kitchen, events_of_crm(charles)):
        told = [event for event in events_of(listener) if event.resource_id == charles.pk]
        turned = [event for event in told if not (event.previous_state or {}).get("anonymised")]
        # Exactly one of them tells that the customer was anonymised.
        assert sum(event.new_state["anonymised"] for event in turned) == 1
        assert [event.version for event in told] == sorted({event.version for event in told})


def events_of_crm(customer: Customer) -> Connection:
    return Callback.objects.for_account(customer.account).order_by("id").first().connection


@pytest.mark.django_db(transaction=True)
def test_two_that_anonymise_at_once_make_one_event(
    api: HubClient, account_api: HubClient, charles: Customer, crm: Connection
) -> None:
    list(together(*(lambda by=by: anonymise(by, charles) for by in [api, account_api] * 4)))

    assert len(events_of(crm)) == 2
    check_erased(charles.account_id)
