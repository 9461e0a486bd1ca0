"""What another server says of its lists, customers, cards and operations, judged by our rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import ValidationError

from customers.models import ANONYMISED_FIELDS
from customers.serializers import CustomerListSerializer, CustomerSerializer
from hubcustomers.api.errors import flatten
from hubcustomers.api.fields import Boolean, StrictField, Text, points_field
from hubcustomers.api.viewsets import KeptSerializer
from transfer.pulling.client import NotThere, Remote, RemoteRefusal, RemoteTrouble, path_of

# More operations on one card are none that a till has posted.
_MOST_OPERATIONS = 1_000_000


class Unreadable(ValueError):
    """What the server says breaks a rule; the message names the fields."""


class _Id(Text):
    """An id of the other server."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, one_line=True, **kwargs)

    def to_internal_value(self, data: Any) -> str | None:
        if data == "":
            self.fail("required")
        return super().to_internal_value(data)


class _Moment(StrictField):
    default_error_messages = {"moment": "must be a time with an offset, and not to come"}

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(data)
        except (TypeError, ValueError):
            self.fail("moment")
        soon = timezone.now() + timedelta(days=1)
        if moment.utcoffset() is None or moment.year < 1970 or moment > soon:
            self.fail("moment")
        return moment


class _Account(KeptSerializer):
    id = _Id()
    name = Text()
    currency = Text(required=False, max_length=3, allow_null=True)


class _Place(KeptSerializer):
    id = _Id()
    name = Text()


class _List(CustomerListSerializer):
    id = _Id()


class _Customer(CustomerSerializer):
    id = _Id()
    anonymised = Boolean(required=False)
    created_at = _Moment(required=False, allow_null=True)


class _Card(KeptSerializer):
    id = _Id()
    name = Text(required=False, allow_null=True)
    ref = Text(required=False, allow_null=True, empty_is_null=True)
    balance = points_field()


class _Operation(KeptSerializer):
    id = _Id()
    created_at = _Moment()
    delta = points_field()
    new_balance = points_field()
    reason = Text(max_length=1000, required=False, allow_null=True)
    order_id = Text(required=False, allow_null=True)


@dataclass(frozen=True)
class Place:
    """An account or a location of the other server."""

    id: str
    name: str
    currency: str | None = None
    timezone: str = "Europe/Paris"
    country: str = "FR"


@dataclass(frozen=True)
class RemoteList:
    """A list of the other server; without a location it is the whole account's."""

    id: str
    name: str
    location: Place | None


@dataclass(frozen=True)
class RemoteCard:
    """A card of the other server."""

    id: str
    name: str
    ref: str | None
    balance: Decimal


@dataclass(frozen=True)
class RemoteCustomer:
    """A customer of the other server.

    Attributes:
        id: There.
        anonymised: Erased there.
        values: What our API takes of it.
        created_at: When it was made, where the server says so.
        cards: Its cards.
        nb_orders: How many orders stay behind.
    """

    id: str
    anonymised: bool
    values: dict[str, Any]
    created_at: datetime | None
    cards: list[RemoteCard]
    nb_orders: int


@dataclass(frozen=True)
class RemoteOperation:
    """An operation of the other server."""

    id: str
    created_at: datetime
    delta: Decimal
    new_balance: Decimal
    reason: str | None
    has_order: bool


@dataclass
class Reach:
    """What the token reaches: the account as far as it is known, and the lists in it."""

    account: Place
    lists: list[RemoteList] = field(default_factory=list)


def find_reach(remote: Remote) -> Reach:
    """Return the account and the lists that the token reaches.

    Raises:
        RemoteRefusal: It reaches neither an account nor a location.
    """
    try:
        told = remote.get("/account")
    except (RemoteRefusal, NotThere):
        return _reach_of_location(remote)
    account = _place(_Account, told)
    lists = [RemoteList(*one, None) for one in _lists(remote, "/account/customer_lists")]
    known = {one.id for one in lists}
    for row in _rows(remote, "/locations"):
        location = _place(_Place, row)
        path = f"/locations{path_of(location.id)}/customer_lists"
        # They include the account's own, which come first there as well as here.
        for number, name in _lists(remote, path):
            if number not in known:
                known.add(number)
                lists.append(RemoteList(number, name, location))
    return Reach(account, lists)


def _reach_of_location(remote: Remote) -> Reach:
    try:
        told = remote.get("/location")
    except NotThere as error:
        raise RemoteRefusal("The token reaches neither an account nor a location.") from error
    location = _place(_Place, told)
    account = told.get("account") if isinstance(told, dict) else None
    within = _place(_Account, account) if isinstance(account, dict) else location
    lists = _lists(remote, "/location/customer_lists")
    # Which of them are the whole account's is not told to a location.
    return Reach(within, [RemoteList(*one, location) for one in lists])


