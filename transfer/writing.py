"""What a judged batch becomes: customers, private refs, cards and opening operations."""

from contextlib import ExitStack
from typing import Any

from callbacks import outbox
from customers.events import customer_update, record_customer_created
from loyalty import ledger
from transfer.judging import KEYS, Judging
from transfer.staging import CUSTOMER_COLUMNS, Outcome

# Columns that hold no null.
_DEFAULTS = {
    "sms_marketing": "false",
    "email_marketing": "false",
    "custom_fields": "'{}'::jsonb",
    "created_at": "now()",
}
_WITHOUT_NULLS = (
    "(SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(row.custom_fields)"
    " WHERE value <> 'null'::jsonb)"
)


class Writing(Judging):
    """Does a batch, pass by pass."""

    def run(self, *, judged: bool = True) -> Outcome:
        """Do the batch, inside the caller's transaction.

        Args:
            judged: Whether rows that cannot be written are found before and refused; else the
                first of them is the end of the transaction.
        """
        self._prepare()
        self._copy()
        while True:
            if judged:
                self.judge()
            self._apply()
            if not self._next_pass():
                break
        refused = self._rows(
            "SELECT line, reason FROM transfer_row WHERE fate = 'refused' ORDER BY line"
        )
        return Outcome(self.counts, refused)

    def _next_pass(self) -> bool:
        if not self.batch.repeats:
            return False
        self._execute("UPDATE transfer_row SET fate = 'done' WHERE fate IS NULL")
        return bool(
            self._execute(
                "UPDATE transfer_row SET fate = NULL, target = NULL, several = false"
                " WHERE fate = 'waits'"
            )
        )

    def _apply(self) -> None:
        if self.target.dry_run:
            self._remember()
            return
        with ExitStack() as told:
            created = self._tell(told)
            self._create()
            if self.target.match and self.target.on_duplicate == "update":
                self._update()
            if self.batch.cards:
                self._open_cards()
            for customer_id in created:
                record_customer_created(
                    account_id=self.target.account_id,
                    customer_list_id=self.target.list_id,
                    customer_id=customer_id,
                    caused_by=self.target.client_id,
                )

    def _tell(self, told: ExitStack) -> list[int]:
        """Enter the updates that listeners are told; return the new customers they hear of."""
        if not self.target.events:
            return []
        place: dict[str, Any] = {
            "account_id": self.target.account_id,
            "caused_by": self.target.client_id,
        }
        if outbox.any_listener(event_type="update", resource_type="customer", **place):
            for (number,) in self._rows(
                "SELECT DISTINCT target FROM transfer_row"
                " WHERE fate IS NULL AND target IS NOT NULL ORDER BY target"
            ):
                told.enter_context(
                    customer_update(
                        customer_list_id=self.target.list_id, customer_id=number, **place
                    )
                )
        if not outbox.any_listener(event_type="create", resource_type="customer", **place):
            return []
        rows = self._rows(
            "SELECT customer_id FROM transfer_row WHERE fate IS NULL AND target IS NULL"
            " ORDER BY line"
        )
        return [number for (number,) in rows]

    def _create(self) -> None:
        columns = [name for name in self.batch.columns if name in CUSTOMER_COLUMNS]
        values = [self._new_value(name) for name in columns]
        for name in ("custom_fields",):
            if name not in columns:
                columns.append(name)
                values.append(_DEFAULTS[name])
        if self.batch.cards:
            # Else a trigger of the cards would write each customer a second time.
            columns.append("has_card")
            values.append("line IN (SELECT line FROM transfer_card)")
        anonymised = (
            "coalesce(row.anonymised, false)" if "anonymised" in self.batch.columns else "false"
        )
        self.counts["created"] += self._execute(
            f"""
            INSERT INTO customers_customer
                (id, account_id, customer_list_id, anonymised, {", ".join(columns)})
            SELECT row.customer_id, %(account)s, %(list)s, {anonymised}, {", ".join(values)}
            FROM transfer_row AS row WHERE fate IS NULL AND target IS NULL ORDER BY line
            """,
            self.values,
        )
        if self._has_refs:
            self._execute(
                """
                INSERT INTO customers_customerprivateref
                    (account_id, customer_list_id, customer_id, client_id, ref)
                SELECT %(account)s, %(list)s, customer_id, %(client)s, private_ref
                FROM transfer_row
                WHERE fate IS NULL AND target IS NULL AND private_ref IS NOT NULL
                ORDER BY line
                """,
                self.values,
            )

    def _new_value(self, name: str) -> str:
        if name == "custom_fields":
            return f"CASE WHEN row.custom_fields IS NULL THEN '{{}}' ELSE {_WITHOUT_NULLS} END"
        default = _DEFAULTS.get(name)
        return f"coalesce(row.{name}, {default})" if default else f"row.{name}"

    def _update(self) -> None:
        columns = [
            name for name in self.batch.columns if name in CUSTOMER_COLUMNS and name != "created_at"
        ]
        changes = ", ".join(f"{name} = {self._changed_value(name)}" for name in columns)
        self.counts["updated"] += self._execute(
            f"""
            UPDATE customers_customer AS customer SET {changes or "version = customer.version"}
            FROM transfer_row AS row
            WHERE customer.account_id = %(account)s AND customer.id = row.target
                AND row.fate IS NULL
            """,
            self.values,
        )
        if self._has_refs and self.target.match != "private_ref":
            self._update_refs()

    def _changed_value(self, name: str) -> str:
        if name == "custom_fields":
            return f"""CASE WHEN '{name}' = ANY(row.cleared) THEN '{{}}'::jsonb
                WHEN row.custom_fields IS NULL THEN customer.custom_fields
                ELSE (SELECT coalesce(jsonb_object_agg(key, value), '{{}}')
                    FROM jsonb_each(customer.custom_fields || row.custom_fields)
                    WHERE value <> 'null'::jsonb) END"""
        kept = f"coalesce(row.{name}, customer.{name})"
        if name in _DEFAULTS:
            return kept
        return f"CASE WHEN '{name}' = ANY(row.cleared) THEN NULL ELSE {kept} END"

    def _update_refs(self) -> None:
        self._execute(
            """
            DELETE FROM customers_customerprivateref AS own USING transfer_row AS row
            WHERE own.account_id = %(account)s AND own.customer_id = row.target
                AND own.client_id = %(client)s AND row.fate IS NULL
                AND ('private_ref' = ANY(row.cleared) OR own.ref <> row.private_ref)
            """,
            self.values,
        )
        self._execute(
            """
            INSERT INTO customers_customerprivateref
                (account_id, customer_list_id, customer_id, client_id, ref)
            SELECT %(account)s, %(list)s, target, %(client)s, private_ref
            FROM transfer_row
            WHERE fate IS NULL AND target IS NOT NULL AND private_ref IS NOT NULL
            ORDER BY line
            ON CONFLICT (account_id, customer_id, client_id) DO NOTHING
            """,
            self.values,
        )

    def _open_cards(self) -> None:
        self.counts["cards"] += ledger.open_cards(
            "SELECT coalesce(row.target, row.customer_id) AS customer_id, card.name, card.ref,"
            " card.balance FROM transfer_card AS card"
            " JOIN transfer_row AS row ON row.line = card.line"
            " WHERE row.fate IS NULL ORDER BY card.line",
            account_id=self.target.account_id,
            list_id=self.target.list_id,
            reason=self.target.reason,
            values={},
        )

    def _remember(self) -> None:
        """Note what this pass would have made, for the rows to come."""
        todo = self._rows(
            "SELECT count(*) FILTER (WHERE target IS NULL), count(target)"
            " FROM transfer_row WHERE fate IS NULL"
        )[0]
        self.counts["created"] += todo[0]
        self.counts["updated"] += todo[1]
        keys = [("ref", "row.private_ref")] if self._has_refs else []
        if self.target.match:
            keys.append(("key", KEYS[self.target.match]))
        for kind, key in keys:
            self._execute(
                f"INSERT INTO transfer_seen SELECT '{kind}', {key} FROM transfer_row AS row"
                f" WHERE fate IS NULL AND target IS NULL AND {key} IS NOT NULL"
            )
        self.counts["cards"] += self._rows(
            """
            WITH made AS (
                SELECT card.name, card.ref FROM transfer_card AS card
                JOIN transfer_row AS row ON row.line = card.line WHERE row.fate IS NULL
            ), noted AS (
                INSERT INTO transfer_seen
                SELECT 'card', name || chr(31) || ref FROM made WHERE ref IS NOT NULL
            )
            SELECT count(*) FROM made
            """
        )[0][0]
