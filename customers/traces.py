"""Traces of a person: every place of the database that shows what was to be erased.

All columns of all tables are read as text, whichever app or package they belong to. What
tells a person by itself, like an e-mail, counts wherever it stands. What many people share,
like a first name or a gender, counts in rows that mention the customer, and where first and
last name stand together.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection

from callbacks.models import Event
from customers.clues import Clue
from customers.models import Customer
from hubcustomers.public_ids import customer_ids

# Blocks of 8 KB read by one statement; between two of them the caller hears how far it is.
_BLOCKS = 4096
_SESSIONS = ("signin_session", "session_data")


# --- rows that mention the customer --------------------------------------------------


def _rows(sql: str, values: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


_REFERENCES = """
SELECT source.oid::regclass::text, source_column.attname, target.oid::regclass::text
FROM pg_constraint AS key
JOIN pg_class AS source ON source.oid = key.conrelid
JOIN pg_class AS target ON target.oid = key.confrelid
CROSS JOIN LATERAL unnest(key.conkey, key.confkey) AS pair(source_number, target_number)
JOIN pg_attribute AS source_column
    ON source_column.attrelid = source.oid AND source_column.attnum = pair.source_number
JOIN pg_attribute AS target_column
    ON target_column.attrelid = target.oid AND target_column.attnum = pair.target_number
WHERE key.contype = 'f' AND target_column.attname = 'id'
"""


def _keys_of_person(customer_id: int) -> list[int]:
    """Return the key of the customer, there or gone, and of who was merged into it."""
    merged = Customer.with_merged.filter(merged_into_id=customer_id)
    return [customer_id, *merged.order_by("pk").values_list("pk", flat=True)]


def own_rows(customer_id: int) -> dict[str, set[int]]:
    """Return the ids of the customer's rows by table: whatever refers to it, at any depth.

    Those of who was merged into it are its own too.
    """
    references = _rows(_REFERENCES)
    own: dict[str, set[int]] = {}
    _follow(own, references, Customer._meta.db_table, set(_keys_of_person(customer_id)))
    # Events name what they tell without a key.
    for resource_type, table in (("customer", Customer._meta.db_table), ("order", "orders_order")):
        events = Event.objects.filter(
            resource_type=resource_type, resource_id__in=own.get(table, set())
        )
        _follow(own, references, Event._meta.db_table, set(events.values_list("pk", flat=True)))
    return own


def _follow(own: dict[str, set[int]], references: list[Any], table: str, ids: set[int]) -> None:
    new = ids - own.get(table, set())
    own.setdefault(table, set()).update(new)
    if not new:
        return
    for source, column, target in references:
        if target == table:
            found = _rows(
                f"SELECT id FROM {source.replace('%', '%%')} WHERE {_quoted(column)} = ANY(%s)",
                [sorted(new)],
            )
            _follow(own, references, source, {number for (number,) in found})


# --- the search ---------------------------------------------------------------------


class Place(NamedTuple):
    """One column of one row that shows something of the person; never the value itself."""

    table: str
    column: str
    key: dict[str, str]
    fields: list[str]


@dataclass
class Search:
    """What was looked through, and what was found.

    Attributes:
        tables: How many tables were read.
        columns: How many columns.
        places: Where something was found.
    """

    tables: int = 0
    columns: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class _Table:
    name: str
    columns: dict[str, str]
    key: list[str]
    blocks: int


_TABLES = """
SELECT class.oid::regclass::text,
    (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT array_agg(format_type(atttypid, NULL) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT array_agg(attname::text) FROM pg_index, pg_attribute
        WHERE indrelid = class.oid AND indisprimary
            AND attrelid = class.oid AND attnum = ANY(indkey)),
    (pg_relation_size(class.oid) / current_setting('block_size')::bigint)::bigint
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'm')
    AND namespace.nspname NOT IN ('pg_catalog', 'information_schema')
    AND namespace.nspname NOT LIKE 'pg\\_temp\\_%' AND namespace.nspname NOT LIKE 'pg\\_toast%'
