"""Everything that writes orders (companion, section 8).

Each function expects to run inside a transaction. The customer's row is locked before any
order and any card of it, here and wherever a customer is anonymised: that one order of
locks lets no two writers wait for each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection as database

from accounts.models import Connection, Location
from hubcustomers import exact_json
from hubcustomers.api.fields import merged_custom_fields
from hubcustomers.compiled import CompiledInsert
from hubcustomers.exceptions import InvalidField, ObjectNotFound
from hubcustomers.phones import normalise_phone
from orders import events, statistics
from orders.buyers import count_for_customer
from orders.models import Order, OrderPrivateRef
from orders.parts import kept_parts, snapshot
from orders.reads import OrderRow, find_order

# Of this size no few orders can make a total that their customer's row could not keep.
_MAX_TOTAL = 10**10

_PARTS = ("coupon_codes", "items", "deals", "discounts", "charges", "payments")
_PLAIN = (
    "status",
    "ref",
    "service_type",
    "service_type_ref",
    "customer_notes",
    "seller_notes",
    "collection_code",
)
_TIMES = ("expected_time", "confirmed_time")


@dataclass(frozen=True)
class PlacedOrder:
    """An order just inserted, for what else must happen in its transaction.

    Attributes:
        order_id: The order.
        location_number: Its location's number within the account.
        customer_id: The customer, locked.
        customer_list_id: The customer's list.
    """

    order_id: int
    location_number: int
    customer_id: int
    customer_list_id: int


# Runs the validated loyalty operations of an order; returns them as the order shows them.
RunOperations = Callable[[PlacedOrder, list[dict[str, Any]]], list[dict[str, Any]]]


def create_order(
    connection: Connection,
    location: Location,
    data: dict[str, Any],
    *,
    run_operations: RunOperations,
) -> OrderRow:
    """Place an order at the location; statistics and operations go with it or not at all.

    Args:
        connection: Who places it; what it reaches is where its customer may be.
        location: Where it is placed, known to be in reach.
        data: Validated fields.
        run_operations: Runs the loyalty operations, an app further up.

    Raises:
        InvalidField: No such customer in reach, or a rule of its parts is broken.
        IntegrityError: The private ref is taken.
    """
    account = connection.account
    kept = _kept_order(data, location, account.currency)
    customer = count_for_customer(connection, data, kept)
    operations = data.get("loyalty_operations") or []
    if operations and customer is None:
        raise InvalidField("loyalty_operations", "need an order with a customer")
    if customer is not None:
        kept["customer"] = customer.customer_id
        kept["customer_snapshot"] = customer.snapshot
        kept["created_at"] = customer.ordered_at
    order_id, created_at = _order_insert(dated=customer is not None).insert(
        {**kept, "account": account.pk, "location": location.pk, "client": connection.client_id}
    )
    private_ref = data.get("private_ref")
    if private_ref is not None:
        _insert_private_ref(account.pk, location.pk, order_id, connection.client_id, private_ref)
    done = []
    if operations and customer is not None:
        placed = PlacedOrder(
            order_id, location.number, customer.customer_id, customer.customer_list_id
        )
        done = run_operations(placed, operations)
    row = _new_row(
        kept,
        id=order_id,
        location_id=location.pk,
        location_number=location.number,
        timezone=location.timezone,
        private_ref=private_ref,
        customer_id=kept["customer"],
        customer_private_ref=customer and customer.private_ref,
        loyalty_operations=exact_json.dumps(done),
        created_by=connection.client.name,
        created_at=created_at,
        version=0,
    )
    events.record_order_created(row, account, caused_by=connection.client_id)
    return row


def _kept_order(data: dict[str, Any], location: Location, currency: str) -> dict[str, Any]:
    kept: dict[str, Any] = {name: data.get(name) for name in (*_PLAIN, *_TIMES)}
    kept.update(kept_parts(data, currency))
    if abs(kept["total"]) >= _MAX_TOTAL:
        raise InvalidField("items", "make a total that is out of range")
    kept["custom_fields"] = merged_custom_fields({}, data.get("custom_fields"))
    kept["customer"] = None
    kept["customer_snapshot"] = None
    if data.get("customer") is not None:
        guest = {**data["customer"]}
        if guest.get("phone"):
            home = guest.get("country") or location.country
            guest["phone"] = normalise_phone(guest["phone"], home) or None
        kept["customer_snapshot"] = snapshot(guest)
    return kept


def _new_row(kept: dict[str, Any], **given: Any) -> OrderRow:
    """Return the row of an order just inserted, without reading it again."""
    texts: dict[str, Any] = {
        name: exact_json.dumps(kept[name]) for name in (*_PARTS, "custom_fields")
    }
    times: dict[str, Any] = {name: kept[name] and int(kept[name].timestamp()) for name in _TIMES}
    shot = kept["customer_snapshot"]
    return OrderRow(
        **{name: kept[name] for name in _PLAIN},
        **texts,
        **times,
        **given,
        customer_snapshot=None if shot is None else exact_json.dumps(shot),
        total=kept["total"],
    )


# --- another customer ---------------------------------------------------------------

_HAND_OVER = """
UPDATE orders_order SET customer_id = %(taker)s, version = version + 1
WHERE account_id = %(account)s AND customer_id = %(giver)s
    AND (%(only)s::bigint[] IS NULL OR id = ANY(%(only)s::bigint[]))
