"""Which rows of a batch can be written: what each one means, and what is taken already."""

from hubcustomers import exact_json
from hubcustomers.api.fields import merge_custom_fields
from transfer.staging import Staging

# What tells a customer, as a value of the row, and the query that finds it.
KEYS = {"private_ref": "row.private_ref", "email": "lower(row.email)", "phone": "row.phone"}
_REF_OWNER = """
SELECT customer_id AS id FROM customers_customerprivateref
WHERE account_id = %(account)s AND customer_list_id = %(list)s AND client_id = %(client)s
    AND ref = row.private_ref
"""
_OWNERS = {
    # Of a merged customer, the one who stands for it.
    "private_ref": f"""
SELECT coalesce(customer.merged_into_id, customer.id) AS id
FROM customers_customer AS customer
WHERE customer.account_id = %(account)s AND customer.id = ({_REF_OWNER})
""",
    "email": """
SELECT id FROM customers_customer
WHERE account_id = %(account)s AND customer_list_id = %(list)s AND merged_into_id IS NULL
    AND email_folded = lower(row.email) COLLATE "C"
""",
    "phone": """
SELECT id FROM customers_customer
WHERE account_id = %(account)s AND customer_list_id = %(list)s AND merged_into_id IS NULL
    AND phone = row.phone COLLATE "C"
""",
}
_CARD_OWNER = """
SELECT 1 FROM loyalty_loyaltycard
WHERE account_id = %(account)s AND customer_list_id = %(list)s
    AND name = card.name AND ref = card.ref
"""
_SAYS = {
    "private_ref": "private_ref has already been taken",
    "email": "email belongs to a customer of the list",
    "phone": "phone belongs to a customer of the list",
}


