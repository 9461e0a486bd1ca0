"""The queries of orders, compiled once."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from django.db.models import FilteredRelation, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, JSONObject

from customers.models import CustomerPrivateRef
from customers.reads import parameter, survivor_of
from hubcustomers.api.filters import Alternatives, Condition, asked_for, asking_instead
from hubcustomers.api.pagination import Page
from hubcustomers.api.reads import Epoch, JSONArray, PageQuery
from hubcustomers.compiled import CompiledQuery
from orders.models import Order, OrderPrivateRef

JSONText = str | bytes


class OrderRow(NamedTuple):
    """An order as one client sees it; times in seconds, what nests as JSON texts."""

    id: int
    location_id: int
    location_number: int
    timezone: str
    private_ref: str | None
    customer_id: int | None
    customer_private_ref: str | None
    customer_snapshot: JSONText | None
    ref: str | None
    status: str
    service_type: str | None
    service_type_ref: str | None
    expected_time: int | None
    confirmed_time: int | None
    customer_notes: str | None
    seller_notes: str | None
    collection_code: str | None
    coupon_codes: JSONText
    items: JSONText
    deals: JSONText
    discounts: JSONText
    charges: JSONText
    payments: JSONText
    total: Any
    loyalty_operations: JSONText | None
    custom_fields: JSONText
    created_by: str | None
    created_at: int
    version: int


def _orders(place: str) -> QuerySet[Any, Any]:
    own_ref = FilteredRelation(
        "private_refs",
        condition=Q(
            private_refs__account_id=parameter("account"),
            private_refs__client_id=parameter("client"),
        ),
    )
    customer_ref = CustomerPrivateRef.objects.filter(
        account_id=parameter("account"),
        customer_id=OuterRef("customer_id"),
        client_id=parameter("client"),
    )
    # The reverse relation: operations are an app further up.
    operation_model: Any = Order._meta.get_field("loyalty_operations").related_model
    operations = operation_model.objects.filter(
        account_id=parameter("account"), order=OuterRef("pk")
    )
    operation = JSONObject(
        name="card__name",
        ref="card__ref",
        delta=Cast("delta", TextField()),
        reason="reason",
        new_balance=Cast("new_balance", TextField()),
    )
    rows = Order.objects.annotate(own_ref=own_ref).filter(account_id=parameter("account"))
    if place == "location":
        rows = rows.filter(location_id=parameter("location"))
    return rows.values_list(
        "id",
        "location_id",
        "location__number",
        "location__timezone",
        "own_ref__ref",
        "customer_id",
        Subquery(customer_ref.values("ref")),
        "customer_snapshot",
        "ref",
        "status",
        "service_type",
        "service_type_ref",
        Epoch("expected_time"),
        Epoch("confirmed_time"),
        "customer_notes",
        "seller_notes",
        "collection_code",
        "coupon_codes",
        "items",
        "deals",
        "discounts",
        "charges",
        "payments",
        "total",
        JSONArray(operations.order_by("id").values_list(operation)),
        "custom_fields",
        "client__name",
        Epoch("created_at"),
        "version",
    )


@cache
def _one_order(place: str) -> CompiledQuery:
    return CompiledQuery(_orders(place).filter(id=parameter("order")))


_order_page = PageQuery(_orders, key="-id")


@cache
def _orders_of_customer() -> CompiledQuery:
    rows = _orders("account").filter(customer_id=parameter("customer"))
    return CompiledQuery(rows.order_by("id"))


def find_order(
    account_id: int, order_id: int, *, client_id: int | None, location_id: int | None = None
) -> OrderRow | None:
    """Return the order as the client sees it, None where there is none.

    Args:
        account_id: The account.
        order_id: The order.
        client_id: Whose private refs to show; None for nobody's.
        location_id: The location it must be at; None for any of the account.
    """
    values = {
        "account": account_id,
        "location": location_id,
        "client": client_id,
        "order": order_id,
    }
    row = _one_order(_place(location_id)).row(values)
    return None if row is None else OrderRow(*row)


def order_page(
    account_id: int,
    *,
    client_id: int,
    location_id: int | None,
    filters: list[Alternatives],
    page: Page,
) -> list[OrderRow]:
    """Return orders of the location, or of the whole account, newest first.

    The id of a merged customer finds the orders of the one who stands for it.
    """
    values = {"account": account_id, "location": location_id, "client": client_id}
    variant = _place(location_id)
    rows = _order_page.rows(values, page=page, variant=variant, filters=filters)
    owner = None if rows else asked_for(filters, "customer_id")
    other = survivor_of(account_id, int(owner)) if owner else None
    if other is not None:
        filters = asking_instead(filters, "customer_id", [[Condition("customer_id", other)]])
        rows = _order_page.rows(values, page=page, variant=variant, filters=filters)
    return [OrderRow(*row) for row in rows]


def orders_of_customer(account_id: int, customer_id: int) -> list[OrderRow]:
    """Return all orders of the customer, oldest first, without anybody's private refs."""
    values = {"account": account_id, "client": None, "customer": customer_id}
    return [OrderRow(*row) for row in _orders_of_customer().rows(values)]


def private_refs(
    account_id: int, order_ids: Iterable[int], client_ids: Iterable[int]
) -> dict[tuple[int, int], str]:
    """Return the clients' refs by order and client."""
    refs = OrderPrivateRef.objects.for_account(account_id).filter(
        order_id__in=list(order_ids), client_id__in=list(client_ids)
    )
    return {
        (order, client): ref for order, client, ref in refs.values_list("order", "client", "ref")
    }


def customer_private_refs(
    account_id: int, customer_id: int | None, client_ids: Iterable[int]
) -> dict[int, str]:
    """Return the clients' refs of the customer by client."""
    if customer_id is None:
        return {}
    refs = CustomerPrivateRef.objects.for_account(account_id).filter(
        customer_id=customer_id, client_id__in=list(client_ids)
    )
    return dict(refs.values_list("client", "ref"))


def _place(location_id: int | None) -> str:
    return "account" if location_id is None else "location"
