"""Anonymising a customer reaches what the desk keeps of it: former values, and pairs."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from customers.erasure import Erased

_ERASE = """
WITH forgotten AS (
    DELETE FROM desk_possibleduplicate WHERE account_id = %(account)s
        AND (first_id = ANY(%(ids)s) OR second_id = ANY(%(ids)s))
)
UPDATE desk_merge SET changes = '{}' WHERE account_id = %(account)s
    AND (survivor_id = ANY(%(ids)s) OR merged_id = ANY(%(ids)s)) AND changes <> '{}'
"""


def erase_from_desk(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Forget what merges changed of these customers, and who they might be."""
    values: dict[str, Any] = {
        "account": erased[0].customer.account_id,
        "ids": [customer.pk for customer, _before in erased],
    }
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, values)
