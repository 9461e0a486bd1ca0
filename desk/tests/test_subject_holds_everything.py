"""Subject access shows every column of every row about a person, or says why it does not.

The rows are found as ``prove_erasure`` finds them and by their keys; then a word of its own
is planted in every column that can hold text. Who adds a table or a column need not know of
this test: it fails until the export shows it, or its reason not to is registered.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from customers import traces
from customers.clues import clues_of, values_of
from customers.models import Customer
from customers.subject import left_out, sections
from desk import subject_file
from desk.factories import certificate_of, request_of

pytestmark = pytest.mark.django_db

# What says whose row it is cannot be overwritten with a word of ours.
WHOSE = {"hubcustomers_auditentry.resource_type", "callbacks_event.resource_type"}
# Found by what is in them, not by a key.
BY_CONTENT = {
    "accounts_idempotentanswer.body": '{{"id": "{public_id}", "word": "{word}"}}',
    "transfer_stagedrow.cells": '["{email}", "{word}"]',
    "transfer_refusedrow.cells": '["{email}", "{word}"]',
}
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND is_generated = 'NEVER' ORDER BY table_name, ordinal_position
"""


@pytest.fixture
def known(known: Customer) -> Customer:
    """The person, about whom the desk has something too."""
    certificate_of(known)
    request_of(known.account, customer_id=known.pk, notes="Called twice")
    return known


def rows(sql: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall()


def all_tables() -> set[str]:
    return {name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def shown_tables() -> set[str]:
    return {table for section in sections() for table in section.tables}


# --- tables -----------------------------------------------------------------------------


def test_every_table_is_shown_or_left_out_with_a_reason(db: None) -> None:
    unknown = all_tables() - shown_tables() - set(left_out())
    assert unknown == set(), "register a Section or leave_out(...) in holdings.py of the app"
    assert shown_tables() & set(left_out()) == set()
    assert all(str(reason) for reason in left_out().values())


def test_what_is_left_out_exists(db: None) -> None:
    columns = {f"{table}.{column}" for table, column, _ in rows(_COLUMNS)}
    columns |= {"customers_customer.email_folded"}
    assert set(left_out()) <= columns | all_tables()


def test_a_table_that_refers_to_customers_is_not_left_out_whole(known: Customer) -> None:
    own = {table for table, ids in traces.own_rows(known.pk).items() if ids}

    assert own >= {"customers_customer", "orders_order", "loyalty_loyaltyoperation"}
    assert own <= shown_tables()


def test_every_place_that_a_search_for_the_person_finds_is_shown(known: Customer) -> None:
    clues = clues_of(values_of(known), country="FR")

    found = traces.search(known.pk, clues, tell=lambda *_: None)

    tables = {place.table for place in found.places}
    assert tables >= {"callbacks_event", "accounts_idempotentanswer", "transfer_refusedrow"}
    assert tables <= shown_tables()


# --- columns ----------------------------------------------------------------------------


def own_rows(customer: Customer) -> dict[str, set[int]]:
    """Return the person's rows by table, however they are found."""
    own = {table: ids for table, ids in traces.own_rows(customer.pk).items() if ids}
    for table in {name.partition(".")[0] for name in BY_CONTENT}:
        own[table] = {number for (number,) in rows(f"SELECT id FROM {table}")}
    for table in shown_tables() - set(own):
        # Found by number: one row each is enough.
        own[table] = {number for (number,) in rows(f"SELECT id FROM {table} LIMIT 1")}
    return own


def plant(customer: Customer) -> dict[str, str]:
    """Write a word of its own into every column that takes it; return the words by column."""
    planted = {}
    own = own_rows(customer)
    words = iter(f"zq{number:04d}" for number in range(10_000))
    for table, column, kind in rows(_COLUMNS):
        name = f"{table}.{column}"
        if table not in own or table not in shown_tables() or name in WHOSE:
            continue
        for number in own[table]:
            word = next(words)
            if try_to_plant(name, kind, number, word, customer):
                planted[f"{name} of {number}"] = word
    return planted


def try_to_plant(name: str, kind: str, number: int, word: str, customer: Customer) -> bool:
    table, _, column = name.partition(".")
    if kind not in {"character varying", "text", "jsonb"}:
        return False
    value = f'{{"word": "{word}"}}' if kind == "jsonb" else word
    if name in BY_CONTENT:
        # As it is now: a word was planted there too.
        customer.refresh_from_db(fields=["email"])
        value = BY_CONTENT[name].format(
            public_id=customer.public_id, email=customer.email, word=word
        )
    try:
        with transaction.atomic():
            rows_changed(f'UPDATE {table} SET "{column}" = %s WHERE id = %s', value, number)
    except (DataError, IntegrityError):
        # A few words only, or too short a column, like a country's.
        return False
    return True


def rows_changed(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        # Past the guards of append-only tables.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_every_column_of_every_row_is_shown_or_left_out_with_a_reason(known: Customer) -> None:
    planted = plant(known)
    known.refresh_from_db()
    held = subject_file.gather(known)

    told = subject_file.as_json(known, held).decode()
    page = subject_file.as_page(known, held, "en")

    columns = {name.partition(" ")[0] for name in planted}
    assert len(columns) > 45
    missing = {name for name, word in planted.items() if word not in told}
    assert {name.partition(" ")[0] for name in missing} <= set(left_out()), missing
    unread = {name for name, word in planted.items() if word in told and word not in page}
    assert unread == set()


def test_what_is_left_out_is_not_shown_after_all(known: Customer) -> None:
    planted = plant(known)
    known.refresh_from_db()

    told = subject_file.as_json(known, subject_file.gather(known)).decode()

    for name, word in planted.items():
        if name.partition(" ")[0] in left_out():
            assert word not in told, name


def test_columns_that_hold_no_text_are_shown_by_name(known: Customer) -> None:
    told = json.loads(subject_file.as_json(known, subject_file.gather(known)))
    by_table = {section.tables[0]: told[section.name] for section in sections()}

    for table, column, _kind in rows(_COLUMNS):
        if table not in by_table or f"{table}.{column}" in left_out() or column == "account_id":
            continue
        names = {column, column.removesuffix("_id")}
        keys = set(_keys(by_table[table]))
        if by_table[table] and column != "id":
            assert names & keys, f"{table}.{column}"


def _keys(records: list[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        yield from record