RETURNING id
"""


def hand_over_orders(
    account_id: int, *, giver: int, taker: int, only: list[int] | None = None
) -> list[int]:
    """Give orders of one customer to another, both locked; the snapshots stay as they are.

    Nobody can place or change an order of either meanwhile. The caller recomputes the
    statistics and tells the listeners (``orders_change_hands``).

    Returns:
        The orders, of which some may be gone from ``only`` since.
    """
    values = {"account": account_id, "giver": giver, "taker": taker, "only": only}
    with database.cursor() as cursor:
        cursor.execute(_HAND_OVER, values)
        return [number for (number,) in cursor.fetchall()]


# --- update -------------------------------------------------------------------------

_CHANGEABLE = ("status", "confirmed_time", "seller_notes", "collection_code", "custom_fields")

# An order's customer changes when its list goes, and when two customers are merged.
_LOCK_CUSTOMER = """
SELECT id FROM customers_customer WHERE account_id = %(account)s AND id = (
    SELECT customer_id FROM orders_order WHERE account_id = %(account)s AND id = %(order)s
        AND (%(location)s::bigint IS NULL OR location_id = %(location)s)
) FOR NO KEY UPDATE
"""
_LOCK_ORDER = """
SELECT customer_id FROM orders_order WHERE account_id = %(account)s AND id = %(order)s
    AND (%(location)s::bigint IS NULL OR location_id = %(location)s)
FOR NO KEY UPDATE
"""
_UPDATE = """
UPDATE orders_order SET status = %(status)s,
    confirmed_time = to_timestamp(%(confirmed_time)s::bigint), seller_notes = %(seller_notes)s,
    collection_code = %(collection_code)s, custom_fields = %(custom_fields)s::jsonb,
    version = %(version)s
WHERE account_id = %(account)s AND id = %(order)s
"""


def update_order(
    connection: Connection, order_id: int, changes: dict[str, Any], *, location: Location | None
) -> OrderRow:
    """Change what may change of an order, and the customer's statistics with its status.

    Args:
        connection: Who changes it, and whose private ref is set.
        order_id: The order.
        changes: Validated fields.
        location: The location it must be at; None for any of the account.

    Raises:
        ObjectNotFound: No such order.
        InvalidField: The custom fields are too large.
        IntegrityError: The private ref is taken.
    """
    account = connection.account
    location_id = None if location is None else location.pk
    values = {"account": account.pk, "order": order_id, "location": location_id}
    with database.cursor() as cursor:
        cursor.execute(_LOCK_CUSTOMER, values)
        known = cursor.fetchone()
        cursor.execute(_LOCK_ORDER, values)
        found = cursor.fetchone()
        if found is not None and found != known and found[0] is not None:
            # Merged while we waited for its customer: the other one is locked after the order,
            # and whoever holds it meanwhile and wants the order makes us try again.
            cursor.execute(_LOCK_CUSTOMER, values)
    before = find_order(
        account.pk, order_id, client_id=connection.client_id, location_id=location_id
    )
    if before is None:
        raise ObjectNotFound
    after = _changed(before, changes)
    if after != before:
        _write_changes(account.pk, before, after)
        events.record_order_updated(before, after, account, caused_by=connection.client_id)
    if "private_ref" in changes:
        _set_private_ref(after, account.pk, connection.client_id, changes["private_ref"])
        after = after._replace(private_ref=changes["private_ref"])
    return after


def _changed(before: OrderRow, changes: dict[str, Any]) -> OrderRow:
    """Return the row as the changes make it, with a new version; else the very same row."""
    wanted = {name: changes[name] for name in _CHANGEABLE if name in changes}
    if wanted.get("confirmed_time") is not None:
        wanted["confirmed_time"] = int(wanted["confirmed_time"].timestamp())
    if "custom_fields" in wanted:
        old = exact_json.loads(str(before.custom_fields))
        merged = merged_custom_fields(old, wanted.pop("custom_fields"))
        if not exact_json.same(merged, old):
            wanted["custom_fields"] = exact_json.dumps(merged).decode()
    after = before._replace(**wanted)
    return after if after == before else after._replace(version=before.version + 1)


def _write_changes(account_id: int, before: OrderRow, after: OrderRow) -> None:
    values = {name: getattr(after, name) for name in (*_CHANGEABLE, "version")}
    with database.cursor() as cursor:
        cursor.execute(_UPDATE, {**values, "account": account_id, "order": after.id})
    is_counted = statistics.counts(after.status)
    if after.customer_id is not None and is_counted != statistics.counts(before.status):
        statistics.recount(
            account_id, after.customer_id, after.id, total=after.total, counted=is_counted
        )


def _set_private_ref(row: OrderRow, account_id: int, client_id: int, ref: str | None) -> None:
    if row.private_ref == ref:
        return
    own = OrderPrivateRef.objects.for_account(account_id).filter(
        order_id=row.id, client_id=client_id
    )
    if ref is None:
        own.delete()
    elif row.private_ref is None:
        _insert_private_ref(account_id, row.location_id, row.id, client_id, ref)
    else:
        own.update(ref=ref)


@cache
def _order_insert(*, dated: bool) -> CompiledInsert:
    fields = ["account", "location", "client", "customer", "customer_snapshot", *_PLAIN, *_TIMES]
    fields += [*_PARTS, "total", "custom_fields"]
    # The customer's statistics say the same instant as the order.
    fields += ["created_at"] if dated else []
    return CompiledInsert(
        Order, fields, returning="id, floor(extract(epoch FROM created_at))::bigint"
    )


@cache
def _ref_insert() -> CompiledInsert:
    return CompiledInsert(
        OrderPrivateRef, ["account", "location", "order", "client", "ref"], returning="id"
    )


def _insert_private_ref(
    account_id: int, location_id: int, order_id: int, client_id: int, ref: str
) -> None:
    _ref_insert().insert(
        {
            "account": account_id,
            "location": location_id,
            "order": order_id,
            "client": client_id,
            "ref": ref,
        }
    )
