"""Exports: customers and operations as CSV or JSON Lines, streamed in bounded memory.

An export of customers imports again to the same state (docs/import.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from customers.filters import CustomerFilter
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers import exact_json
from hubcustomers.api.fields import money, plain_decimal
from hubcustomers.api.filters import any_of
from hubcustomers.cells import csv_lines, neutralise
from hubcustomers.public_ids import (
    customer_ids,
    loyalty_card_ids,
    loyalty_operation_ids,
    order_ids,
)
from loyalty.models import LoyaltyCard, LoyaltyOperation

FORMATS = ("csv", "jsonl")
_PAGE = 2000
_PLAIN = (
    "email first_name last_name gender birth_date company_name phone address_1 address_2"
    " postal_code city state country latitude longitude delivery_notes phone_access_code"
    " sms_marketing email_marketing custom_fields anonymised created_at nb_orders order_total"
    " first_order_date last_order_date"
).split()
_CARD = ("card_name", "card_ref", "card_balance")
CUSTOMER_COLUMNS = {
    "csv": ("id", "private_ref", *_PLAIN, *_CARD, "loyalty_cards"),
    "jsonl": ("id", "private_ref", *_PLAIN, "loyalty_cards"),
}
OPERATION_COLUMNS = (
    "id created_at customer_id private_ref card_id card_name card_ref sequence delta"
    " new_balance reason order_id"
).split()

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What an export takes.

    Attributes:
        customer_list: Of this list.
        client_id: Whose private refs it shows; 0 for nobody's.
        filters: Those of the API: private_ref, email, phone, with stars.
        after: Only what was created at that time or later.
        before: Only what was created earlier.
        anonymised: Only anonymised customers, or only the others; None for all.
        consent: Only who consents to both of these: sms_marketing, email_marketing.
        card_id: Of operations, only those of this card.
        only: Only customers among these; None for all.
    """

    customer_list: CustomerList
    client_id: int = 0
    filters: Mapping[str, str] = field(default_factory=dict)
    after: datetime | None = None
    before: datetime | None = None
    anonymised: bool | None = None
    consent: tuple[str, ...] = ()
    card_id: int | None = None

    only: "QuerySet[Customer] | None" = None

    @property
    def account_id(self) -> int:
        """Return the account."""
        return self.customer_list.account_id

    def period(self) -> Q:
        """Return the condition on the time of creation."""
        found = Q()
        if self.after is not None:
            found &= Q(created_at__gte=self.after)
        if self.before is not None:
            found &= Q(created_at__lt=self.before)
        return found


# --- customers --------------------------------------------------------------------------


def customers(wanted: Wanted, *, as_cells: bool) -> Iterator[Row]:
    """Yield the customers, oldest first.

    Args:
        wanted: Which.
        as_cells: The first card in columns of its own, the further ones in loyalty_cards.

    Raises:
        InvalidField: A filter cannot be read.
    """
    rows = _customers(wanted).filter(wanted.period())
    last = 0
    while True:
        page = list(rows.filter(pk__gt=last).order_by("pk").select_related("account")[:_PAGE])
        if not page:
            return
        numbers = [customer.pk for customer in page]
        refs = _refs(wanted, numbers)
        cards = _cards(wanted, numbers)
        for customer in page:
            row = _customer(customer, wanted.customer_list.account.currency)
            row["private_ref"] = refs.get(customer.pk)
            own = cards.get(customer.pk, [])
            if as_cells and own:
                first, *own = own
                row |= {f"card_{name}": value for name, value in first.items()}
            row["loyalty_cards"] = own or (None if as_cells else [])
            yield row
        last = numbers[-1]


def _customers(wanted: Wanted) -> Any:
    """Return the customers that the filters take, whenever they were created."""
    customer_list = wanted.customer_list
    country = (customer_list.location or customer_list.account).country
    rows = Customer.objects.for_account(wanted.account_id).filter(customer_list=customer_list)
    filters = dict(wanted.filters)
    ref = filters.pop("private_ref", None)
    if ref is not None:
        own = CustomerPrivateRef.objects.for_account(wanted.account_id).filter(
            customer_list=customer_list, client_id=wanted.client_id, ref=ref
        )
        owners = own.values_list(Coalesce("customer__merged_into_id", "customer_id"), flat=True)
        rows = rows.filter(pk__in=list(owners))
    for alternatives in CustomerFilter.read(filters, country=country):
        rows = rows.filter(any_of(alternatives))
    if wanted.anonymised is not None:
        rows = rows.filter(anonymised=wanted.anonymised)
    if wanted.only is not None:
        rows = rows.filter(pk__in=wanted.only.order_by().values("pk"))
    return rows.filter(**dict.fromkeys(wanted.consent, True))


