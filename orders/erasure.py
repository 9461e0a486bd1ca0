"""Anonymising a customer reaches the snapshots inside its orders (spec 2.5).

Orders whose link to the customer was lost with its list are out of reach: nothing tells
any more whose they were.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from accounts.models import Account
from callbacks.outbox import any_listener, erase_states
from customers.models import ANONYMISED_FIELDS, Customer
from hubcustomers import exact_json
from orders.events import record_orders_anonymised
from orders.reads import orders_of_customer

_ERASE = """
UPDATE orders_order SET customer_snapshot = customer_snapshot || %(blank)s::jsonb,
    version = version + 1
WHERE account_id = %(account)s AND customer_id = %(customer)s
RETURNING id
"""


def erase_from_orders(customer: Customer, caused_by: int | None, before: Mapping[str, Any]) -> None:
    """Blank the private fields in all orders of a locked customer, and in their events.

    No order of the customer can be placed or changed meanwhile: those lock it first.
    """
    values: dict[str, Any] = {
        "account": customer.account_id,
        "customer": customer.pk,
        "blank": exact_json.dumps(
            {**dict.fromkeys(ANONYMISED_FIELDS), "anonymised": True}
        ).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, values)
        erased = [number for (number,) in cursor.fetchall()]
    if not erased:
        return
    erase_states(customer.account_id, "order", erased, ANONYMISED_FIELDS, inside="customer")
    if any_listener(customer.account_id, "order", "update", caused_by=caused_by):
        rows = orders_of_customer(customer.account_id, customer.pk)
        account = Account.objects.get(pk=customer.account_id)
        record_orders_anonymised(rows, account, customer.pk, caused_by=caused_by)