class Judging(Staging):
    """Judges the staged rows; what cannot be written is refused with the reason."""

    @property
    def _has_refs(self) -> bool:
        return "private_ref" in self.batch.columns

    def judge(self) -> None:
        """Find what rows mean, and give those a fate that are not to be written now."""
        if self.target.match:
            self._find_targets(self.target.match)
        if self._has_refs and self.target.match != "private_ref":
            self._refuse_taken_refs()
        if self.batch.cards:
            self._judge_cards()
        if self.batch.repeats:
            self._let_wait()

    def _find_targets(self, match: str) -> None:
        self._set_targets(match)
        says = _SAYS[match]
        if self.target.on_duplicate == "error":
            self._refuse("target IS NOT NULL", says)
        elif self.target.on_duplicate == "skip":
            self.counts["skipped"] += self._execute(
                "UPDATE transfer_row SET fate = 'skipped' WHERE fate IS NULL AND target IS NOT NULL"
            )
        else:
            while not self.target.dry_run and not self._lock_targets():
                self._execute(
                    "UPDATE transfer_row SET target = NULL, several = false WHERE fate IS NULL"
                )
                self._set_targets(match)
            self._refuse("several", f"{match} belongs to several customers of the list")
            self._refuse_anonymising()
            self._refuse_large_custom_fields()

    def _lock_targets(self) -> bool:
        """Lock who is to be updated; return False where one was merged into another meanwhile."""
        merged = self._rows(
            """
            WITH locked AS MATERIALIZED (
                SELECT merged_into_id FROM customers_customer
                WHERE account_id = %(account)s
                    AND id IN (SELECT target FROM transfer_row WHERE fate IS NULL)
                ORDER BY id FOR NO KEY UPDATE
            )
            SELECT count(merged_into_id) FROM locked
            """,
            self.values,
        )
        return bool(merged[0][0] == 0)

    def _set_targets(self, match: str) -> None:
        key = KEYS[match]
        owners = f"({_OWNERS[match]} LIMIT 2)"
        if self.target.dry_run:
            owners = f"{owners} UNION ALL {self._seen('key', key)}"
        self._execute(
            f"""
            UPDATE transfer_row AS row SET target = found.id, several = found.several
            FROM (
                SELECT line, min(owner.id) AS id, count(*) > 1 AS several
                FROM transfer_row AS row CROSS JOIN LATERAL ({owners}) AS owner
                WHERE fate IS NULL AND {key} IS NOT NULL
                GROUP BY line
            ) AS found
            WHERE found.line = row.line
            """,
            self.values,
        )

    def _refuse_large_custom_fields(self) -> None:
        """Refuse what would make a customer's custom fields too large, as the API does."""
        if "custom_fields" not in self.batch.columns:
            return
        # PostgreSQL writes JSON with blanks, so what is small to it is small.
        suspects = self._rows(
            """
            SELECT row.line, (customer.custom_fields || row.custom_fields)::text
            FROM transfer_row AS row JOIN customers_customer AS customer
                ON customer.account_id = %(account)s AND customer.id = row.target
            WHERE row.fate IS NULL
                AND octet_length((customer.custom_fields || row.custom_fields)::text) > 8192
            """,
            self.values,
        )
        for line, text in suspects:
            try:
                merge_custom_fields({}, exact_json.loads(text))
            except ValueError as error:
                self._refuse(f"line = {int(line)}", f"custom_fields {error}")

    def _refuse_anonymising(self) -> None:
        if "anonymised" in self.batch.columns:
            self._refuse(
                "anonymised AND EXISTS (SELECT FROM customers_customer AS customer"
                " WHERE account_id = %(account)s AND customer.id = target"
                " AND NOT customer.anonymised)",
                "anonymised can only be imported with a new customer",
            )

    def _refuse_taken_refs(self) -> None:
        owners = _REF_OWNER
        if self.target.dry_run:
            owners = f"{owners} UNION ALL {self._seen('ref', 'row.private_ref')}"
        self._refuse(
            f"private_ref IS NOT NULL AND EXISTS (SELECT FROM ({owners}) AS owner"
            " WHERE owner.id IS DISTINCT FROM row.target)",
            _SAYS["private_ref"],
        )

    def _judge_cards(self) -> None:
        # A card that exists keeps its balance: only the ledger's writers move it.
        self._execute(
            """
            DELETE FROM transfer_card AS card USING transfer_row AS row
            WHERE row.line = card.line AND row.fate IS NULL AND row.target IS NOT NULL
                AND EXISTS (SELECT FROM loyalty_loyaltycard
                    WHERE account_id = %(account)s AND customer_id = row.target
                    AND name = card.name)
            """,
            self.values,
        )
        owners = f"({_CARD_OWNER} LIMIT 1)"
        if self.target.dry_run:
            seen = self._seen("card", "card.name || chr(31) || card.ref")
            owners = f"{owners} UNION ALL {seen}"
        self._refuse(
            "EXISTS (SELECT FROM transfer_card AS card CROSS JOIN LATERAL"
            f" ({owners}) AS owner WHERE card.line = row.line AND card.ref IS NOT NULL)"
            if self.batch.repeats or self.target.dry_run
            else f"""line IN (SELECT card.line FROM transfer_card AS card
                CROSS JOIN LATERAL ({owners}) AS owner WHERE card.ref IS NOT NULL)""",
            "card_ref has already been taken",
        )

    def _let_wait(self) -> None:
        """Let rows wait that share something with an earlier row that is still to be done."""
        keys = ["('ref', row.private_ref)"] if self._has_refs else []
        if self.target.match:
            keys.append(f"('key', {KEYS[self.target.match]})")
        keys.append("(NULL, NULL)")
        self._execute(
            f"""
            WITH shared AS (
                SELECT row.line, key.kind, key.value
                FROM transfer_row AS row
                CROSS JOIN LATERAL (VALUES {", ".join(keys)}) AS key (kind, value)
                WHERE row.fate IS NULL AND key.value IS NOT NULL
                UNION ALL
                SELECT row.line, 'card', card.name || chr(31) || card.ref
                FROM transfer_row AS row JOIN transfer_card AS card ON card.line = row.line
                WHERE row.fate IS NULL AND card.ref IS NOT NULL
            )
            UPDATE transfer_row AS row SET fate = 'waits'
            FROM (
                SELECT line, row_number() OVER (PARTITION BY kind, value ORDER BY line) AS nth
                FROM shared
            ) AS place
            WHERE place.line = row.line AND place.nth > 1
            """
        )
