"""Merging two customers: what the API answers for both afterwards."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ConsentChange, Customer, CustomerList
from customers.services import anonymise_customer, lock_customer
from customers.subject import held_on
from desk.merging.factories import merge
from desk.merging.models import Merge
from desk.merging.tests.conftest import Twice, below, listen, read, told
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import settle
from loyalty.models import LoyaltyCard, LoyaltyOperation
from orders.statistics import find_differences

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def judged(db: None):
    yield
    # The deferred guards of links, balances and chains have the last word in every test.
    settle()


def test_the_survivor_has_everything_of_both(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)

    shown = read(api, below(customer_list, f"customers/{twice.anna.public_id}"))
    expected = {
        "first_name": "Anna",
        "email": "anna@example.com",
        "phone": "+33612345678",
        "address_1": "1 rue Neuve",
        "postal_code": "75001",
        # Never widened: each said yes to what the other one did not.
        "sms_marketing": False,
        "email_marketing": False,
        "nb_orders": 3,
        "order_total": "19.50 EUR",
        "custom_fields": {"table": "4", "allergies": "nuts", "vip": True},
    }
    assert {name: shown[name] for name in expected} == expected
    assert [(one["name"], one["balance"]) for one in shown["loyalty_cards"]] == [
        ("", "42.75"),
        ("kiosk", "7.0"),
    ]
    assert shown["loyalty_cards"][0]["id"] == twice.card.public_id
    assert find_differences(customer_list.account_id) == []


def test_points_move_by_a_pair_of_operations_that_name_each_other(twice: Twice) -> None:
    merge(twice.anna, twice.annie)

    last = [
        LoyaltyOperation.objects.for_account(card.account_id).filter(card=card).latest("sequence")
        for card in (twice.other_card, twice.card)
    ]
    assert [(row.delta, row.new_balance) for row in last] == [
        (Decimal("-30.25"), Decimal(0)),
        (Decimal("30.25"), Decimal("42.75")),
    ]
    assert [row.reason for row in last] == [
        f"Merged into card {twice.card.public_id}",
        f"Merged from card {twice.other_card.public_id}",
    ]


def test_the_old_id_goes_on_answering_with_the_survivor(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)
    old = below(customer_list, f"customers/{twice.annie.public_id}")

    assert read(api, old)["id"] == twice.anna.public_id
    changed = api.patch(old, city="Lyon")
    assert (changed.json()["id"], changed.json()["city"]) == (twice.anna.public_id, "Lyon")
    twice.anna.refresh_from_db()
    assert twice.anna.city == "Lyon"
    ids = [one["id"] for one in read(api, below(customer_list, "customers"))]
    assert ids == [twice.anna.public_id]
    assert api.get(old, phone="+336*").status_code == 200
    found = read(api, below(customer_list, "customers"), phone="+33612345678")
    assert [one["id"] for one in found] == [twice.anna.public_id]


def test_a_rival_learns_nothing_of_an_old_id(
    rival_api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)

    for path in (
        f"customers/{twice.annie.public_id}",
        f"loyalty_cards/{twice.other_card.public_id}",
    ):
        assert rival_api.get(below(customer_list, path)).status_code == 404
    assert rival_api.get("/location/orders", customer_id=twice.annie.public_id).json() == []


def test_cards_and_orders_given_for_the_old_id_come_to_the_survivor(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)
    old = twice.annie.public_id

    made = api.post(
        below(customer_list, "loyalty_cards"), customer_id=old, name="summer", ref="s-1"
    )
    placed = api.post(
        "/location/orders",
        status="new",
        customer_id=old,
        items=[{"product_name": "Tea", "price": "2.00 EUR", "quantity": "1"}],
        loyalty_operations=[{"delta": "1"}],
    )

    assert made.json()["customer_id"] == twice.anna.public_id
    assert placed.json()["customer"]["id"] == twice.anna.public_id
    assert placed.json()["loyalty_operations"][0]["new_balance"] == "43.75"
    cards = read(api, below(customer_list, "loyalty_cards"), customer_id=old)
    assert [one["name"] for one in cards] == ["", "kiosk", "summer"]
    orders = read(api, "/location/orders", customer_id=old)
    assert len(orders) == 4
    assert {one["customer"]["id"] for one in orders} == {twice.anna.public_id}
    assert read(api, below(customer_list, f"customers/{old}"))["nb_orders"] == 4
    refused = api.post(below(customer_list, "loyalty_cards"), customer_id=old, name="", ref=None)
    assert refused.json()["errors"] == [{"field": "name", "message": "has already been taken"}]


def test_an_emptied_card_goes_on_as_the_one_that_has_its_points(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)
    old = below(customer_list, f"loyalty_cards/{twice.other_card.public_id}")

    assert read(api, old)["id"] == twice.card.public_id
    posted = api.post(f"{old}/operations", delta="2", reason="till")
    assert posted.json()["new_balance"] == "44.75"
    listed = read(api, f"{old}/operations")
    assert [one["new_balance"] for one in listed] == ["44.75", "42.75", "12.5"]
    assert read(api, f"{old}/operations/{listed[0]['id']}")["delta"] == "2.0"
    own = LoyaltyOperation.objects.for_account(customer_list.account_id).filter(
        card=twice.other_card
    )
    shown = read(api, f"{old}/operations/{own.first().public_id}")
    assert shown["delta"] == "30.25"
    everything = read(api, below(customer_list, "loyalty_cards"))
    assert [one["id"] for one in everything] == [
        twice.card.public_id,
        twice.kiosk_card.public_id,
    ]
    for params in ({"ref": "av-2"}, {"ref": "av-2", "name": ""}):
        found = read(api, below(customer_list, "loyalty_cards"), **params)
        assert [one["id"] for one in found] == [twice.card.public_id]
    assert read(api, below(customer_list, "loyalty_cards"), ref="av-2", name="x") == []
    renamed = api.put(old, name="gold")
    assert (renamed.json()["id"], renamed.json()["name"]) == (twice.card.public_id, "gold")


def test_a_ref_fills_the_place_of_none(customer_list: CustomerList, twice: Twice) -> None:
    LoyaltyCard.objects.for_account(customer_list.account).filter(pk=twice.card.pk).update(ref=None)

    merge(twice.anna, twice.annie)

    twice.card.refresh_from_db()
    assert twice.card.ref == "av-2"


def test_private_refs_of_both_find_the_survivor(
    bistro: Connection, api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    kiosk = HubClient(ConnectionFactory(account=bistro.account, location=bistro.location))
    paths = [
        below(customer_list, f"customers/{one.public_id}") for one in (twice.anna, twice.annie)
    ]
    for path, ref in zip(paths, ("A", "B"), strict=True):
        assert api.patch(path, private_ref=ref).status_code == 200
    assert kiosk.patch(paths[1], private_ref="77").status_code == 200

    merge(twice.anna, twice.annie)

    index = below(customer_list, "customers")
    for client, ref, shown in ((api, "A", "A"), (api, "B", "A"), (kiosk, "77", "77")):
        found = read(client, index, private_ref=ref)
        assert [(one["id"], one["private_ref"]) for one in found] == [(twice.anna.public_id, shown)]
    assert read(api, index, private_ref="B", email="nobody*") == []
    assert read(kiosk, index, private_ref="B") == []
    taken = api.post(index, private_ref="B")
    assert taken.json()["errors"] == [{"field": "private_ref", "message": "has already been taken"}]
    order = api.post(
        "/location/orders",
        status="new",
        customer_list_id=customer_list.public_id,
        customer_private_ref="B",
    )
    assert order.json()["customer"]["id"] == twice.anna.public_id
    # A client that keeps the other ref of the two may have that one shown.
    assert api.patch(paths[0], private_ref="B").json()["private_ref"] == "B"
    assert read(api, index, private_ref="A")[0]["private_ref"] == "B"
    assert api.patch(paths[0], private_ref=None).json()["private_ref"] is None


def test_who_was_merged_goes_along_with_the_one_who_is_merged_later(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    third = CustomerFactory(customer_list=customer_list)
    merge(twice.anna, twice.annie)
    merge(third, twice.anna)

    for one in (twice.anna, twice.annie, third):
        shown = read(api, below(customer_list, f"customers/{one.public_id}"))
        assert shown["id"] == third.public_id
    card = read(api, below(customer_list, f"loyalty_cards/{twice.other_card.public_id}"))
    assert (card["id"], card["customer_id"]) == (twice.card.public_id, third.public_id)


def test_each_value_is_the_one_that_was_chosen(twice: Twice) -> None:
    merge(
        twice.anna,
        twice.annie,
        first_name="other",
        email="other",
        address_1="kept",
        custom_fields="other",
        email_marketing="other",
    )

    twice.anna.refresh_from_db()
    assert (twice.anna.first_name, twice.anna.email, twice.anna.address_1) == ("Annie", None, None)
    assert twice.anna.custom_fields == {"table": "9", "vip": True}
    assert (twice.anna.sms_marketing, twice.anna.email_marketing) == (False, True)
    changes = ConsentChange.objects.for_account(twice.anna.account).filter(customer=twice.anna)
    assert list(
        changes.order_by("pk").values_list("flag", "new_value", "source", "source_name")
    ) == [
        ("sms_marketing", True, "", ""),
        ("sms_marketing", False, "staff", "boss"),
        ("email_marketing", True, "staff", "boss"),
    ]


def test_listeners_hear_of_the_survivor_and_of_the_orders(
    bistro: Connection, customer_list: CustomerList, twice: Twice
) -> None:
    crm = listen(ConnectionFactory(account=bistro.account, account_level=True))
    issue_token(crm)

    merge(twice.anna, twice.annie)

    events = told(crm)
    assert sorted(event.resource_type for event in events) == ["customer", "order", "order"]
    [customer] = [event for event in events if event.resource_type == "customer"]
    assert customer.resource_id == twice.anna.pk
    balances = [
        [card["balance"] for card in state["loyalty_cards"]]
        for state in (customer.previous_state, customer.new_state)
    ]
    assert balances == [["12.5"], ["42.75", "7.0"]]
    assert customer.new_state["nb_orders"] == 3
    for event in events:
        if event.resource_type == "order":
            assert event.previous_state["customer"]["id"] == twice.annie.public_id
            assert event.new_state["customer"]["id"] == twice.anna.public_id
            assert event.new_state["customer"]["first_name"] == "Annie"


def test_the_audit_trail_names_both_and_no_value(twice: Twice) -> None:
    merge(twice.anna, twice.annie)

    entries = AuditEntry.objects.filter(action="merged").order_by("pk")
    assert [entry.resource_id for entry in entries] == [twice.anna.pk, twice.annie.pk]
    assert "phone" in entries[0].changed_fields
    assert {entry.user_name for entry in entries} == {"boss"}


def test_it_refuses_what_is_no_pair(customer_list: CustomerList, twice: Twice) -> None:
    elsewhere = CustomerFactory(
        customer_list=CustomerListFactory(account=customer_list.account, name="Web")
    )
    erased = CustomerFactory(customer_list=customer_list)
    anonymise_customer(lock_customer(erased.account_id, customer_list.pk, erased.pk))
    merge(twice.anna, twice.annie)
    third = CustomerFactory(customer_list=customer_list)

    for survivor, merged, sentence in (
        (twice.anna, twice.anna, "not two"),
        (twice.anna, elsewhere, "of one list"),
        (twice.anna, erased, "anonymised"),
        (third, twice.annie, "merged already"),
        (twice.annie, third, "merged already"),
    ):
        with pytest.raises(ValidationError, match=sentence):
            merge(survivor, merged)
    assert Merge.objects.count() == 1
    assert Customer.objects.for_account(customer_list.account).count() == 4 - 1 + 1


def test_subject_access_tells_what_is_held_on_both(twice: Twice) -> None:
    merge(twice.anna, twice.annie, phone="kept")

    held = {section.name: records for section, records in held_on(twice.anna)}

    assert [row["first_name"] for row in held["customer"]] == ["Anna", "Annie"]
    assert [row["phone"] for row in held["customer"]] == [None, "+33612345678"]
    assert {row["ref"] for row in held["loyalty_cards"]} == {"av-1", "av-2", "k-1"}
    assert len(held["operations"]) == 5
    assert held["merges"][0]["merged_id"] == twice.annie.public_id


def test_a_list_takes_its_merges_along(
    account_api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)
    settle()

    assert account_api.delete(f"/customer_lists/{customer_list.public_id}").status_code == 200

    settle()
    assert not Merge.objects.exists()
    assert not Customer.with_merged.exists()
    assert not LoyaltyCard.with_joined.exists()
