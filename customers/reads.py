"""The queries of customer lists and customers that every till waits for, compiled once."""

from datetime import date
from functools import cache
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
)
from django.db.models.functions import Cast, JSONObject

from accounts.models import Connection
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers import exact_json
from hubcustomers.api.filters import Alternatives, Condition, asked_for, asking_instead
from hubcustomers.api.pagination import Page
from hubcustomers.api.reads import Epoch, JSONArray, PageQuery
from hubcustomers.compiled import CompiledQuery, Parameter


def parameter(name: str) -> Parameter:
    """Return an open parameter that takes a row's number."""
    return Parameter(name, BigIntegerField())


def list_in_reach(level: str, path: str = "") -> Q:
    """Return the condition that a list is in reach of a token of this access level.

    A location's token reaches the location's lists and those of the whole account; the
    account itself is always a condition of its own.
    """
    if level == "account":
        return Q()
    location = f"{path}location"
    return Q(**{f"{location}__isnull": True}) | Q(**{location: parameter("location")})


def reach(connection: Connection) -> dict[str, Any]:
    """Return the values that every read of this connection binds."""
    return {
        "account": connection.account_id,
        "location": connection.location_id,
        "client": connection.client_id,
    }


def level(connection: Connection) -> str:
    """Return the connection's access level: location or account."""
    return "account" if connection.location_id is None else "location"


# --- lists --------------------------------------------------------------------------


class ListRow(NamedTuple):
    """A customer list as read; ``created_at`` in seconds, zone and country of its location."""

    id: int
    name: str
    location_id: int | None
    created_at: int
    timezone: str | None
    country: str | None


def _lists() -> QuerySet[Any, Any]:
    return CustomerList.objects.filter(account_id=parameter("account"))


