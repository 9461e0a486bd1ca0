"""Anonymising a customer reaches the snapshots inside its orders (spec 2.5).

Orders whose link to the customer was lost with its list are out of reach: nothing tells
any more whose they were.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from accounts.models import Account
from callbacks.outbox import any_listener, erase_states
from customers.erasure import Erased
from customers.models import ANONYMISED_FIELDS
from hubcustomers import exact_json
from orders.events import record_orders_anonymised
from orders.reads import orders_of_customer

_ERASE = """
UPDATE orders_order SET customer_snapshot = customer_snapshot || %(blank)s::jsonb,
    version = version + 1
WHERE account_id = %(account)s AND customer_id = ANY(%(customers)s)
RETURNING id, customer_id
"""


def erase_from_orders(erased: Sequence[Erased], caused_by: int | None) -> None:
    """Blank the private fields in all orders of locked customers, and in their events.

    No order of theirs can be placed or changed meanwhile: those lock the customer first.
    """
    account_id = erased[0].customer.account_id
    values: dict[str, Any] = {
        "account": account_id,
        "customers": [customer.pk for customer, _before in erased],
        "blank": exact_json.dumps(
            {**dict.fromkeys(ANONYMISED_FIELDS), "anonymised": True}
        ).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, values)
        orders = cursor.fetchall()
    if not orders:
        return
    ids = [order for order, _customer in orders]
    erase_states(account_id, "order", ids, ANONYMISED_FIELDS, inside="customer")
    if any_listener(account_id, "order", "update", caused_by=caused_by):
        account = Account.objects.get(pk=account_id)
        for number in sorted({customer for _order, customer in orders}):
            rows = orders_of_customer(account_id, number)
            record_orders_anonymised(rows, account, number, caused_by=caused_by)
