"""What the database itself keeps of cards and operations, past the ORM (design 4).

Some guards judge at the end of the transaction; ``commit`` makes them judge at once.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db import connection as database

from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import delete_list
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation

APPEND_ONLY = "never changed"


def commit() -> None:
    """Let deferred guards judge what was written so far."""
    with database.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def execute(sql: str, *values: object) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql, values)


def refused(write: Callable[[], Any], *, by: str) -> None:
    """Write, commit, and expect the guard of that name to refuse."""

    def write_and_commit() -> None:
        with transaction.atomic():
            write()
            commit()

    with pytest.raises(IntegrityError) as caught:
        write_and_commit()
    assert caught.value.__cause__.sqlstate[:2] == "23"
    assert caught.value.__cause__.diag.constraint_name == by


@pytest.fixture
def used(card: LoyaltyCard) -> LoyaltyCard:
    """A card with three operations, 1 + 2 + 3 points."""
    for delta in ("1", "2", "3"):
        post(card, delta)
    commit()
    return card


def insert(card: LoyaltyCard, **values: object) -> None:
    """Write an operation without the ledger; the next in order unless told otherwise."""
    row = {"sequence": 4, "delta": 1, "new_balance": 7, **values}
    execute(
        "INSERT INTO loyalty_loyaltyoperation"
        " (account_id, card_id, sequence, delta, new_balance)"
        " VALUES (%s, %s, %s, %s::numeric, %s::numeric)",
        *(card.account_id, card.pk, row["sequence"], str(row["delta"]), str(row["new_balance"])),
    )


def operations(card: LoyaltyCard):
    return LoyaltyOperation.objects.for_account(card.account_id).filter(card_id=card.pk)


def cards(card: LoyaltyCard):
    return LoyaltyCard.objects.for_account(card.account_id).filter(pk=card.pk)


# --- operations are never updated ---------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"delta": 9},
        {"new_balance": 9},
        {"sequence": 9},
        {"reason": "another"},
        {"created_at": "1999-01-01T00:00Z"},
        {"delta": 1},
    ],
)
def test_an_operation_cannot_be_updated(used: LoyaltyCard, change: dict) -> None:
    refused(lambda: operations(used).update(**change), by="loyalty_operation_append_only_trg")


def test_an_operation_cannot_be_saved_again(used: LoyaltyCard) -> None:
    operation = operations(used).first()
    operation.reason = "another"

    refused(operation.save, by="loyalty_operation_append_only_trg")


def test_an_operation_cannot_move_to_another_card(used: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer=used.customer, name="kiosk")

    refused(
        lambda: operations(used).update(card_id=other.pk),
        by="loyalty_operation_append_only_trg",
    )


def test_an_upsert_is_an_update_too(used: LoyaltyCard) -> None:
    sql = (
        "INSERT INTO loyalty_loyaltyoperation (account_id, card_id, sequence, delta, new_balance)"
        " VALUES (%s, %s, 1, 9, 9) ON CONFLICT (account_id, card_id, sequence)"
        " DO UPDATE SET delta = 9"
    )

    refused(lambda: execute(sql, used.account_id, used.pk), by="loyalty_operation_append_only_trg")


# --- nor deleted --------------------------------------------------------------------


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_an_operation_cannot_be_deleted(used: LoyaltyCard, sequence: int) -> None:
    rows = operations(used).filter(sequence=sequence)

    refused(rows.delete, by="loyalty_operation_append_only_trg")


def test_all_operations_cannot_be_deleted_with_the_balance_set_back(used: LoyaltyCard) -> None:
    def start_afresh() -> None:
        operations(used).delete()
        cards(used).update(balance=0, last_sequence=0)

    refused(start_afresh, by="loyalty_operation_append_only_trg")


def test_an_operation_cannot_be_replaced(used: LoyaltyCard) -> None:
    def replace() -> None:
        operations(used).filter(sequence=3).delete()
        insert(used, sequence=3, delta=9, new_balance=12)
        cards(used).update(balance=12)

    refused(replace, by="loyalty_operation_append_only_trg")


@pytest.mark.parametrize("table", ["loyalty_loyaltyoperation", "loyalty_loyaltycard CASCADE"])
def test_the_tables_cannot_be_truncated(used: LoyaltyCard, table: str) -> None:
    with pytest.raises(IntegrityError, match=APPEND_ONLY), transaction.atomic():
        execute(f"TRUNCATE {table}")

    assert operations(used).count() == 3


def test_truncating_the_lists_takes_no_operation_along(used: LoyaltyCard) -> None:
    with pytest.raises(IntegrityError, match=APPEND_ONLY), transaction.atomic():
        execute("TRUNCATE customers_customerlist CASCADE")


@pytest.mark.parametrize("with_operations", [True, False])
def test_a_card_cannot_be_deleted(card: LoyaltyCard, with_operations: bool) -> None:
    if with_operations:
        post(card, "1")
    commit()

    refused(cards(card).delete, by="loyalty_card_keep_trg")


def test_a_customer_with_a_card_cannot_be_deleted(used: LoyaltyCard) -> None:
    rows = Customer.objects.for_account(used.account).filter(pk=used.customer_id)

    refused(lambda: rows._raw_delete(rows.db), by="loyalty_card_keep_trg")


def test_a_list_takes_its_cards_and_operations_with_it(used: LoyaltyCard) -> None:
    rows = CustomerList.objects.for_account(used.account).filter(pk=used.customer_list_id)

    rows._raw_delete(rows.db)
    commit()

    assert not operations(used).exists()
    assert not cards(used).exists()


# --- each operation continues the one before ----------------------------------------


def forge(card: LoyaltyCard, *, balance: object, last_sequence: int, **operation: object) -> None:
    insert(card, **operation)
    cards(card).update(balance=balance, last_sequence=last_sequence)


def test_an_operation_that_continues_the_chain_is_taken(used: LoyaltyCard) -> None:
    forge(used, sequence=4, delta=1, new_balance=7, balance=7, last_sequence=4)
    commit()

    assert operations(used).count() == 4


@pytest.mark.parametrize(
    "forged",
    [
        # A balance that is not the one before plus delta.
        {"sequence": 4, "delta": 1, "new_balance": 8, "balance": 8, "last_sequence": 4},
        {"sequence": 4, "delta": 1, "new_balance": 6, "balance": 6, "last_sequence": 4},
        {
            "sequence": 4,
            "delta": "0.000001",
            "new_balance": "6.000002",
            "balance": "6.000002",
            "last_sequence": 4,
        },
        # A gap.
        {"sequence": 5, "delta": 1, "new_balance": 7, "balance": 7, "last_sequence": 5},
        {"sequence": 99, "delta": 99, "new_balance": 99, "balance": 99, "last_sequence": 99},
        # Before the first.
        {"sequence": 0, "delta": 0, "new_balance": 0, "balance": 6, "last_sequence": 3},
        {"sequence": -1, "delta": 6, "new_balance": 6, "balance": 6, "last_sequence": 3},
        # NaN is no number; to PostgreSQL it is the largest.
        {"sequence": 4, "delta": 1, "new_balance": "NaN", "balance": 7, "last_sequence": 4},
    ],
)
def test_an_operation_that_breaks_the_chain_is_refused(
    used: LoyaltyCard, forged: dict[str, Any]
) -> None:
    refused(lambda: forge(used, **forged), by="loyalty_operation_chain_trg")


def test_an_operation_without_its_card_moving_is_refused(used: LoyaltyCard) -> None:
    refused(lambda: insert(used), by="loyalty_operation_chain_trg")


def test_a_sequence_is_given_once(used: LoyaltyCard) -> None:
    refused(
        lambda: insert(used, sequence=3, delta=3, new_balance=6),
        by="loyalty_operation_sequence_uniq",
    )


@pytest.mark.parametrize("new_balance", ["NaN", 6])
def test_a_delta_that_is_no_number_is_refused(used: LoyaltyCard, new_balance: object) -> None:
    refused(
        lambda: forge(
            used, delta="NaN", new_balance=new_balance, balance=new_balance, last_sequence=4
        ),
        by="loyalty_operation_delta_chk",
    )


@pytest.mark.parametrize("delta", ["Infinity", "-Infinity", "100000000000000", "1e20"])
def test_a_delta_beyond_the_columns_digits_is_refused(used: LoyaltyCard, delta: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        insert(used, delta=delta)

    assert operations(used).count() == 3


# --- the balance is the last operation's --------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"balance": 7},
        {"balance": 0},
        {"balance": "6.000001"},
        {"balance": "NaN"},
        {"last_sequence": 4},
        {"last_sequence": 2},
        {"balance": 3, "last_sequence": 2},
        {"balance": 0, "last_sequence": 0},
    ],
)
def test_a_forged_balance_is_refused(used: LoyaltyCard, forged: dict[str, Any]) -> None:
    columns = ", ".join(
        f"{name} = '{value}'::{'numeric' if name == 'balance' else 'bigint'}"
        for name, value in forged.items()
    )
    sql = f"UPDATE loyalty_loyaltycard SET {columns} WHERE account_id = %s AND id = %s"

    refused(lambda: execute(sql, used.account_id, used.pk), by="loyalty_card_head_trg")


def test_a_balance_that_only_went_and_came_back_is_no_forgery(used: LoyaltyCard) -> None:
    cards(used).update(balance=9)
    cards(used).update(balance=6)
    commit()


@pytest.mark.parametrize(("balance", "last_sequence"), [("5", 0), ("-1", 0), ("NaN", 0), ("0", 1)])
def test_a_card_that_is_born_with_a_balance_is_refused(
    customer: Customer, balance: str, last_sequence: int
) -> None:
    sql = (
        "INSERT INTO loyalty_loyaltycard"
        " (account_id, customer_list_id, customer_id, name, balance, last_sequence)"
        " VALUES (%s, %s, %s, '', %s::numeric, %s)"
    )
    place = (customer.account_id, customer.customer_list_id, customer.pk)

    refused(lambda: execute(sql, *place, balance, last_sequence), by="loyalty_card_head_trg")


def test_name_and_ref_of_a_card_can_change(used: LoyaltyCard) -> None:
    cards(used).update(name="kiosk", ref="31")
    commit()

    assert operations(used).count() == 3


# --- one customer, one list, one account --------------------------------------------


def test_a_card_is_in_the_list_of_its_customer(card: LoyaltyCard) -> None:
    other = CustomerListFactory(account=card.account)

    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        cards(card).update(customer_list_id=other.pk)


def test_a_card_belongs_to_a_customer_of_its_account(card: LoyaltyCard) -> None:
    rivals = CustomerFactory()

    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        cards(card).update(customer_id=rivals.pk)
    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        execute(
            "INSERT INTO loyalty_loyaltycard (account_id, customer_list_id, customer_id, name)"
            " VALUES (%s, %s, %s, 'x')",
            *(card.account_id, card.customer_list_id, rivals.pk),
        )


def test_an_operation_belongs_to_a_card_of_its_account(used: LoyaltyCard) -> None:
    rivals = CustomerFactory()

    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        execute(
            "INSERT INTO loyalty_loyaltyoperation"
            " (account_id, card_id, sequence, delta, new_balance) VALUES (%s, %s, 1, 0, 0)",
            *(rivals.account_id, used.pk),
        )


def test_names_and_refs_are_unique_past_the_orm_too(card: LoyaltyCard) -> None:
    second = LoyaltyCardFactory(customer=card.customer, name="kiosk")
    third = LoyaltyCardFactory(customer=CustomerFactory(customer_list=card.customer_list))

    refused(lambda: cards(second).update(name=""), by="loyalty_card_customer_name_uniq")
    refused(lambda: cards(third).update(ref=card.ref), by="loyalty_card_list_name_ref_uniq")


# --- and all of it in real transactions ---------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE loyalty_loyaltycard SET balance = 99",
        "UPDATE loyalty_loyaltyoperation SET delta = 99",
        "DELETE FROM loyalty_loyaltyoperation",
        "DELETE FROM loyalty_loyaltycard",
        "DELETE FROM customers_customer",
        "TRUNCATE loyalty_loyaltyoperation",
        "TRUNCATE loyalty_loyaltycard CASCADE",
        "INSERT INTO loyalty_loyaltyoperation (account_id, card_id, sequence, delta, new_balance)"
        " SELECT account_id, id, 2, 1, 2 FROM loyalty_loyaltycard",
    ],
)
def test_a_commit_by_hand_changes_nothing(api: HubClient, card: LoyaltyCard, sql: str) -> None:
    post(card, "1")
    path = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"
    before = [api.get(path).json(), api.get(f"{path}/operations").json()]

    with pytest.raises(IntegrityError):
        execute(sql)

    assert [api.get(path).json(), api.get(f"{path}/operations").json()] == before


@pytest.mark.django_db(transaction=True)
def test_points_may_be_posted_and_go_with_their_list_in_one_transaction(card: LoyaltyCard) -> None:
    with transaction.atomic():
        post(card, "4.2")
        delete_list(card.customer_list)

    assert not LoyaltyOperation.objects.for_account(card.account_id).exists()