ORDER BY 1
"""


class Piece(NamedTuple):
    """A piece of a table that was looked through.

    Attributes:
        table: Which.
        start: Its first block.
        end: The block behind it.
        blocks: How many blocks the table has.
        columns: How many columns; 0 but for the table's last piece.
        places: What was found in it.
    """

    table: str
    start: int
    end: int
    blocks: int
    columns: int
    places: list[Place]

    @property
    def next(self) -> tuple[str, int]:
        """Return where the search goes on."""
        return self.table, self.end


def search(customer_id: int, clues: list[Clue], *, tell: Callable[[str, int, int], None]) -> Search:
    """Search every column of every table.

    Args:
        customer_id: The customer's row, there or gone.
        clues: What to look for.
        tell: Hears the table, and how many of how many blocks are done.
    """
    result = Search()
    for piece in pieces(customer_id, clues):
        tell(piece.table, piece.start, piece.blocks)
        result.tables += piece.columns > 0
        result.columns += piece.columns
        result.places += piece.places
    return result


def pieces(
    customer_id: int,
    clues: list[Clue],
    *,
    begin: tuple[str, int] = ("", 0),
    size: int = _BLOCKS,
) -> Iterator[Piece]:
    """Search piece by piece, so that a search can be left and taken up again.

    Args:
        customer_id: The customer's row, there or gone.
        clues: What to look for.
        begin: The table and its block to go on with, as the last piece's ``next`` says.
        size: How many blocks a piece has.
    """
    person = _keys_of_person(customer_id)
    own = own_rows(customer_id)
    for table in _tables():
        if table.name < begin[0]:
            continue
        looker = _Looker(table, clues, person, own.get(table.name, set()))
        first = begin[1] if table.name == begin[0] else 0
        if first and first >= table.blocks:
            continue
        for start in range(first, max(table.blocks, 1), size):
            end = start + size
            last = end >= table.blocks
            columns = len(table.columns) if last else 0
            found = list(looker.places(start, None if last else end))
            yield Piece(table.name, start, end, table.blocks, columns, found)


def blocks_of_all() -> int:
    """Return how many blocks a whole search reads; of each table at least one."""
    return sum(max(table.blocks, 1) for table in _tables())


def _tables() -> list[_Table]:
    tables = [
        _Table(name, dict(zip(columns, types, strict=True)), key or [], blocks)
        for name, columns, types, key, blocks in _rows(_TABLES)
        if columns
    ]
    return sorted(tables, key=lambda table: table.name)


class _Looker:
    """Looks through one table: PostgreSQL finds the rows, then their columns are judged."""

    def __init__(self, table: _Table, clues: list[Clue], person: list[int], own: set[int]) -> None:
        public_ids = "|".join(customer_ids.encode(number) for number in person)
        self.table = table
        self.clues = clues
        self.own = own
        self.public_id = re.compile(rf"(?<!\w)(?:{public_ids})(?!\w)")
        self.values: dict[str, Any] = {
            "telling": "|".join(form for clue in clues if clue.tells for form in clue.forms),
            "first": _either(clues, "first_name"),
            "last": _either(clues, "last_name"),
            "public_id": rf"\m(?:{public_ids})\M",
            "own": sorted(own),
        }

    def places(self, start: int, end: int | None) -> Iterator[Place]:
        # Cut by blocks, so that a large table neither takes one statement nor much memory.
        until = "" if end is None else f" AND ctid < '({end},0)'::tid"
        key = self.table.key or ["ctid"]
        sql = (
            f"SELECT {', '.join(f'{_quoted(column)}::text' for column in key)},"
            f" {', '.join(self._texts)} FROM {self.table.name.replace('%', '%%')}"
            f" WHERE ctid >= '({start},0)'::tid{until} AND ({self._condition})"
        )
        for row in _rows(sql, self.values):
            shown = dict(zip(self.table.columns, row[len(key) :], strict=True))
            yield from self._judge(dict(zip(key, row, strict=False)), shown)

    @cached_property
    def _texts(self) -> list[str]:
        # Bytes are read as the text they may hold.
        return [
            f"encode({_quoted(column)}, 'escape')"
            if kind == "bytea"
            else f"{_quoted(column)}::text"
            for column, kind in self.table.columns.items()
        ]

    @property
    def _condition(self) -> str:
        if self.table.name == _SESSIONS[0]:
            # Packed in a way that PostgreSQL cannot look into.
            return "true"
        row = f'concat_ws(chr(1), {", ".join(self._texts)}) COLLATE "default"'
        conditions = [f"{row} ~ %(public_id)s"]
        if self.values["telling"]:
            conditions.append(f"{row} ~* %(telling)s")
        if self.values["first"] and self.values["last"]:
            conditions.append(f"({row} ~* %(first)s AND {row} ~* %(last)s)")
        if self.own:
            conditions.append("id = ANY(%(own)s)")
        return " OR ".join(conditions)

    def _judge(self, key: dict[str, str], shown: dict[str, str | None]) -> Iterator[Place]:
        texts = {column: _texts_in(self.table, column, text) for column, text in shown.items()}
        found = {
            column: [clue for clue in self.clues if _shows(text, clue.pattern)]
            for column, text in texts.items()
        }
        in_row = {clue.field for clues in found.values() for clue in clues}
        counts_all = (
            {"first_name", "last_name"} <= in_row
            or shown.get("id") in {str(number) for number in self.own}
            or any(_shows(text, self.public_id) for text in texts.values())
        )
        for column, clues in found.items():
            fields = [clue.field for clue in clues if clue.tells or counts_all]
            if fields:
                yield Place(self.table.name, column, key, fields)


def _quoted(column: str) -> str:
    return connection.ops.quote_name(column).replace("%", "%%")


def _either(clues: list[Clue], name: str) -> str:
    return "|".join(form for clue in clues if clue.field == name for form in clue.forms)


def _shows(texts: Iterable[str], pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(text) for text in texts)


def _texts_in(table: _Table, column: str, text: str | None) -> list[str]:
    """Return the column's text, and the strings inside where it is JSON or a session."""
    if text is None:
        return []
    texts = [text]
    if (table.name, column) == _SESSIONS:
        texts.append(_unpacked(text))
    inside = [string for each in texts for string in _strings_in(each)]
    return texts + inside


def _strings_in(text: str) -> Iterator[str]:
    if text[:1] not in '{["':
        return
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value


def _unpacked(session: str) -> str:
    """Return what Django packed into a session, whatever key signed it."""
    data = session.split(":")[0]
    packed = data.removeprefix(".")
    try:
        content = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        content = zlib.decompress(content) if data.startswith(".") else content
    except (binascii.Error, ValueError, zlib.error):
        return ""
    return content.decode(errors="replace")
