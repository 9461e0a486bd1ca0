"""The fast path of an import says the same as the rules of the API."""

from itertools import product
from typing import Any

import pytest

from transfer.mapping import FIELDS
from transfer.reading import Layout
from transfer.rows import Refused, Row, RowReader

CELLS = {
    "private_ref": ["r-1", "é" * 255],
    "email": ["a@example.com", "a b", " "],
    "first_name": ["Jo", "Zoë", " x ", "x" * 255],
    "gender": ["male", "female", "Male", "who"],
    "birth_date": ["1999-02-28", "1999-02-29", "28/02/1999", "0000-01-01", "1999-2-8"],
    "phone": ["06 12 34 56 78", "+33612345678", "0612", "call me", "+1 650 253 0000", " "],
    "country": ["FR", "fr", "XX", "ß"],
    "latitude": ["48.5", "-90", "90.0000000001", "1.", ".5", "+1", "1e1", "0048.5", "٤٨"],
    "longitude": ["2", "-180", "180.5", "100.25", "12345"],
    "sms_marketing": ["true", "false", "Yes", "oui", "0", "maybe"],
    "anonymised": ["true", "false", "no"],
    "card_name": ["points"],
    "card_ref": ["av-1", "x" * 255],
    "card_balance": ["13.5", "-0.000001", "0", "1.0000001", "1" * 15, "00000000000000001", "x"],
    "delivery_notes": ["Ring twice", "x" * 255],
}


def outcome(read: Any, cells: list[str]) -> Row | str:
    try:
        return read(cells)
    except Refused as error:
        return str(error)


def by_the_rules(reader: RowReader, cells: list[str]) -> Row:
    return reader._judge(reader._of_cells(cells))


@pytest.mark.parametrize("name", CELLS)
def test_each_value_is_read_the_same_way(name) -> None:
    reader = RowReader(Layout("csv", [name, "city"]), {name: name, "city": "city"}, country="FR")

    for cell, city in product([*CELLS[name], ""], ["Paris", ""]):
        told = outcome(reader.read, [cell, city])
        assert told == outcome(lambda cells: by_the_rules(reader, cells), [cell, city]), cell


def test_whole_rows_are_read_the_same_way() -> None:
    names = list(CELLS)
    reader = RowReader(Layout("csv", names), {name: name for name in names}, country="GB")

    for turn in range(60):
        cells = [CELLS[name][turn % len(CELLS[name])] for name in names]
        told = outcome(reader.read, cells)
        assert told == outcome(lambda cells: by_the_rules(reader, cells), cells), cells


def test_the_fast_path_knows_the_plain_columns() -> None:
    # Were a field not known to it, every row would take the slow path, in silence.
    slow = {"custom_fields", "loyalty_cards", "created_at"}
    names = [name for name in FIELDS if name not in slow]

    reader = RowReader(Layout("csv", names), {name: name for name in names}, country="FR")

    assert reader._plain
