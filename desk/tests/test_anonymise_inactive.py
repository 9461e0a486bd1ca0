"""``manage.py anonymise_inactive``: who was silent for months is found, counted, anonymised."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, Erasure
from desk import inactive
from desk.factories import age, rule_of, silent
from desk.inactive import Rule
from hubcustomers.models import AuditEntry
from loyalty.factories import LoyaltyCardFactory, post
from orders.models import Order
from transfer.tests.commands import Ended, run

pytestmark = pytest.mark.django_db


def anonymise(*words: Any, months: int = 36) -> dict[str, Any]:
    ended: Ended = run("anonymise_inactive", "--months", months, "--json", *words)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def left(customer_list: CustomerList) -> set[int]:
    rows = Customer.objects.for_account(customer_list.account_id)
    return set(rows.filter(anonymised=False).values_list("pk", flat=True))


# --- what counts ------------------------------------------------------------------------


@pytest.fixture
def alive(customer_list: CustomerList, bistro: Connection) -> dict[str, Customer]:
    """Customers made long ago, each with one recent sign of life, or none."""
    found: dict[str, Any] = {
        name: silent(customer_list, city="Paris")
        for name in ("silent", "ordered", "earned", "got a card", "changed")
    }
    found["new"] = CustomerFactory(customer_list=customer_list)
    rows = Customer.objects.for_account(bistro.account)
    rows.filter(pk=found["ordered"].pk).update(last_order_date=timezone.now())
    old_card = LoyaltyCardFactory(customer=found["earned"])
    age(old_card, 40)
    post(old_card, "1")
    LoyaltyCardFactory(customer=found["got a card"])
    rows.filter(pk=found["changed"].pk).update(city="Lyon")
    return found


@pytest.mark.parametrize(
    ("by", "stay"),
    [
        ("any", {"ordered", "earned", "got a card", "changed", "new"}),
        ("last-order", {"ordered", "new"}),
        ("last-operation", {"earned", "got a card", "new"}),
        ("last-update", {"changed", "new"}),
    ],
)
def test_each_sign_of_life_keeps_a_customer(
    by: str, stay: set[str], alive: dict[str, Customer], customer_list: CustomerList
) -> None:
    report = anonymise("--by", by, "--apply")

    assert left(customer_list) == {alive[name].pk for name in stay}
    assert report["anonymised"] == report["inactive"] == len(alive) - len(stay)


def test_the_last_of_many_operations_counts(customer_list: CustomerList) -> None:
    card = LoyaltyCardFactory(customer=silent(customer_list))
    age(card, 40)
    first, last = post(card, "1"), post(card, "2")
    for operation, months in ((first, 39), (last, 35)):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "UPDATE loyalty_loyaltyoperation SET created_at = statement_timestamp()"
                " - make_interval(months => %s) WHERE id = %s",
                [months, operation.id],
            )
            cursor.execute("RESET session_replication_role")

    assert anonymise()["inactive"] == 0
    assert anonymise(months=34)["inactive"] == 1


# --- updated_at -------------------------------------------------------------------------


def test_a_change_through_the_api_is_a_sign_and_no_change_is_none(
    api: HubClient, customer: Customer
) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    api.patch(path, first_name=customer.first_name)
    customer.refresh_from_db()
    assert customer.updated_at is None

    api.patch(path, first_name="Claude")

    customer.refresh_from_db()
    assert abs(timezone.now() - customer.updated_at) < timedelta(minutes=1)


def test_statistics_and_versions_are_no_change(api: HubClient, customer: Customer) -> None:
    order = {"status": "new", "customer_id": customer.public_id, "items": []}
    assert api.post("/location/orders", order).status_code == 200
    rows = Customer.objects.for_account(customer.account)
    rows.update(version=7)
    rows.update(city=customer.city, custom_fields=customer.custom_fields)

    customer.refresh_from_db()
    assert customer.nb_orders == 1
    assert customer.updated_at is None


# --- the command ------------------------------------------------------------------------


def test_a_dry_run_counts_by_list_and_month_and_writes_nothing(
    customer_list: CustomerList, bistro: Connection
) -> None:
    silent(customer_list, months=40)
    silent(customer_list, months=40)
    CustomerFactory(customer_list=customer_list)
    other = CustomerListFactory(account=bistro.account)
    silent(other, months=60)

    report = anonymise()

    assert report["apply"] is False
    assert (report["inactive"], report["anonymised"]) == (3, 0)
    first, second = report["lists"]
    assert first["customer_list_id"] == customer_list.public_id
    assert (first["customers"], list(first["months"].values())) == (3, [2])
    assert list(second["months"].values()) == [1]
    assert len(left(customer_list)) == 4
    printed = run("anonymise_inactive", "--months", 36).out
    assert f"List {other.public_id} ({other.name}): 1 of 1 customers" in printed
    assert "3 customers would be anonymised" in printed


def test_one_list_or_one_account_can_be_chosen(
    customer_list: CustomerList, rival: Connection
) -> None:
    ours, theirs = silent(customer_list), silent(CustomerListFactory(account=rival.account))

    assert anonymise("--list", customer_list.public_id, "--apply")["anonymised"] == 1
    assert Customer.objects.get(pk=theirs.pk).anonymised is False
    assert anonymise("--account", rival.account.public_id, "--apply")["anonymised"] == 1
    assert Customer.objects.get(pk=theirs.pk).anonymised is True
    assert Customer.objects.get(pk=ours.pk).anonymised is True


def test_it_erases_all_that_the_api_erases(
    api: HubClient, bistro: Connection, customer_list: CustomerList
) -> None:
    crm = ConnectionFactory(account=bistro.account, account_level=True)
    HubClient(crm)
    events = {"customer": ["update"], "order": ["update"]}
    Callback.objects.create(account=bistro.account, connection=crm, events=events)
    people = [silent(customer_list, email=f"p{n}@dummy-mail.org") for n in range(2)]
    for person in people:
        order = {"status": "cancelled", "customer_id": person.public_id, "items": []}
        headers = {"Idempotency-Key": person.public_id}
        assert api.request("POST", "/location/orders", order, headers=headers).status_code == 200

    assert anonymise("--apply")["anonymised"] == 2

    assert "dummy-mail" not in str(list(Order.objects.values_list("customer_snapshot", flat=True)))
    told = Event.objects.for_account(bistro.account).order_by("pk")
    assert [event.resource_type for event in told] == ["customer", "customer", "order", "order"]
    assert "dummy-mail" not in str(list(told.values_list("new_state", "previous_state")))
    for person in people:
        order = {"status": "cancelled", "customer_id": person.public_id, "items": []}
        headers = {"Idempotency-Key": person.public_id}
        again = api.request("POST", "/location/orders", order, headers=headers)
        assert again.json()["customer"]["email"] is None
    assert Erasure.objects.count() == 2
    assert AuditEntry.objects.filter(action="anonymised", user=None).count() == 2


def test_a_run_that_was_stopped_goes_on(
    customer_list: CustomerList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inactive, "WINDOW", 2)
    monkeypatch.setattr(inactive, "BATCH", 1)
    for _ in range(5):
        silent(customer_list)
    whole = inactive.anonymise_customers
    calls: list[int] = []

    def stop(customers: Any) -> int:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(customers)

    monkeypatch.setattr(inactive, "anonymise_customers", stop)
    ended = run("anonymise_inactive", "--months", 36, "--apply")
    assert (ended.status, len(left(customer_list))) == (1, 2)
    assert "goes on from here" in ended.err

    monkeypatch.setattr(inactive, "anonymise_customers", whole)
    assert anonymise("--apply")["anonymised"] == 2
    assert left(customer_list) == set()


def test_rules_say_how_long_where_there_are_any(
    customer_list: CustomerList, bistro: Connection, rival: Connection
) -> None:
    other = CustomerListFactory(account=bistro.account)
    foreign = CustomerListFactory(account=rival.account)
    for one in (customer_list, other, foreign):
        silent(one, months=30)
    rule_of(bistro.account, months=36)
    rule_of(bistro.account, customer_list=other, months=24, by="last-order")

    ended = run("anonymise_inactive", "--rules", "--apply", "--json")

    report = json.loads(ended.out)
    assert [(one["customer_list_id"], one["by"]) for one in report["lists"]] == [
        (customer_list.public_id, "any"),
        (other.public_id, "last-order"),
    ]
    assert report["anonymised"] == 1
    assert Customer.objects.get(customer_list=other).anonymised
    assert Customer.objects.filter(anonymised=True).count() == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--months", "0"),
        ("--months", "x"),
        ("--months", "1201"),
        ("--months", "36", "--list", "zzzzz"),
        ("--months", "36", "--account", "zzzzz"),
        ("--months", "36", "--by", "mood"),
        ("--months", "36", "--rules"),
        (),
    ],
)
def test_wrong_usage_is_said(words: tuple[str, ...], customer: Customer) -> None:
    assert run("anonymise_inactive", *words, "--apply").status != 0
    assert left(customer.customer_list) == {customer.pk}


# --- beside tills -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_who_comes_back_at_the_last_moment_stays(customer_list: CustomerList) -> None:
    person = silent(customer_list)
    card: Any = LoyaltyCardFactory(customer=person)
    age(card, 40)
    rule = Rule(person.account_id, customer_list.pk, 36)
    cutoff = inactive.cutoff_of(36)
    found = inactive.silent_in(rule, cutoff, inactive.next_window(rule, 0))
    assert found == [person.pk]

    post(card, "1")

    assert list(inactive.anonymise(rule, cutoff, found)) == [0]
    assert left(customer_list) == {person.pk}


@pytest.mark.django_db(transaction=True)
def test_points_wait_until_it_is_decided(
    customer_list: CustomerList, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = silent(customer_list)
    card: Any = LoyaltyCardFactory(customer=person)
    age(card, 40)
    rule = Rule(person.account_id, customer_list.pk, 36)
    cutoff = inactive.cutoff_of(36)
    whole = inactive.anonymise_customers
    posted = threading.Event()

    def earn() -> None:
        post(card, "1")
        posted.set()
        connection.close()

    thread = threading.Thread(target=earn)

    def decided(customers: Any) -> int:
        thread.start()
        assert not posted.wait(0.5)
        return whole(customers)

    monkeypatch.setattr(inactive, "anonymise_customers", decided)
    assert list(inactive.anonymise(rule, cutoff, [person.pk])) == [1]
    thread.join(10)
    assert posted.is_set()
