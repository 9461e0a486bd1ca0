"""What is in a database, in numbers that a restored copy must have too."""

from typing import Any

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
ORDER BY relname
"""
_RULES = """
SELECT (SELECT count(*) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace),
    (SELECT count(*) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'),
    (SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema())
"""
_LEDGER = """
SELECT (SELECT count(*) FROM loyalty_loyaltyoperation),
    (SELECT coalesce(sum(delta), 0)::text FROM loyalty_loyaltyoperation),
    (SELECT coalesce(sum(balance), 0)::text FROM loyalty_loyaltycard)
"""


def count_everything(cursor: Any) -> dict[str, Any]:
    """Return rows by table, the ledger's sums, and how many rules the database keeps."""
    cursor.execute(_TABLES)
    names = [name for (name,) in cursor.fetchall()]
    tables = {}
    for name in names:
        cursor.execute(f'SELECT count(*) FROM "{name}"')
        tables[name] = cursor.fetchone()[0]
    cursor.execute(_RULES)
    rules = dict(zip(("triggers", "constraints", "indexes"), cursor.fetchone(), strict=True))
    cursor.execute(_LEDGER)
    ledger = dict(zip(("operations", "deltas", "balances"), cursor.fetchone(), strict=True))
    return {"tables": tables, "rules": rules, "ledger": ledger}


def differences(told: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return a sentence for each number of the manifest that the copy does not have."""
    sentences = []
    for part in ("tables", "rules", "ledger"):
        for name in sorted(told[part].keys() | found[part].keys()):
            expected, seen = told[part].get(name), found[part].get(name)
            if expected != seen:
                sentences.append(f"{part}: {name} is {seen} in the copy and was {expected}.")
    return sentences
