"""The customer of an order: one statement finds it, locks it and counts the order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database

from accounts.models import Connection
from customers.reads import find_list
from hubcustomers import exact_json
from hubcustomers.exceptions import InvalidField
from hubcustomers.public_ids import customer_ids, customer_list_ids
from orders import statistics
from orders.parts import SNAPSHOT_FIELDS, snapshot

# A card made for the order refers to the list. Whoever deletes the list locks it before its
# customers, so it must be locked first here too.
_KEEP_LIST = """
SELECT id FROM customers_customerlist WHERE account_id = %(account)s AND id = coalesce(
    (SELECT customer_list_id FROM customers_customer
        WHERE account_id = %(account)s AND id = %(customer)s),
    %(list)s
) FOR KEY SHARE
"""

# One statement finds the customer, locks it, counts the order and returns the customer as
# it is: whoever anonymises it at the same time is either before all of this or after.
_COUNT = """
UPDATE customers_customer AS customer SET
    nb_orders = customer.nb_orders + %(number)s,
    order_total = customer.order_total + %(total)s,
    first_order_date = CASE WHEN %(number)s = 0 THEN customer.first_order_date
        ELSE LEAST(customer.first_order_date, statement_timestamp()) END,
    last_order_date = CASE WHEN %(number)s = 0 THEN customer.last_order_date
        ELSE GREATEST(customer.last_order_date, statement_timestamp()) END
FROM customers_customerlist AS list
WHERE customer.account_id = %(account)s AND customer.id = {customer}
    AND customer.merged_into_id IS NULL
    AND list.id = customer.customer_list_id AND list.account_id = %(account)s
    AND (%(location)s::bigint IS NULL OR list.location_id IS NULL
        OR list.location_id = %(location)s)
    AND (%(only_list)s::bigint IS NULL OR list.id = %(only_list)s)
RETURNING customer.id, customer.customer_list_id, customer.anonymised, statement_timestamp(),
    (SELECT ref FROM customers_customerprivateref AS own
        WHERE own.account_id = %(account)s AND own.customer_id = customer.id
            AND own.client_id = %(client)s),
    {columns}
"""
_COLUMNS = ", ".join(f"customer.{name}" for name in SNAPSHOT_FIELDS)
_BY_ID = "%(customer)s"
_BY_REF = """(
        SELECT customer_id FROM customers_customerprivateref
        WHERE account_id = %(account)s AND customer_list_id = %(list)s
            AND client_id = %(client)s AND ref = %(ref)s)"""
_COUNT_BY_ID, _COUNT_BY_REF = (
    _COUNT.format(customer=customer, columns=_COLUMNS) for customer in (_BY_ID, _BY_REF)
)
_SURVIVOR_BY_ID, _SURVIVOR_BY_REF = (
    "SELECT merged_into_id FROM customers_customer"
    f" WHERE account_id = %(account)s AND id = {customer} AND merged_into_id IS NOT NULL"
    for customer in (_BY_ID, _BY_REF)
)


@dataclass(frozen=True)
class Buyer:
    """The customer as of the order, locked; ``snapshot`` is what the order keeps of it."""

    customer_id: int
    customer_list_id: int
    ordered_at: datetime
    private_ref: str | None
    snapshot: dict[str, Any]


def count_for_customer(
    connection: Connection, data: dict[str, Any], kept: dict[str, Any]
) -> Buyer | None:
    """Lock the customer that the order names, count the order, and return the customer."""
    by_id = data.get("customer_id") is not None
    if not by_id and data.get("customer_list_id") is None:
        return None
    is_counted = statistics.counts(kept["status"])
    values: dict[str, Any] = {
        "account": connection.account_id,
        "location": connection.location_id,
        "client": connection.client_id,
        # A customer that the token may not read must not be read through an order.
        "only_list": connection.only_list_id(),
        "customer": customer_ids.decode(data.get("customer_id") or "") or 0,
        "list": customer_list_ids.decode(data.get("customer_list_id") or "") or 0,
        "ref": data.get("customer_private_ref"),
        "number": int(is_counted),
        "total": kept["total"] if is_counted else 0,
    }
    with statistics.refuse_overflow(), database.cursor() as cursor:
        if data.get("loyalty_operations"):
            cursor.execute(_KEEP_LIST, values)
        cursor.execute(_COUNT_BY_ID if by_id else _COUNT_BY_REF, values)
        row = cursor.fetchone()
        if row is None:
            # Perhaps merged, long ago or while we waited for its row.
            cursor.execute(_SURVIVOR_BY_ID if by_id else _SURVIVOR_BY_REF, values)
            values["customer"] = next(iter(cursor.fetchone() or ()), 0)
            cursor.execute(_COUNT_BY_ID, values)
            row = cursor.fetchone()
    if row is None:
        raise _unknown_customer(connection, by_id=by_id, list_id=values["list"])
    customer_id, list_id, anonymised, ordered_at, private_ref, *columns = row
    fields = dict(zip(SNAPSHOT_FIELDS, columns, strict=True))
    fields["custom_fields"] = exact_json.loads(fields["custom_fields"])
    shot = snapshot(
        fields, anonymised=anonymised, customer_list_id=customer_list_ids.encode(list_id)
    )
    return Buyer(customer_id, list_id, ordered_at, private_ref, shot)


def _unknown_customer(connection: Connection, *, by_id: bool, list_id: int) -> InvalidField:
    if by_id:
        return InvalidField("customer_id", "doesn't exist")
    only = connection.only_list_id()
    if only not in (None, list_id) or find_list(connection, list_id) is None:
        return InvalidField("customer_list_id", "doesn't exist")
    return InvalidField("customer_private_ref", "doesn't exist in this customer list")
