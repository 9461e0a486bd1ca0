"""What one batch of an import does in the database, set-based (docs/import.md).

Rows are copied into a temporary table and judged there: which customer each one means,
whose private refs and card refs are taken. What is left becomes customers, refs, cards and
opening operations in a few statements. The outcome is that of one row after the other:
rows that need what an earlier row of the same batch makes wait for the next pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from transfer.rows import NULL, Row, escape

# The columns of a row that are columns of a customer, with their types.
_TEXT = (
    "email first_name last_name gender company_name phone address_1 address_2 postal_code"
    " city state country delivery_notes phone_access_code"
).split()
CUSTOMER_COLUMNS = {
    **dict.fromkeys(_TEXT, "text"),
    "birth_date": "date",
    "latitude": "numeric",
    "longitude": "numeric",
    "sms_marketing": "boolean",
    "email_marketing": "boolean",
    "custom_fields": "jsonb",
    "created_at": "timestamptz",
}
_TABLES = f"""
CREATE TEMP TABLE IF NOT EXISTS transfer_row (
    line bigint NOT NULL,
    customer_id bigint NOT NULL DEFAULT nextval('SEQUENCE'::regclass),
    private_ref text,
    anonymised boolean,
    {", ".join(f"{name} {kind}" for name, kind in CUSTOMER_COLUMNS.items())},
    cleared text[],
    target bigint,
    several boolean NOT NULL DEFAULT false,
    fate text,
    reason text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS transfer_card (
    line bigint NOT NULL, name text NOT NULL, ref text, balance numeric NOT NULL
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS transfer_seen (kind text NOT NULL, value text NOT NULL);
CREATE INDEX IF NOT EXISTS transfer_seen_idx ON transfer_seen (kind, value);
TRUNCATE transfer_row, transfer_card
"""


@dataclass(frozen=True)
class Target:
    """Where an import writes, and by which rules.

    Attributes:
        account_id: The account.
        list_id: The list.
        client_id: Whose private refs they are, and who hears no event.
        match: What tells that a customer exists: private_ref, email, phone, None for nothing.
        on_duplicate: What becomes of a row whose customer exists: skip, update or error.
        events: Whether listeners are told.
        reason: Of opening operations.
        dry_run: Judge, and write nothing.
    """

    account_id: int
    list_id: int
    client_id: int
    match: str | None
    on_duplicate: str
    events: bool
    reason: str
    dry_run: bool


@dataclass
class Outcome:
    """What became of a batch.

    Attributes:
        counts: created, updated, skipped, cards.
        refused: Line and reason of each refused row.
    """

    counts: dict[str, int]
    refused: list[tuple[int, str]]


class Batch:
    """Rows on their way into the staging tables."""

    def __init__(self, columns: Iterable[str], match: str | None) -> None:
        """Take the fields that rows may have, and what tells that a customer exists."""
        known = ("private_ref", "anonymised", *CUSTOMER_COLUMNS)
        self.columns = [name for name in known if name in set(columns)]
        self.match = match
        self.rows: list[str] = []
        self.cards: list[str] = []
        # Whether a row may need what another one makes; a wrong yes only costs time.
        self.repeats = False
        self._seen: set[Any] = set()

    def add(self, line: int, row: Row) -> None:
        """Add a row."""
        values = row.values
        cleared = "{" + ",".join(row.cleared) + "}" if row.cleared else NULL
        cells = [values.get(name, NULL) for name in self.columns]
        self.rows.append("\t".join((str(line), cleared, *cells)))
        if "private_ref" in values:
            self._see(("private_ref", values["private_ref"]))
        if self.match in ("email", "phone") and self.match in values:
            self._see((self.match, values[self.match].casefold()))
        for card in row.cards:
            ref = NULL if card.ref is None else escape(card.ref)
            self.cards.append(f"{line}\t{escape(card.name)}\t{ref}\t{card.balance:f}")
            if card.ref is not None:
                self._see(("card", card.name, card.ref))

    def _see(self, key: Any) -> None:
        if key in self._seen:
            self.repeats = True
        self._seen.add(key)


class Staging:
    """The staging tables of this connection, with one batch in them."""

    def __init__(self, target: Target, batch: Batch) -> None:
        """Take where it goes, and what."""
        self.target, self.batch = target, batch
        self.values: dict[str, Any] = {
            "account": target.account_id,
            "list": target.list_id,
            "client": target.client_id,
        }
        self.counts = {"created": 0, "updated": 0, "skipped": 0, "cards": 0}

    def _prepare(self) -> None:
        sequence = self._rows("SELECT pg_get_serial_sequence('customers_customer', 'id')")[0][0]
        for statement in _TABLES.split(";"):
            self._execute(statement.replace("SEQUENCE", sequence))
        # Two imports into one list would lock each other's customers in any order.
        self._execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"transfer list {self.target.list_id}"],
        )

    def _copy(self) -> None:
        columns = ", ".join(("line", "cleared", *self.batch.columns))
        for table, named, lines in (
            ("transfer_row", columns, self.batch.rows),
            ("transfer_card", "line, name, ref, balance", self.batch.cards),
        ):
            if lines:
                with (
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy,
                ):
                    copy.write("\n".join(lines) + "\n")

    def _seen(self, kind: str, value: str) -> str:
        return (
            f"(SELECT 0::bigint AS id FROM transfer_seen WHERE kind = '{kind}'"
            f" AND transfer_seen.value = {value} LIMIT 1)"
        )

    def _refuse(self, condition: str, reason: str) -> None:
        self._execute(
            "UPDATE transfer_row AS row SET fate = 'refused', reason = %(reason)s"
            f" WHERE fate IS NULL AND ({condition})",
            {**self.values, "reason": reason},
        )

    def _execute(self, sql: str, values: Any = None) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    def _rows(self, sql: str, values: Any = None) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()