def _customer(customer: Customer, currency: str) -> Row:
    row: Row = {name: getattr(customer, name) for name in _PLAIN}
    for name in ("latitude", "longitude"):
        row[name] = None if row[name] is None else plain_decimal(row[name])
    row["order_total"] = money(customer.order_total, currency)
    row["custom_fields"] = customer.custom_fields or None
    return {"id": customer_ids.encode(customer.pk), **row}


def _refs(wanted: Wanted, numbers: list[int]) -> dict[int, str]:
    own = CustomerPrivateRef.objects.for_account(wanted.account_id).filter(
        customer_id__in=numbers, client_id=wanted.client_id
    )
    return dict(own.values_list("customer_id", "ref"))


def _cards(wanted: Wanted, numbers: list[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    cards = LoyaltyCard.objects.for_account(wanted.account_id).filter(customer_id__in=numbers)
    for owner, name, ref, balance in cards.order_by("pk").values_list(
        "customer_id", "name", "ref", "balance"
    ):
        card = {"name": name, "ref": ref, "balance": plain_decimal(balance)}
        found.setdefault(owner, []).append(card)
    return found


# --- operations -------------------------------------------------------------------------


def operations(wanted: Wanted) -> Iterator[Row]:
    """Yield the operations of the list's cards, card by card, each card's oldest first."""
    rows = LoyaltyOperation.objects.for_account(wanted.account_id).filter(
        wanted.period(), card__customer_list=wanted.customer_list
    )
    if wanted.filters:
        owners = _customers(wanted)
        rows = rows.filter(Q(card__customer__in=owners) | Q(card__customer__merged_into__in=owners))
    if wanted.card_id is not None:
        rows = rows.filter(card_id=wanted.card_id)
    card, sequence = 0, 0
    while True:
        behind = Q(card_id__gt=card) | Q(card_id=card, sequence__gt=sequence)
        page = list(
            rows.filter(behind, card_id__gte=card)
            .annotate(
                # Of a merged customer, the one who stands for it.
                owner=Coalesce("card__customer__merged_into_id", "card__customer_id"),
                scheme=F("card__name"),
                ref=F("card__ref"),
            )
            .order_by("card_id", "sequence")[:_PAGE]
        )
        if not page:
            return
        refs = _refs(wanted, [row.owner for row in page])
        for row in page:
            yield _operation(row, refs.get(row.owner))
        card, sequence = page[-1].card_id, page[-1].sequence


def _operation(row: Any, private_ref: str | None) -> Row:
    return {
        "id": loyalty_operation_ids.encode(row.pk),
        "created_at": row.created_at,
        "customer_id": customer_ids.encode(row.owner),
        "private_ref": private_ref,
        "card_id": loyalty_card_ids.encode(row.card_id),
        "card_name": row.scheme,
        "card_ref": row.ref,
        "sequence": row.sequence,
        "delta": plain_decimal(row.delta),
        "new_balance": plain_decimal(row.new_balance),
        "reason": row.reason,
        "order_id": None if row.order_id is None else order_ids.encode(row.order_id),
    }


# --- on paper ---------------------------------------------------------------------------


@contextmanager
def one_moment() -> Iterator[None]:
    """Let everything that is read inside be as of one moment, however long it takes."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL statement_timeout = 0")
        yield


def export_at_one_moment(kind: str, wanted: Wanted, form: str) -> Iterator[str]:
    """Yield the text of an export, all of it as of one moment."""
    with one_moment():
        yield from export(kind, wanted, form)


def export(kind: str, wanted: Wanted, form: str) -> Iterator[str]:
    """Yield the text of an export, piece by piece.

    Args:
        kind: ``customers`` or ``operations``.
        wanted: Which rows.
        form: ``csv`` or ``jsonl``.
    """
    if kind == "operations":
        yield from write(operations(wanted), OPERATION_COLUMNS, form)
    else:
        rows = customers(wanted, as_cells=form == "csv")
        yield from write(rows, CUSTOMER_COLUMNS[form], form)


def write(rows: Iterable[Row], columns: Iterable[str], form: str) -> Iterator[str]:
    """Yield the rows as lines of text, the header first."""
    columns = list(columns)
    if form == "jsonl":
        for row in rows:
            kept = {name: _json_value(row.get(name)) for name in columns}
            yield exact_json.dumps(kept).decode() + "\n"
        return
    yield from csv_lines(columns, ([cell(row.get(name)) for name in columns] for row in rows))


def cell(value: Any) -> str:
    """Return a value as a cell of CSV."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return neutralise(value)
        case dict() | list():
            return exact_json.dumps(value).decode()
        case _:
            return neutralise(str(_json_value(value)))


def _json_value(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
