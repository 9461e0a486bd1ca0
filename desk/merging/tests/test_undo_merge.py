"""Undoing a merge: everything back where it was, and what came since stays."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from customers.services import anonymise_customer, lock_customer
from desk.merging.factories import merge, undo
from desk.merging.models import Merge
from desk.merging.tests.conftest import Twice, below, listen, read, told
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import settle
from loyalty import ledger
from loyalty.factories import post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from orders.factories import place_order
from orders.models import Order
from orders.statistics import find_differences

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def judged(db: None):
    yield
    settle()


def rows(account_id: int) -> dict[str, list[Any]]:
    """Return all that a merge may touch, but for counters of changes and the ledger's numbers."""
    queries = {
        "customers": "SELECT to_jsonb(row) - 'version' - 'updated_at' FROM customers_customer row",
        "cards": "SELECT to_jsonb(row) - 'last_sequence' FROM loyalty_loyaltycard row",
        "orders": "SELECT to_jsonb(row) - 'version' FROM orders_order row",
        "refs": "SELECT to_jsonb(row) - 'id' FROM customers_customerprivateref row",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(f"{query} WHERE account_id = %s ORDER BY 1", [account_id])
            found[name] = cursor.fetchall()
    return found


def give_refs(api: HubClient, customer_list: CustomerList, **customers: Customer) -> None:
    for ref, customer in customers.items():
        path = below(customer_list, f"customers/{customer.public_id}")
        assert api.patch(path, private_ref=ref).status_code == 200


def test_everything_is_back_as_it_was(
    api: HubClient, account_api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    give_refs(api, customer_list, A=twice.anna, B=twice.annie)
    give_refs(account_api, customer_list, crm=twice.annie)
    before = rows(customer_list.account_id)

    kept = merge(twice.anna, twice.annie)
    settle()
    assert rows(customer_list.account_id) != before
    undo(kept)

    settle()
    assert rows(customer_list.account_id) == before
    assert find_differences(customer_list.account_id) == []
    for one in (twice.anna, twice.annie):
        path = below(customer_list, f"customers/{one.public_id}")
        assert read(api, path)["id"] == one.public_id
    last = LoyaltyOperation.objects.for_account(customer_list.account_id).order_by("-pk")[:2]
    assert {row.delta for row in last} == {Decimal("30.25"), Decimal("-30.25")}
    kept.refresh_from_db()
    assert (kept.undone_by, kept.changes) == ("boss", {})
    assert AuditEntry.objects.filter(action="unmerged").count() == 2


def test_what_came_since_stays_with_the_survivor(
    bistro: Connection, api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    kept = merge(twice.anna, twice.annie)
    post(twice.card, "100")
    place_order(bistro, twice.annie, price="50.00")
    path = below(customer_list, f"customers/{twice.annie.public_id}")
    assert api.patch(path, phone="+33699999999", custom_fields={"vip": False}).status_code == 200

    undo(kept)

    anna = read(api, below(customer_list, f"customers/{twice.anna.public_id}"))
    annie = read(api, path)
    assert anna["phone"] == "+33699999999"
    assert anna["address_1"] is None
    assert anna["custom_fields"] == {"table": "4", "allergies": "nuts", "vip": False}
    assert (anna["nb_orders"], anna["order_total"]) == (2, "60.00 EUR")
    assert [card["balance"] for card in anna["loyalty_cards"]] == ["112.5"]
    assert (annie["phone"], annie["nb_orders"]) == ("+33612345678", 2)
    assert [card["balance"] for card in annie["loyalty_cards"]] == ["30.25", "7.0"]


def test_a_ref_that_was_exchanged_goes_back_too(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    give_refs(api, customer_list, A=twice.anna, B=twice.annie)
    before = rows(customer_list.account_id)["refs"]
    kept = merge(twice.anna, twice.annie)
    give_refs(api, customer_list, B=twice.anna)

    undo(kept)

    assert rows(customer_list.account_id)["refs"] == before


def test_a_ref_that_was_changed_since_stays(
    api: HubClient, customer_list: CustomerList, twice: Twice
) -> None:
    give_refs(api, customer_list, B=twice.annie)
    kept = merge(twice.anna, twice.annie)
    give_refs(api, customer_list, C=twice.anna)

    undo(kept)

    refs = CustomerPrivateRef.objects.for_account(customer_list.account_id)
    assert list(refs.values_list("customer_id", "ref")) == [(twice.anna.pk, "C")]


def test_points_that_staff_took_away_by_a_void_are_not_taken_twice(twice: Twice) -> None:
    kept = merge(twice.anna, twice.annie)
    settle()
    credit = LoyaltyOperation.objects.for_account(twice.card.account).latest("pk")
    place = ledger.CardPlace(twice.card.account_id, twice.card.customer_list_id, twice.card.pk)
    ledger.post_operation(place, delta=Decimal("-30.25"), voids=credit.pk)

    undo(kept)

    balances = LoyaltyCard.objects.for_account(twice.card.account).order_by("pk")
    assert list(balances.values_list("balance", flat=True)) == [
        Decimal("12.5"),
        Decimal("30.25"),
        Decimal(7),
    ]


def test_merges_are_undone_from_the_last_to_the_first(
    customer_list: CustomerList, twice: Twice
) -> None:
    third, fourth = (CustomerFactory(customer_list=customer_list) for _ in range(2))
    before = rows(customer_list.account_id)
    first = merge(twice.anna, twice.annie)
    second = merge(twice.anna, third)
    last = merge(fourth, twice.anna)

    for kept in (first, second):
        with pytest.raises(ValidationError, match="undo that first"):
            undo(kept)
    undo(last)
    with pytest.raises(ValidationError, match="undo that first"):
        undo(first)
    undo(second)
    undo(first)

    settle()
    assert rows(customer_list.account_id) == before
    with pytest.raises(ValidationError, match="undone already"):
        undo(first)


def test_it_is_too_late_after_thirty_days(twice: Twice) -> None:
    kept = merge(twice.anna, twice.annie)
    merges = Merge.objects.for_account(kept.account_id)
    merges.update(created_at=timezone.now() - timedelta(days=30, minutes=1))

    with pytest.raises(ValidationError, match="30 days"):
        undo(kept)

    merges.update(created_at=timezone.now() - timedelta(days=29, hours=23))
    undo(kept)


def test_nobody_parts_who_is_anonymised(twice: Twice) -> None:
    kept = merge(twice.anna, twice.annie)
    anna = twice.anna
    anonymise_customer(lock_customer(anna.account_id, anna.customer_list_id, anna.pk))

    with pytest.raises(ValidationError, match="anonymised"):
        undo(kept)


def test_listeners_hear_of_both_and_of_the_orders(
    bistro: Connection, customer_list: CustomerList, twice: Twice
) -> None:
    kept = merge(twice.anna, twice.annie)
    crm = listen(ConnectionFactory(account=bistro.account, account_level=True))
    issue_token(crm)

    undo(kept)

    events = {(event.resource_type, event.resource_id): event for event in told(crm)}
    orders = Order.objects.for_account(bistro.account).filter(customer=twice.annie)
    assert set(events) == {
        ("customer", twice.anna.pk),
        ("customer", twice.annie.pk),
        *(("order", order.pk) for order in orders),
    }
    state = events["customer", twice.annie.pk].new_state
    assert [card["balance"] for card in state["loyalty_cards"]] == ["30.25", "7.0"]
    order = events["order", orders[0].pk]
    assert order.previous_state["customer"]["id"] == twice.anna.public_id
    assert order.new_state["customer"]["id"] == twice.annie.public_id