def _place(serializer: type[KeptSerializer], row: Any) -> Place:
    told = _read(serializer, row)
    zone = row.get("timezone")
    zone = zone.get("name") if isinstance(zone, dict) else zone
    known = {"timezone": zone, "country": row.get("country")}
    return Place(**told, **{name: value for name, value in known.items() if isinstance(value, str)})


def _lists(remote: Remote, path: str) -> list[tuple[str, str]]:
    found = [_read(_List, row) for row in _rows(remote, path)]
    # Oldest first, as they were made.
    return [(row["id"], row["name"]) for row in found][::-1]


def _rows(remote: Remote, path: str) -> Iterator[Any]:
    for page in remote.walk(path):
        yield from page.rows


def _read(serializer: type[KeptSerializer], row: Any) -> dict[str, Any]:
    """Return what our fields make of it.

    Raises:
        Unreadable: It breaks a rule.
    """
    if not isinstance(row, dict):
        raise Unreadable("is not an object")
    try:
        return serializer.read(row)
    except ValidationError as error:
        faults = [f"{name} {sentence}" for name, sentence in flatten(error.detail)]
        raise Unreadable("; ".join(faults)) from error


# --- customers --------------------------------------------------------------------------


def id_in(row: Any) -> str:
    """Return what a row that may be unreadable is called."""
    told = row.get("id") if isinstance(row, dict) else None
    return told[:64] if isinstance(told, str) else "?"


def read_customer(row: Any) -> RemoteCustomer:
    """Return the customer that a row of the index tells of.

    Raises:
        Unreadable: It breaks a rule of our API.
    """
    if not isinstance(row, dict):
        raise Unreadable("is not an object")
    body = dict(row)
    anonymised = body.get("anonymised") is True
    for name in ("sms_marketing", "email_marketing", "anonymised"):
        if body.get(name) is None:
            body.pop(name, None)
    if anonymised:
        body = {name: value for name, value in body.items() if name not in ANONYMISED_FIELDS}
    values = _read(_Customer, body)
    number, created_at = values.pop("id"), values.pop("created_at", None)
    values.pop("anonymised", None)
    orders = row.get("nb_orders")
    return RemoteCustomer(
        id=number,
        anonymised=anonymised,
        values=values,
        created_at=created_at,
        cards=_cards(row.get("loyalty_cards")),
        nb_orders=orders if type(orders) is int and orders > 0 else 0,
    )


def _cards(rows: Any) -> list[RemoteCard]:
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise Unreadable("loyalty_cards must be an array")
    cards = []
    for row in rows:
        try:
            told = _read(_Card, row)
        except Unreadable as error:
            raise Unreadable(f"loyalty_cards: {error}") from error
        told["name"] = told.get("name") or ""
        cards.append(RemoteCard(told["id"], told["name"], told.get("ref"), told["balance"]))
    if len({card.id for card in cards}) != len(cards):
        raise Unreadable("loyalty_cards has a card twice")
    return cards


# --- operations -------------------------------------------------------------------------


def operations_since(
    remote: Remote, list_id: str, card_id: str, last: str | None
) -> list[RemoteOperation]:
    """Return the operations behind the last one that is known, oldest first.

    Raises:
        Unreadable: One breaks a rule, or the one that is known is not there any more.
        NotThere: The card has gone.
        RemoteTrouble, RemoteRefusal: As of the client.
    """
    path = f"/customer_lists{path_of(list_id)}/loyalty_cards{path_of(card_id)}/operations"
    found: list[RemoteOperation] = []
    known: set[str] = set()
    for page in remote.walk(path):
        for row in page.rows:
            if last is not None and id_in(row) == last:
                return found[::-1]
            told = _read(_Operation, row)
            if told["id"] in known:
                raise Unreadable(f"operation {told['id']} is there twice")
            known.add(told["id"])
            found.append(
                RemoteOperation(
                    id=told["id"],
                    created_at=told["created_at"],
                    delta=told["delta"],
                    new_balance=told["new_balance"],
                    reason=told.get("reason"),
                    has_order=bool(told.get("order_id")),
                )
            )
            if len(found) > _MOST_OPERATIONS:
                raise RemoteTrouble(f"{path} does not end.")
    if last is not None:
        raise Unreadable("the last operation that was copied is not there any more")
    return found[::-1]
