"""``manage.py check_ledger``: what is broken past the guards is named (issue 5, item 5)."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer
from hubcustomers.public_ids import loyalty_operation_ids
from loyalty import ledger, proof
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation

pytestmark = pytest.mark.django_db(transaction=True)


class Ended(NamedTuple):
    """How the command ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        return json.loads(self.out)


def check(*words: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("check_ledger", *words, stdout=out, stderr=err)
    except CommandError as error:
        return Ended(error.returncode, out.getvalue(), str(error))
    except SystemExit as end:
        return Ended(int(end.code or 0), out.getvalue(), err.getvalue())
    return Ended(0, out.getvalue(), err.getvalue())


@pytest.fixture
def used(card: LoyaltyCard) -> LoyaltyCard:
    """A card with five operations: 1 + 2 + 3 + 4 points, of which the last is voided."""
    for delta in ("1", "2", "3"):
        post(card, delta)
    last = post(card, "4")
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    ledger.post_operation(place, delta=-4, voids=last.id)
    return card


@pytest.fixture
def sound(used: LoyaltyCard) -> LoyaltyCard:
    """A second card of the list, which nobody touches."""
    card = LoyaltyCardFactory(customer=CustomerFactory(customer_list=used.customer_list))
    post(card, "7")
    return card


@pytest.fixture
def write(used: LoyaltyCard, sound: LoyaltyCard) -> Iterator[Callable[..., None]]:
    """Write past every guard, as who restores a dump or is a superuser can."""

    def write(sql: str, **values: Any) -> None:
        named = {"card": used.pk, "account": used.account_id, "sound": sound.pk, **values}
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(sql, named)
            cursor.execute("SET session_replication_role = origin")

    return write


def number(card: LoyaltyCard, sequence: int) -> str:
    """Return the id of the card's operation of that number."""
    row = LoyaltyOperation.objects.get(card_id=card.pk, sequence=sequence)
    return loyalty_operation_ids.encode(row.pk)


def test_a_sound_ledger_is_proven(used: LoyaltyCard, sound: LoyaltyCard) -> None:
    LoyaltyCardFactory(customer=used.customer, name="never used")

    ended = check()

    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Proven: 3 cards with 6 operations (in ")


def test_a_hub_without_cards_is_proven() -> None:
    report = check("--json").report

    assert (report["status"], report["cards"]) == ("proven", 0)


UPDATE = "UPDATE loyalty_loyaltyoperation SET {} WHERE card_id = %(card)s AND sequence = {}"
HEAD = "UPDATE loyalty_loyaltycard SET {} WHERE id = %(card)s"
# How the ledger is broken, and what is said of it: kind and number of the operation.
BREAKS: dict[str, Any] = {
    "a delta": (UPDATE.format("delta = 9", 2), [("chain", 2), ("sum", None)]),
    # The next operation no longer fits it either.
    "a new balance": (UPDATE.format("new_balance = 9", 2), [("chain", 2), ("chain", 3)]),
    "the last new balance": (
        UPDATE.format("new_balance = 6.000001", 5),
        [("chain", 5), ("balance", None)],
    ),
    "a delta and all that follows": (
        UPDATE.format("delta = 9, new_balance = 10", 2),
        [("chain", 3), ("sum", None)],
    ),
    "an operation in the middle": (
        "DELETE FROM loyalty_loyaltyoperation WHERE card_id = %(card)s AND sequence = 2",
        [("gap", 3), ("sum", None)],
    ),
    "the first operation": (
        "DELETE FROM loyalty_loyaltyoperation WHERE card_id = %(card)s AND sequence = 1",
        [("gap", 2), ("sum", None)],
    ),
    "the last operation": (
        "DELETE FROM loyalty_loyaltyoperation WHERE card_id = %(card)s AND sequence = 5",
        [("last_sequence", None), ("balance", None), ("sum", None)],
    ),
    "all operations": (
        "DELETE FROM loyalty_loyaltyoperation WHERE card_id = %(card)s",
        [("last_sequence", None), ("balance", None), ("sum", None)],
    ),
    "a number": (UPDATE.format("sequence = 0", 1), [("gap", 0), ("gap", 2)]),
    "the balance": (HEAD.format("balance = 7"), [("balance", None), ("sum", None)]),
    "the balance by little": (
        HEAD.format("balance = balance + 0.000001"),
        [("balance", None), ("sum", None)],
    ),
    "the count": (HEAD.format("last_sequence = 4"), [("last_sequence", None)]),
    "a balance that is no number": (
        HEAD.format("balance = 'NaN'"),
        [("balance", None), ("sum", None)],
    ),
    "points that are no number": (
        UPDATE.format("new_balance = 'NaN'", 5),
        [("number", 5), ("chain", 5), ("balance", None)],
    ),
    "a void of nothing": (UPDATE.format("voids_id = 999999999", 5), [("void", 5)]),
    "a void of itself": (UPDATE.format("voids_id = id", 5), [("void", 5)]),
    "a void of another card's": (
        UPDATE.format(
            "voids_id = (SELECT id FROM loyalty_loyaltyoperation WHERE card_id = %(sound)s)", 5
        ),
        [("void", 5)],
    ),
    "a void that is no opposite": (
        UPDATE.format(
            "voids_id = (SELECT id FROM loyalty_loyaltyoperation"
            " WHERE card_id = %(card)s AND sequence = 1)",
            5,
        ),
        [("void", 5)],
    ),
    "a void of a void": (
        "INSERT INTO loyalty_loyaltyoperation"
        " (account_id, card_id, sequence, delta, new_balance, voids_id)"
        " SELECT account_id, card_id, 6, 4, 10, id FROM loyalty_loyaltyoperation"
        " WHERE card_id = %(card)s AND sequence = 5",
        [("void", 6), ("last_sequence", None), ("balance", None), ("sum", None)],
    ),
}


def everything() -> str:
    # As text, because NaN is equal to nothing.
    rows = [model.objects.order_by("pk").values() for model in (LoyaltyCard, LoyaltyOperation)]
    return str([list(found) for found in rows])


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_named(
    what: str, write: Any, used: LoyaltyCard, sound: LoyaltyCard
) -> None:
    sql, expected = BREAKS[what]
    write(sql)
    before = everything()

    ended = check("--json")

    assert ended.status == 1
    report = ended.report
    assert (report["status"], report["broken_cards"]) == ("broken", 1)
    faults = [(one["kind"], one["sequence"]) for one in report["faults"]]
    assert sorted(map(str, faults)) == sorted(map(str, expected))
    assert {one["card"] for one in report["faults"]} == {used.public_id}
    # It never repairs.
    assert everything() == before


def test_an_operation_without_a_card_is_named(write: Any, used: LoyaltyCard) -> None:
    write(UPDATE.format("card_id = 999999999", 1))

    kinds = check("--json").report["kinds"]

    assert kinds == {"orphan": 1, "gap": 1, "sum": 1}


def test_an_operation_of_another_account_is_of_no_card_there(
    write: Any, used: LoyaltyCard, rival: Any
) -> None:
    write(UPDATE.format("account_id = %(rival)s", 5), rival=rival.account_id)

    report = check("--account", rival.account.public_id, "--json").report

    assert [one["kind"] for one in report["faults"]] == ["orphan", "gap", "void"]


def test_a_second_void_is_named_where_the_index_is_gone(write: Any, used: LoyaltyCard) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [VOIDS])
        index = cursor.fetchone()[0]
        cursor.execute(f"DROP INDEX {VOIDS}")
    try:
        write(
            "INSERT INTO loyalty_loyaltyoperation"
            " (account_id, card_id, sequence, delta, new_balance, voids_id)"
            " SELECT account_id, card_id, 6, -4, 2, id FROM loyalty_loyaltyoperation"
            " WHERE card_id = %(card)s AND sequence = 4"
        )
        write(HEAD.format("balance = 2, last_sequence = 6"))

        (fault,) = check("--json").report["faults"]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM customers_customerlist")
            cursor.execute(index)

    assert fault["message"].endswith("which another one voids as well")


VOIDS = "loyalty_operation_voids_uniq"


def test_the_lines_tell_card_operation_and_points(write: Any, used: LoyaltyCard) -> None:
    write(UPDATE.format("new_balance = 9.5", 2))
    second, third = number(used, 2), number(used, 3)

    ended = check()

    assert ended.status == 1
    lines = ended.out.splitlines()
    assert lines[:2] == [
        f"card {used.public_id}: operation {second} (number 2) says new_balance 9.5,"
        " but the balance before it plus its delta is 3.0",
        f"card {used.public_id}: operation {third} (number 3) says new_balance 6.0,"
        " but the balance before it plus its delta is 12.5",
    ]
    assert lines[2].startswith("BROKEN: 1 of 2 cards with 6 operations (chain 2; in ")


def test_it_is_narrowed_to_an_account_a_list_or_a_card(
    write: Any, used: LoyaltyCard, sound: LoyaltyCard, rival: Any
) -> None:
    elsewhere = CustomerListFactory(account=used.account)
    write(HEAD.format("balance = 7"))

    for words, status, cards in (
        (("--account", used.account.public_id), 1, 2),
        (("--account", rival.account.public_id), 0, 0),
        (("--list", used.customer_list.public_id), 1, 2),
        (("--list", elsewhere.public_id), 0, 0),
        (("--card", used.public_id), 1, 1),
        (("--card", sound.public_id), 0, 1),
    ):
        ended = check(*words, "--json")
        assert (ended.status, ended.report["cards"]) == (status, cards), words


@pytest.mark.parametrize("name", ["account", "list", "card"])
def test_what_does_not_exist_cannot_be_checked(name: str) -> None:
    plain, machine = check(f"--{name}", "nosuch"), check(f"--{name}", "nosuch", "--json")

    assert (plain.status, plain.err) == (2, f"There is no {name} nosuch.")
    assert machine.status == 2
    assert machine.report == {"status": "unknown", "message": f"There is no {name} nosuch."}


def test_a_database_that_fails_is_no_broken_ledger(monkeypatch: Any, used: LoyaltyCard) -> None:
    monkeypatch.setattr(proof, "_FAULTS", "SELECT nothing {operations} {cards}")

    ended = check("--json")

    assert (ended.status, ended.report["status"]) == (2, "unknown")


def test_small_batches_judge_the_same(
    write: Any, used: LoyaltyCard, monkeypatch: Any, customer: Customer
) -> None:
    for number_of_card in range(10):
        post(LoyaltyCardFactory(customer=customer, name=str(number_of_card)), "1")
    write(UPDATE.format("delta = 9", 2))
    whole = check("--json").report

    monkeypatch.setattr(proof, "BATCH_OPERATIONS", 2)
    parts = check("--json").report

    for name in ("cards", "operations", "faults", "kinds"):
        assert parts[name] == whole[name]
    assert whole["cards"] == 12


def test_it_judges_one_moment_while_a_till_writes(
    used: LoyaltyCard, sound: LoyaltyCard, monkeypatch: Any
) -> None:
    monkeypatch.setattr(proof, "BATCH_OPERATIONS", 1)
    parameters = connection.get_connection_params()
    with psycopg.connect(
        **{name: parameters[name] for name in ("dbname", "user", "host", "port")}, autocommit=True
    ) as till:
        told = []
        for judged, faults in proof.prove(proof.Scope()):
            so_far = judged
            told += faults
            for card in (used, sound):
                till.execute(
                    "WITH card AS (UPDATE loyalty_loyaltycard SET balance = balance + 1,"
                    " last_sequence = last_sequence + 1 WHERE id = %s"
                    " RETURNING account_id, id, balance, last_sequence)"
                    " INSERT INTO loyalty_loyaltyoperation"
                    " (account_id, card_id, delta, new_balance, sequence)"
                    " SELECT account_id, id, 1, balance, last_sequence FROM card",
                    [card.pk],
                )

    assert told == []
    assert (so_far.cards, so_far.operations) == (2, 6)
    assert check("--json").report["operations"] > 6


def test_a_long_proof_tells_how_far_it_is(used: LoyaltyCard, sound: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(proof, "BATCH_OPERATIONS", 1)
    moments = iter(range(0, 1000, 3))
    monkeypatch.setattr("hubcustomers.progress.time.monotonic", lambda: float(next(moments)))

    assert "50 %, 1 of 2 cards, " in check().err