def _list_values(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return rows.values_list(
        "id",
        "name",
        "location_id",
        Epoch("created_at"),
        "location__timezone",
        "location__country",
    )


@cache
def _one_list(level: str) -> CompiledQuery:
    rows = _lists().filter(list_in_reach(level), id=parameter("list"))
    return CompiledQuery(_list_values(rows))


def _lists_of(variant: tuple[str, bool]) -> QuerySet[Any, Any]:
    owner, only_one = variant
    rows = _lists()
    if owner == "account":
        rows = rows.filter(location__isnull=True)
    else:
        rows = rows.filter(list_in_reach("location"))
    if only_one:
        rows = rows.filter(id=parameter("list"))
    return _list_values(rows)


_list_page = PageQuery(_lists_of, key="-id")


def find_list(connection: Connection, list_id: int) -> ListRow | None:
    """Return the list where the connection's level reaches it, else None."""
    row = _one_list(level(connection)).row({**reach(connection), "list": list_id})
    return None if row is None else ListRow(*row)


def list_page(connection: Connection, *, location_id: int | None, page: Page) -> list[ListRow]:
    """Return lists, newest first: of a location and its account, or the account's own."""
    only = connection.only_list_id()
    owner = "account" if location_id is None else "location"
    rows = _list_page.rows(
        {**reach(connection), "location": location_id, "list": only},
        page=page,
        variant=(owner, only is not None),
    )
    return [ListRow(*row) for row in rows]


# --- customers ----------------------------------------------------------------------


class CustomerRow(NamedTuple):
    """A customer as one client sees it; times in seconds, decimals as PostgreSQL's text.

    ``loyalty_cards`` and ``custom_fields`` are JSON texts.
    """

    id: int
    customer_list_id: int
    anonymised: bool
    private_ref: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    gender: str | None
    birth_date: date | None
    company_name: str | None
    phone: str | None
    address_1: str | None
    address_2: str | None
    postal_code: str | None
    city: str | None
    state: str | None
    country: str | None
    latitude: str | None
    longitude: str | None
    delivery_notes: str | None
    sms_marketing: bool
    email_marketing: bool
    nb_orders: int
    order_total: Any
    first_order_date: int | None
    last_order_date: int | None
    loyalty_cards: str | None
    custom_fields: str | bytes
    phone_access_code: str | None
    created_at: int
    timezone: str | None


def _customers(level: str) -> QuerySet[Any, Any]:
    own_ref = FilteredRelation(
        "private_refs",
        condition=Q(
            private_refs__account_id=parameter("account"),
            private_refs__customer_list_id=parameter("list"),
            private_refs__client_id=parameter("client"),
        ),
    )
    # Shown by a look into its index for each row shown; joined only where it is the filter.
    # A join of its own makes PostgreSQL read every ref of the list for a page of them.
    shown_ref = CustomerPrivateRef.objects.filter(
        account_id=parameter("account"), customer=OuterRef("pk"), client_id=parameter("client")
    )
    # The reverse relation: cards are an app further up.
    card_model: Any = Customer._meta.get_field("loyalty_cards").related_model
    cards = card_model.objects.filter(account_id=parameter("account"), customer=OuterRef("pk"))
    card = JSONObject(id="id", name="name", ref="ref", balance=Cast("balance", TextField()))
    return (
        Customer.objects.annotate(own_ref=own_ref)
        .filter(
            list_in_reach(level, "customer_list__"),
            account_id=parameter("account"),
            customer_list_id=parameter("list"),
        )
        .values_list(
            "id",
            "customer_list_id",
            "anonymised",
            Subquery(shown_ref.values("ref")),
            "email",
            "first_name",
            "last_name",
            "gender",
            "birth_date",
            "company_name",
            "phone",
            "address_1",
            "address_2",
            "postal_code",
            "city",
            "state",
            "country",
            Cast("latitude", TextField()),
            Cast("longitude", TextField()),
            "delivery_notes",
            "sms_marketing",
            "email_marketing",
            "nb_orders",
            "order_total",
            Epoch("first_order_date"),
            Epoch("last_order_date"),
            JSONArray(cards.order_by("id").values_list(card)),
            "custom_fields",
            "phone_access_code",
            Epoch("created_at"),
            "customer_list__location__timezone",
        )
    )


@cache
def _one_customer(level: str) -> CompiledQuery:
    return CompiledQuery(_customers(level).filter(id=parameter("customer")))


_customer_page = PageQuery(_customers)


def find_customer(connection: Connection, list_id: int, customer_id: int) -> CustomerRow | None:
    """Return the customer where the connection's level reaches the list, else None.

    One that was merged into another is answered with the other one.
    """
    values = {**reach(connection), "list": list_id, "customer": customer_id}
    row = _one_customer(level(connection)).row(values)
    if row is None:
        other = survivor_of(connection.account_id, customer_id)
        if other is not None:
            row = _one_customer(level(connection)).row({**values, "customer": other})
    return None if row is None else CustomerRow(*row)


@cache
def _survivor() -> CompiledQuery:
    merged = Customer.with_merged.filter(
        account_id=parameter("account"), id=parameter("customer"), merged_into__isnull=False
    )
    return CompiledQuery(merged.values_list("merged_into_id"))


def survivor_of(account_id: int, customer_id: int) -> int | None:
    """Return who stands for a merged customer, None where it is not merged, or not there.

    Asked only after a customer was not found where it should be: few ever are merged.
    """
    row = _survivor().row({"account": account_id, "customer": customer_id})
    return None if row is None else int(row[0])


def customer_state(account_id: int, list_id: int, customer_id: int) -> CustomerRow | None:
    """Return the customer as the hub itself sees it, without anybody's private ref."""
    row = _one_customer("account").row(
        {
            "account": account_id,
            "location": None,
            "client": None,
            "list": list_id,
            "customer": customer_id,
        }
    )
    return None if row is None else CustomerRow(*row)


def customer_page(
    connection: Connection, list_id: int, *, filters: list[Alternatives], page: Page
) -> list[CustomerRow]:
    """Return customers of the list, oldest first; empty also where the list is out of reach.

    A private ref of a merged customer finds the one who stands for it.
    """
    values = {**reach(connection), "list": list_id}
    variant = level(connection)
    rows = _customer_page.rows(values, page=page, variant=variant, filters=filters)
    ref = None if rows else asked_for(filters, _OWN_REF)
    other = None if ref is None else _owner_through_merge(connection, list_id, str(ref))
    if other is not None:
        filters = asking_instead(filters, _OWN_REF, [[Condition("id", other)]])
        rows = _customer_page.rows(values, page=page, variant=variant, filters=filters)
    return [CustomerRow(*row) for row in rows]


# The filter by private ref, as customers/filters.py has it.
_OWN_REF = "own_ref__ref"


def _owner_through_merge(connection: Connection, list_id: int, ref: str) -> int | None:
    refs = CustomerPrivateRef.objects.for_account(connection.account_id).filter(
        customer_list_id=list_id, client_id=connection.client_id, ref=ref
    )
    merged = refs.filter(customer__merged_into__isnull=False)
    return merged.values_list("customer__merged_into_id", flat=True).first()


def new_customer_row(
    customer_id: int, customer_list: ListRow, kept: dict[str, Any], *, created_at: int
) -> CustomerRow:
    """Return the row of a customer just created, without reading it again.

    Args:
        customer_id: The new row's number.
        customer_list: The list it is in.
        kept: Its fields as they were inserted.
        created_at: Seconds since 1970.
    """
    given: dict[str, Any] = {name: kept.get(name) for name in CustomerRow._fields}
    for name in ("latitude", "longitude"):
        if given[name] is not None:
            given[name] = format(given[name], "f")
    return CustomerRow(
        **{
            **given,
            "id": customer_id,
            "customer_list_id": customer_list.id,
            "anonymised": False,
            "nb_orders": 0,
            "order_total": 0,
            "loyalty_cards": None,
            "custom_fields": exact_json.dumps(kept["custom_fields"]),
            "created_at": created_at,
            "timezone": customer_list.timezone,
        }
    )
