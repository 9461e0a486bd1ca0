"""The proof of the ledger: every chain, every head, every sum, every void (spec 4, design 4).

Nothing here is taken from the triggers that keep the ledger: what they refuse is looked for
all the same, as rows may have come past them (a restore, a superuser, a broken disk).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

# A batch has about this many operations: a few seconds, and memory that does not grow. Smaller
# ones read the same pages again, as the operations of a card lie far apart.
BATCH_OPERATIONS = 500_000
_LAST_ID = 2**63 - 1

# What can be wrong, in the order in which a card's faults are told.
KINDS = {
    "orphan": "operation {operation} (number {sequence}) is of a card that does not exist",
    "gap": "operation {operation} has number {found} where number {expected} was due",
    "number": "operation {operation} (number {sequence}) is not a number of points: {found}",
    "chain": "operation {operation} (number {sequence}) says new_balance {found}, but the"
    " balance before it plus its delta is {expected}",
    "last_sequence": "the card says that it has {found} operations, its last one is number"
    " {expected}",
    "balance": "the card's balance is {found}, its last operation says {expected}",
    "sum": "the card's balance is {found}, its operations add up to {expected}",
    "void": "operation {operation} (number {sequence}) voids operation {found}, {expected}",
}

_BATCHES = """
SELECT max(id), count(*) FROM (
    SELECT id, div(sum(least(greatest(last_sequence, 1), %(batch)s::bigint)) OVER (ORDER BY id),
        %(batch)s::bigint) AS batch
    FROM loyalty_loyaltycard AS card WHERE account_id = %(account)s {cards}
) AS numbered GROUP BY batch ORDER BY batch
"""

# Each operation beside the one before it, in one pass over the batch.
_FAULTS = """
WITH operation AS MATERIALIZED (
    SELECT id, card_id, sequence, delta, new_balance, voids_id,
        lag(sequence, 1, 0::bigint) OVER chain AS sequence_before,
        lag(new_balance, 1, 0::numeric) OVER chain AS balance_before,
        lead(sequence) OVER chain IS NULL AS is_last
    FROM loyalty_loyaltyoperation
    WHERE account_id = %(account)s AND card_id > %(after)s AND card_id <= %(until)s {operations}
    WINDOW chain AS (PARTITION BY card_id ORDER BY sequence, id)
), head AS (
    SELECT card_id, max(sequence) FILTER (WHERE is_last) AS sequence,
        max(new_balance) FILTER (WHERE is_last) AS balance, sum(delta) AS sum
    FROM operation GROUP BY card_id
), card AS (
    SELECT card.id, card.balance, card.last_sequence, coalesce(head.sequence, 0) AS sequence,
        coalesce(head.balance, 0) AS head, coalesce(head.sum, 0) AS sum
    FROM loyalty_loyaltycard AS card LEFT JOIN head ON head.card_id = card.id
    WHERE account_id = %(account)s AND card.id > %(after)s AND card.id <= %(until)s {cards}
), void AS (
    SELECT void.id, void.card_id, void.sequence, void.voids_id, CASE
        WHEN voided.id IS NULL THEN 'which does not exist'
        WHEN voided.card_id <> void.card_id THEN 'which is of another card'
        WHEN voided.sequence >= void.sequence THEN 'which does not come before it'
        WHEN voided.voids_id IS NOT NULL THEN 'which voids another one itself'
        WHEN voided.delta <> -void.delta THEN 'whose opposite it is not'
        WHEN EXISTS (SELECT FROM loyalty_loyaltyoperation AS other
            WHERE other.account_id = %(account)s AND other.voids_id = void.voids_id
            AND other.id < void.id) THEN 'which another one voids as well'
        END AS fault
    FROM operation AS void
    LEFT JOIN loyalty_loyaltyoperation AS voided
        ON voided.account_id = %(account)s AND voided.id = void.voids_id
    WHERE void.voids_id IS NOT NULL
)
SELECT 'counted' AS kind, NULL::bigint AS card_id, count(*) AS operation_id,
    NULL::bigint AS sequence, NULL::text AS expected, NULL::text AS found
FROM operation
UNION ALL
SELECT 'orphan', card_id, id, sequence, NULL, NULL FROM operation
WHERE NOT EXISTS (SELECT FROM loyalty_loyaltycard AS card
    WHERE card.id = operation.card_id AND card.account_id = %(account)s)
UNION ALL
SELECT 'gap', card_id, id, sequence, (sequence_before + 1)::text, sequence::text FROM operation
WHERE sequence <> sequence_before + 1
UNION ALL
-- NaN equals itself here, so that a chain of them would hold.
SELECT 'number', card_id, id, sequence, NULL,
    format('delta %%s, new_balance %%s', delta, new_balance)
