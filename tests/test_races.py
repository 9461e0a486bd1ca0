"""Two writers at once, with real connections: what the database guarantees holds.

Every loser of a race gets a 422 that names the field, and gets it at once: where
``no_deadlock`` watches, nobody waited a second for PostgreSQL's deadlock timer.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from itertools import accumulate, cycle, islice
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.http import HttpResponse

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList, CustomerPrivateRef
from customers.services import create_list, delete_list
from hubcustomers.api.errors import sqlstate
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard, LoyaltyOperation

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # One after another: together they would take more connections than a server has.
    pytest.mark.xdist_group("many connections"),
]

TAKEN = "has already been taken"
Call = Callable[[], HttpResponse]
deadlocks: list[str] = []


def note_deadlock(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        if sqlstate(error) == "40P01":
            deadlocks.append(sql)
        raise


def together(*calls: Call) -> list[HttpResponse]:
    """Make all calls at the same moment, each on a connection of its own.

    On a busy machine the last of them waits longer than a till would, and that is no fault.
    """
    barrier = Barrier(len(calls))

    def run(call: Call) -> HttpResponse:
        try:
            take_connection()
            barrier.wait(60)
            with patience(), connection.execute_wrapper(note_deadlock):
                return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def take_connection() -> None:
    """Open this thread's connection, however long the pool takes to grow."""
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
        else:
            return


@contextmanager
def patience() -> Iterator[None]:
    """Let this thread's statements wait for locks as long as they have to."""
    set_patience("SET lock_timeout = '60s'", "SET statement_timeout = '60s'")
    try:
        yield
    finally:
        set_patience("RESET lock_timeout", "RESET statement_timeout")


