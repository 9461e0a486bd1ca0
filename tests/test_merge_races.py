"""Merges that meet other writers, with real connections: nothing is lost, nothing is doubled."""

from collections.abc import Callable
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Sum

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from desk.merging import services
from desk.merging.factories import boss
from desk.merging.models import Merge
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard, LoyaltyOperation
from loyalty.proof import Scope, prove
from orders.models import Order
from orders.statistics import find_differences
from tests.test_races import below, customer_url, deadlocks, operations_url, together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("many connections"),
]


@pytest.fixture
def people(customer_list: CustomerList) -> list[Customer]:
    return [
        CustomerFactory(
            customer_list=customer_list, email=f"p{n}@dummy-mail.org", phone=f"+3361{n}"
        )
        for n in range(3)
    ]


@pytest.fixture
def user(db: None) -> User:
    return boss()


@pytest.fixture(autouse=True)
def no_deadlock():
    deadlocks.clear()
    yield
    assert deadlocks == []


def merge(survivor: Customer, merged: Customer, user: User) -> Callable[[], Any]:
    """Return a call that merges, and returns why not where it is refused."""

    def call() -> Any:
        try:
            return services.merge(survivor, merged, choices={}, user=user)
        except ValidationError as error:
            return error

    return call


def undo(kept: Merge, user: User) -> Callable[[], Any]:
    def call() -> Any:
        return services.undo(kept, user=user)

    return call


def ok(answers: list[Any]) -> list[int]:
    return [answer.status_code for answer in answers if hasattr(answer, "status_code")]


def check_books(account_id: int) -> None:
    assert find_differences(account_id) == []
    assert [fault for _proof, faults in prove(Scope()) for fault in faults] == []


@pytest.mark.parametrize("turn", range(3))
def test_two_merges_of_the_same_people_leave_one_standing(
    people: list[Customer], user: User, turn: int
) -> None:
    one, other, third = people
    calls = [merge(one, other, user), merge(other, one, user), merge(other, third, user)]

    answers = together(*islice(cycle(calls), turn, turn + 6))

    won = [answer for answer in answers if isinstance(answer, Merge)]
    rows = {row.pk: row for row in Customer.with_merged.for_account(one.account)}
    standing = [row for row in rows.values() if row.merged_into_id is None]
    assert len(won) == Merge.objects.count() == 3 - len(standing)
    assert len(standing) in (1, 2)
    for row in rows.values():
        if row.merged_into_id is not None:
            assert rows[row.merged_into_id] in standing


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("whom", [0, 1])
def test_nothing_private_is_left_when_a_merge_meets_anonymise(
    api: HubClient, people: list[Customer], user: User, turn: int, whom: int
) -> None:
    survivor, merged, _third = people
    calls = [
        merge(survivor, merged, user),
        lambda: api.post(f"{customer_url(people[whom])}/anonymise"),
    ]

    answers = together(*islice(cycle(calls), turn, turn + 2))

    assert ok(answers) == [200]
    rows = {row.pk: row for row in Customer.with_merged.for_account(survivor.account)}
    both = (survivor, merged)
    is_merged = rows[merged.pk].merged_into_id is not None
    erased = both if is_merged else (people[whom],)
    for one in erased:
        assert [getattr(rows[one.pk], name) for name in ANONYMISED_FIELDS] == [None] * 14
    assert not Merge.objects.exclude(changes={}).exists()


@pytest.mark.parametrize("take_back", [False, True])
def test_no_point_is_lost_when_a_merge_meets_operations(
    api: HubClient, people: list[Customer], user: User, take_back: bool
) -> None:
    survivor, merged, _third = people
    cards = [LoyaltyCardFactory(customer=one) for one in (survivor, merged)]
    kept = services.merge(survivor, merged, choices={}, user=user) if take_back else None
    posts = [
        lambda card=card: api.post(operations_url(card), delta="1.25")
        for card in cards
        for _ in range(8)
    ]
    writer = merge(survivor, merged, user) if kept is None else undo(kept, user)

    answers = together(*posts[:4], writer, *posts[4:])

    assert ok(answers) == [200] * 16
    rows = LoyaltyCard.with_joined.for_account(survivor.account)
    assert rows.aggregate(Sum("balance"))["balance__sum"] == Decimal(20)
    moved = LoyaltyOperation.objects.for_account(survivor.account).count()
    assert moved in (16, 18, 20)
    check_books(survivor.account_id)


@pytest.mark.parametrize("take_back", [False, True])
def test_statistics_are_exact_when_a_merge_meets_orders(
    bistro: Connection, api: HubClient, people: list[Customer], user: User, take_back: bool
) -> None:
    survivor, merged, _third = people
    item = {"product_name": "Tea", "price": "2.00 EUR", "quantity": "1"}

    def place(customer: Customer) -> Any:
        return api.post(
            "/location/orders",
            status="new",
            customer_id=customer.public_id,
            items=[item],
            loyalty_operations=[{"delta": "1"}],
        )

    placed = [place(one).json()["id"] for one in (survivor, merged, merged)]
    kept = services.merge(survivor, merged, choices={}, user=user) if take_back else None
    calls = [lambda one=one: place(one) for one in (survivor, merged) for _ in range(4)]
    calls += [
        lambda number=number: api.patch(f"/location/orders/{number}", status="cancelled")
        for number in placed
    ]
    writer = merge(survivor, merged, user) if kept is None else undo(kept, user)

    answers = together(*calls[:4], writer, *calls[4:])

    assert ok(answers) == [200] * 11
    account_id = survivor.account_id
    check_books(account_id)
    totals = Customer.with_merged.for_account(account_id).aggregate(Sum("nb_orders"))
    assert totals["nb_orders__sum"] == 8
    if not take_back:
        assert set(Order.objects.values_list("customer_id", flat=True)) == {survivor.pk}
    cards = LoyaltyCard.with_joined.for_account(account_id)
    assert cards.aggregate(Sum("balance"))["balance__sum"] == 11


def test_nothing_is_given_to_a_merged_customer_meanwhile(
    api: HubClient, people: list[Customer], customer_list: CustomerList, user: User
) -> None:
    survivor, merged, _third = people
    url = below(customer_list, "loyalty_cards")
    makes = [
        lambda n=n: api.post(url, customer_id=merged.public_id, name=f"card {n}") for n in range(6)
    ]
    refs = [lambda n=n: api.patch(customer_url(merged), private_ref=f"r{n}") for n in range(2)]

    answers = together(*makes[:3], merge(survivor, merged, user), *makes[3:], *refs)

    assert ok(answers) == [200] * 8
    cards = LoyaltyCard.objects.for_account(survivor.account)
    assert cards.filter(customer=survivor).count() == 6
    shown = api.get(customer_url(merged)).json()
    assert shown["id"] == survivor.public_id
    assert shown["private_ref"] in ("r0", "r1")