FROM operation WHERE 'NaN' IN (delta, new_balance)
UNION ALL
-- Behind a gap nothing is known of the balance before; the sum judges then.
SELECT 'chain', card_id, id, sequence, (balance_before + delta)::text, new_balance::text
FROM operation
WHERE new_balance <> balance_before + delta AND sequence = sequence_before + 1
UNION ALL
SELECT 'last_sequence', id, NULL, NULL, sequence::text, last_sequence::text FROM card
WHERE last_sequence <> sequence
UNION ALL
SELECT 'balance', id, NULL, NULL, head::text, balance::text FROM card WHERE balance <> head
UNION ALL
SELECT 'sum', id, NULL, NULL, sum::text, balance::text FROM card WHERE balance <> sum
UNION ALL
SELECT 'void', card_id, id, sequence, fault, voids_id::text FROM void WHERE fault IS NOT NULL
"""

_IN_LIST = """
AND card_id IN (SELECT id FROM loyalty_loyaltycard
    WHERE account_id = %(account)s AND customer_list_id = %(list)s)
"""


@dataclass(frozen=True)
class Scope:
    """What is proven: everything, or one account, list or card.

    Attributes:
        account_id: Only this account.
        list_id: Only the cards of this list of the account.
        card_id: Only this card of the account.
    """

    account_id: int | None = None
    list_id: int | None = None
    card_id: int | None = None


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one card.

    Attributes:
        account_id: The card's account.
        card_id: The card.
        kind: One of ``KINDS``.
        operation_id: The operation at fault; None where it is the card itself.
        sequence: The operation's number on the card.
        expected: What would be right, where that is known; of a void, what is wrong.
        found: What is there; of a void, the id of the voided operation.
    """

    account_id: int
    card_id: int
    kind: str
    operation_id: int | None = None
    sequence: int | None = None
    expected: str | None = None
    found: str | None = None


@dataclass
class Proof:
    """How far a proof is; at its end what was looked at.

    Attributes:
        as_of: The moment whose rows it judges.
        accounts: How many accounts have cards or operations.
        cards: How many cards were judged so far.
        operations: How many operations were judged so far.
        expected_cards: How many there will be.
    """

    as_of: datetime
    accounts: int = 0
    cards: int = 0
    operations: int = 0
    expected_cards: int = 0


def prove(scope: Scope) -> Iterator[tuple[Proof, list[Fault]]]:
    """Judge the ledger as of one moment, whatever tills write meanwhile; change nothing.

    Yields:
        After each batch of cards how far the proof is, and the batch's faults by card.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        # Large enough to sort a batch without temporary files.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SELECT now()")
        proof = Proof(as_of=cursor.fetchone()[0])
        accounts = [scope.account_id] if scope.account_id else _accounts(cursor)
        batches = {account: list(_batches(cursor, account, scope)) for account in accounts}
        proof.expected_cards = sum(cards for some in batches.values() for _, _, cards in some)
        for account, some in batches.items():
            proof.accounts += 1
            for after, until, cards in some:
                faults, operations = _judge(cursor, account, scope, (after, until))
                proof.cards += cards
                proof.operations += operations
                yield proof, faults


def _accounts(cursor: Any) -> list[int]:
    # Of accounts that do not exist as well, should rows say so.
    cursor.execute(
        "SELECT account_id FROM loyalty_loyaltycard"
        " UNION SELECT account_id FROM loyalty_loyaltyoperation ORDER BY 1"
    )
    return [number for (number,) in cursor.fetchall()]


def _batches(cursor: Any, account: int, scope: Scope) -> Iterator[tuple[int, int, int]]:
    """Yield ranges of card ids, first excluded and last included, and how many cards each has."""
    if scope.card_id is not None:
        yield scope.card_id - 1, scope.card_id, 1
        return
    cards = "AND customer_list_id = %(list)s" if scope.list_id else ""
    cursor.execute(
        _BATCHES.format(cards=cards),
        {"account": account, "list": scope.list_id, "batch": BATCH_OPERATIONS},
    )
    after = -1
    for until, count in cursor.fetchall():
        yield after, until, count
        after = until
    # Operations behind the last card would belong to none.
    yield after, _LAST_ID, 0


def _judge(
    cursor: Any, account: int, scope: Scope, cards: tuple[int, int]
) -> tuple[list[Fault], int]:
    narrowed = scope.list_id is not None
    sql = _FAULTS.format(
        operations=_IN_LIST if narrowed else "",
        cards="AND customer_list_id = %(list)s" if narrowed else "",
    )
    after, until = cards
    values = {"account": account, "list": scope.list_id, "after": after, "until": until}
    cursor.execute(sql, values)
    faults, operations = [], 0
    for kind, card, operation, sequence, expected, found in cursor.fetchall():
        if kind == "counted":
            operations = operation
        else:
            faults.append(Fault(account, card, kind, operation, sequence, expected, found))
    order = list(KINDS)
    faults.sort(key=lambda one: (one.card_id, order.index(one.kind), one.sequence or 0))
    return faults, operations