def set_patience(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def statuses(answers: list[HttpResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def check_one_winner(answers: list[HttpResponse], field: str) -> None:
    losers = [answer for answer in answers if answer.status_code != 200]
    assert len(losers) == len(answers) - 1
    check_losers(losers, field)


def check_losers(losers: list[HttpResponse], field: str) -> None:
    assert {answer.status_code for answer in losers} <= {422}
    for answer in losers:
        assert answer.json()["errors"] == [{"field": field, "message": TAKEN}]


def below(customer_list: CustomerList, path: str) -> str:
    return f"/customer_lists/{customer_list.public_id}/{path}"


def customer_url(customer: Customer) -> str:
    return below(customer.customer_list, f"customers/{customer.public_id}")


def operations_url(card: LoyaltyCard) -> str:
    return below(card.customer_list, f"loyalty_cards/{card.public_id}/operations")


def many_customers(customer_list: CustomerList, number: int) -> list[Customer]:
    return CustomerFactory.create_batch(number, customer_list=customer_list)


@pytest.fixture
def no_deadlock() -> Iterator[None]:
    """Fail the test when PostgreSQL had to end a deadlock."""
    deadlocks.clear()
    yield
    assert deadlocks == []


# --- names of lists (spec 1) --------------------------------------------------------


def list_names(bistro: Connection) -> list[tuple[str, int | None]]:
    rows = CustomerList.objects.for_account(bistro.account)
    return sorted(rows.values_list("name", "location_id"), key=str)


def check_list_names(bistro: Connection) -> None:
    names = list_names(bistro)
    assert len(set(names)) == len(names)
    for name, location in names:
        if location is None:
            assert [other for other, _ in names].count(name) == 1


@pytest.mark.parametrize("turn", range(6))
def test_one_list_name_at_both_levels_is_given_lawfully(
    bistro: Connection, api: HubClient, account_api: HubClient, turn: int, no_deadlock: None
) -> None:
    other = ConnectionFactory(
        account=bistro.account, location=LocationFactory(account=bistro.account)
    )
    other_api = HubClient(other)
    calls = [
        lambda: api.post("/location/customer_lists", name="VIP"),
        lambda: account_api.post("/account/customer_lists", name="VIP"),
        lambda: other_api.post("/location/customer_lists", name="VIP"),
    ]

    answers = together(*islice(cycle(calls), turn, turn + 12))

    made = list_names(bistro)
    winners = [answer for answer in answers if answer.status_code == 200]
    assert made in (
        [("VIP", None)],
        sorted([("VIP", bistro.location_id), ("VIP", other.location_id)], key=str),
    )
    assert len(winners) == len(made)
    check_losers([answer for answer in answers if answer not in winners], "name")


def test_lists_renamed_to_one_name_do_not_share_it(
    bistro: Connection, account_api: HubClient, no_deadlock: None
) -> None:
    location = bistro.location
    lists = [
        CustomerListFactory(account=bistro.account, location=location if number % 2 else None)
        for number in range(8)
    ]

    answers = together(
        *(
            lambda renamed=renamed: account_api.put(
                f"/customer_lists/{renamed.public_id}", name="VIP"
            )
            for renamed in lists
        )
    )

    check_one_winner(answers, "name")
    check_list_names(bistro)


def test_lists_that_swap_names_end_lawfully(
    bistro: Connection, account_api: HubClient, no_deadlock: None
) -> None:
    one, two = (CustomerListFactory(account=bistro.account, name=name) for name in "AB")

    answers = together(
        lambda: account_api.put(f"/customer_lists/{one.public_id}", name="B"),
        lambda: account_api.put(f"/customer_lists/{two.public_id}", name="A"),
    )

    check_losers(answers, "name")
    assert list_names(bistro) == [("A", None), ("B", None)]


def test_rivals_for_a_name_queue_on_the_account(bistro: Connection, api: HubClient) -> None:
    # Not in the index, where two of them could wait for each other.
    created = Event()
    waiters = []

    def create() -> HttpResponse:
        with transaction.atomic():
            create_list(bistro.account, name="VIP")
            created.set()
            waiters.append(wait_for_a_waiter())
        return HttpResponse()

    def lose() -> HttpResponse:
        created.wait(10)
        return api.post("/location/customer_lists", name="VIP")

    _, answer = together(create, lose)

    check_losers([answer], "name")
    assert "FROM accounts_account" in waiters[0]


# --- private refs (spec 2.3) --------------------------------------------------------


def test_one_private_ref_is_given_once(
    api: HubClient, customer_list: CustomerList, no_deadlock: None
) -> None:
    def create() -> HttpResponse:
        return api.post(below(customer_list, "customers"), private_ref="2213312")

    answers = together(*[create] * 12)

    check_one_winner(answers, "private_ref")
    # A loser leaves no customer without its ref behind.
    assert Customer.objects.for_account(customer_list.account).count() == 1


def test_one_private_ref_is_set_on_one_customer(
    api: HubClient, customer_list: CustomerList, no_deadlock: None
) -> None:
    urls = [customer_url(customer) for customer in many_customers(customer_list, 8)]

    answers = together(
        *(lambda url=url: api.patch(url, private_ref="7", first_name="Won") for url in urls)
    )

    check_one_winner(answers, "private_ref")
    rows = Customer.objects.for_account(customer_list.account)
    assert rows.filter(first_name="Won").count() == 1


def test_two_clients_may_give_the_same_ref_at_once(
    bistro: Connection,
    api: HubClient,
    account_api: HubClient,
    customer: Customer,
    no_deadlock: None,
) -> None:
    answers = together(
        *(
            lambda client=client: client.patch(customer_url(customer), private_ref="7")
            for client in [api, account_api] * 4
        )
    )

    assert statuses(answers) == [200] * 8
    assert CustomerPrivateRef.objects.for_account(bistro.account).count() == 2


def test_rival_refs_for_one_customer_leave_one(
    bistro: Connection, api: HubClient, customer: Customer, no_deadlock: None
) -> None:
    answers = together(
        *(
            lambda number=number: api.patch(customer_url(customer), private_ref=f"ref {number}")
            for number in range(8)
        )
    )

    assert statuses(answers) == [200] * 8
    [kept] = CustomerPrivateRef.objects.for_account(bistro.account)
    assert kept.ref in {f"ref {number}" for number in range(8)}


# --- cards (spec 3) -----------------------------------------------------------------


def test_one_customer_gets_one_card_of_a_name(
    api: HubClient, customer: Customer, no_deadlock: None
) -> None:
    url = below(customer.customer_list, "loyalty_cards")

    answers = together(
        *(
            lambda number=number: api.post(
                url, customer_id=customer.public_id, name="", ref=f"av-{number}"
            )
            for number in range(12)
        )
    )

    check_one_winner(answers, "name")
    assert LoyaltyCard.objects.for_account(customer.account).count() == 1


def test_one_ref_is_on_one_card_of_a_name(
    api: HubClient, customer_list: CustomerList, no_deadlock: None
) -> None:
    url = below(customer_list, "loyalty_cards")
    customers = many_customers(customer_list, 8)

    answers = together(
        *(
            lambda owner=owner: api.post(url, customer_id=owner.public_id, name="", ref="av-33489")
            for owner in customers
        )
    )

    check_one_winner(answers, "ref")
    assert LoyaltyCard.objects.for_account(customer_list.account).count() == 1


def test_one_ref_is_put_on_one_card_of_a_name(
    api: HubClient, customer_list: CustomerList, no_deadlock: None
) -> None:
    cards = [LoyaltyCardFactory(customer=customer) for customer in many_customers(customer_list, 8)]

    answers = together(
        *(
            lambda card=card: api.put(
                below(customer_list, f"loyalty_cards/{card.public_id}"), ref="av-20103"
            )
            for card in cards
        )
    )

    check_one_winner(answers, "ref")


def test_cards_that_swap_refs_end_lawfully(api: HubClient, customer_list: CustomerList) -> None:
    # They may meet in a deadlock; PostgreSQL ends it and the hub tries again.
    one, two = (
        LoyaltyCardFactory(customer=customer, ref=ref)
        for customer, ref in zip(many_customers(customer_list, 2), "AB", strict=True)
    )

    answers = together(
        lambda: api.put(below(customer_list, f"loyalty_cards/{one.public_id}"), ref="B"),
        lambda: api.put(below(customer_list, f"loyalty_cards/{two.public_id}"), ref="A"),
    )

    check_losers([answer for answer in answers if answer.status_code != 200], "ref")
    cards = LoyaltyCard.objects.for_account(customer_list.account).order_by("ref")
    assert [card.ref for card in cards] == ["A", "B"]


# --- customers (spec 2.4 and 2.5) ---------------------------------------------------


@pytest.mark.parametrize("turn", range(4))
def test_nothing_private_returns_when_a_patch_meets_anonymise(
    api: HubClient, customer: Customer, turn: int, no_deadlock: None
) -> None:
    url = customer_url(customer)
    patches: list[Call] = [
        lambda: api.patch(url, email="jimmy@dummy-mail.org", phone="+44123456789", city="London"),
        lambda: api.patch(url, last_name="Watson", birth_date="1999-01-01", state="Kent"),
        lambda: api.patch(url, delivery_notes="Ring twice", latitude="45.7", gender="male"),
        lambda: api.patch(url, phone_access_code="12", company_name="HubRise"),
    ]
    patches.insert(turn, lambda: api.post(f"{url}/anonymise"))

    answers = together(*patches)

    assert statuses(answers) == [200] * 5
    customer.refresh_from_db()
    assert customer.anonymised
    assert [name for name in ANONYMISED_FIELDS if getattr(customer, name) is not None] == []
    # What is not private was applied, whoever came first.
    assert (customer.city, customer.state) == ("London", "Kent")


def test_merging_custom_fields_at_once_loses_no_key(
    api: HubClient, customer: Customer, no_deadlock: None
) -> None:
    answers = together(
        *(
            lambda number=number: api.patch(
                customer_url(customer), custom_fields={f"key {number}": number}
            )
            for number in range(16)
        )
    )

    assert statuses(answers) == [200] * 16
    customer.refresh_from_db()
    assert customer.custom_fields == {f"key {number}": number for number in range(16)}


def test_fields_patched_at_once_are_all_kept(
    api: HubClient, customer: Customer, no_deadlock: None
) -> None:
    values = {"email": "c@d.org", "city": "Paris", "first_name": "Claude", "sms_marketing": True}

    answers = together(
        *(
            lambda name=name, value=value: api.patch(customer_url(customer), {name: value})
            for name, value in values.items()
        )
    )

    assert statuses(answers) == [200] * 4
    customer.refresh_from_db()
    assert {name: getattr(customer, name) for name in values} == values


# --- the ledger (spec 4) ------------------------------------------------------------


def check_chain(card: LoyaltyCard) -> list[tuple[str, str]]:
    """Check the card's operations against each other; return id and new balance of each."""
    rows = list(
        LoyaltyOperation.objects.for_account(card.account).filter(card=card).order_by("sequence")
    )
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert [row.new_balance for row in rows] == list(accumulate(row.delta for row in rows))
    card.refresh_from_db()
    assert card.balance == (rows[-1].new_balance if rows else 0)
    assert card.last_sequence == len(rows)
    return [(row.public_id, f"{row.new_balance.normalize():f}") for row in rows]


def post_several(api: HubClient, cards: list[LoyaltyCard], deltas: list[str]) -> list[HttpResponse]:
    """Let 64 writers post each delta to their next card."""
    answers: list[HttpResponse] = []

    def write(writer: int) -> HttpResponse:
        for number, delta in enumerate(deltas):
            card = cards[(writer + number * 7) % len(cards)]
            answer = api.post(operations_url(card), delta=delta, reason=f"till {writer}")
            answers.append(answer)
        return answer

    together(*(lambda writer=writer: write(writer) for writer in range(64)))
    return answers


@pytest.mark.parametrize("number_of_cards", [1, 16])
def test_64_writers_leave_exact_chains(
    api: HubClient, customer_list: CustomerList, number_of_cards: int, no_deadlock: None
) -> None:
    cards = [
        LoyaltyCardFactory(customer=customer)
        for customer in many_customers(customer_list, number_of_cards)
    ]
    deltas = ["4.2", "-0.000001", "-2.25", "0", "13.5"]

    answers = post_several(api, cards, deltas)

    assert statuses(answers) == [200] * 64 * len(deltas)
    kept = [operation for card in cards for operation in check_chain(card)]
    told = [(a.json()["id"], f"{Decimal(a.json()['new_balance']).normalize():f}") for a in answers]
    assert sorted(told) == sorted(kept)
    assert sum(card.balance for card in cards) == 64 * sum(map(Decimal, deltas))


# --- everything against the end of a list (spec 1.5) --------------------------------


def test_a_list_deleted_under_its_writers_goes_whole(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    card = LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list))
    cards = below(customer_list, "loyalty_cards")
    owner = card.customer.public_id

    gone, *answers = together(
        lambda: api.delete(f"/customer_lists/{customer_list.public_id}"),
        lambda: api.post(operations_url(card), delta="1"),
        lambda: api.post(operations_url(card), delta="2"),
        lambda: api.post(cards, customer_id=owner, name="kiosk", ref="31"),
        lambda: api.post(below(customer_list, "customers"), private_ref="1"),
        lambda: api.patch(customer_url(card.customer), private_ref="2"),
        lambda: api.post(f"{customer_url(card.customer)}/anonymise"),
    )

    assert gone.status_code == 200
    # Before the list went, or after it.
    assert set(statuses(answers)) <= {200, 404, 422}
    for model in (Customer, CustomerPrivateRef, LoyaltyCard, LoyaltyOperation):
        assert not model.objects.for_account(bistro.account).exists()


def test_a_list_that_goes_while_a_customer_waits_for_it_is_not_found(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    deleted = Event()

    def delete() -> HttpResponse:
        with transaction.atomic():
            delete_list(customer_list)
            deleted.set()
            wait_for_a_waiter()
        return HttpResponse()

    def create() -> HttpResponse:
        deleted.wait(10)
        return api.post(below(customer_list, "customers"), first_name="Late")

    _, answer = together(delete, create)

    assert answer.status_code == 404
    assert answer.json()["error_type"] == "not_found"


@pytest.mark.usefixtures("no_deadlock")
@pytest.mark.parametrize("what", ["card", "private ref"])
def test_what_refers_to_a_list_and_its_deletion_do_not_block_each_other(
    what: str, bistro: Connection, api: HubClient, customer: Customer
) -> None:
    writing = Event()

    def delete() -> HttpResponse:
        writing.wait(10)
        delete_list(customer.customer_list)
        return HttpResponse()

    def write() -> HttpResponse:
        with connection.execute_wrapper(let_a_rival_wait):
            if what == "private ref":
                customers = below(customer.customer_list, "customers")
                return api.patch(f"{customers}/{customer.public_id}", private_ref="till-1")
            cards = below(customer.customer_list, "loyalty_cards")
            return api.post(cards, customer_id=customer.public_id, name="")

    def let_a_rival_wait(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT INTO") and not writing.is_set():
            # The customer is locked: now somebody deletes the list, and has to wait.
            writing.set()
            wait_for_a_waiter()
        return execute(sql, params, many, context)

    _, answer = together(delete, write)

    assert writing.is_set()
    assert answer.status_code == 200
    assert not CustomerList.objects.for_account(bistro.account).exists()


def wait_for_a_waiter() -> str:
    """Return the statement of somebody who waits for this transaction."""
    with connection.cursor() as cursor:
        for _ in range(500):
            # The view stands still within a transaction unless it is told not to.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT query FROM pg_stat_activity"
                " WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if waiter := cursor.fetchone():
                return str(waiter[0])
            time.sleep(0.01)
    raise AssertionError("nobody waits")
