"""Who may do what, in tables: the cast, the routes and the answers of the isolation matrix.

A new route goes into ``ROUTES``; a new kind of place into ``EXPECTED``; a new parameter of
a URL into ``PARAMETERS``. Nothing else has to change.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection as database
from django.urls import URLResolver

from accounts.factories import AccountFactory, ConnectionFactory, LocationFactory
from accounts.models import Account, Connection, Location
from accounts.tokens import revoke_tokens, set_blocked
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers.public_ids import loyalty_operation_ids, order_ids
from hubcustomers.tenancy.tables import ACCOUNT_TABLES, REFERENCE_TABLES
from hubcustomers.urls import urlpatterns
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard
from orders.factories import place_order

# --- the cast -----------------------------------------------------------------------

# Each planted text begins with the word of what one must reach in order to see it.
ACCOUNT, LOCATION, LIST, SHARED, OWN_REF = "qzaccount qzlocation qzlist qzshared qzref".split()
ORDER, EVENT = "qzorder qzevent".split()
# Values that can hold no word.
NUMBERS = {
    LIST: {"phone": "+33699887711", "latitude": "47.19283746", "birth_date": "1971-03-19"},
    SHARED: {"phone": "+33699887722", "latitude": "46.82736455", "birth_date": "1972-04-20"},
}


@dataclass
class Data:
    """One list with everything that can be below it."""

    customer_list: CustomerList
    customer: Customer
    card: LoyaltyCard
    operation_id: str
    # One that the till's event tells of; another's event is nobody's business.
    order_id: str
    event_id: str

    @classmethod
    def plant(cls, word: str, till: Connection, *, orders_at: Connection, **place: Any) -> "Data":
        """Make a list and fill it with values that are found again in any answer."""
        customer_list = CustomerListFactory(**place, name=f"{word} list")
        texts = "email first_name last_name company_name address_1 address_2 postal_code city"
        texts += " state delivery_notes phone_access_code"
        customer = CustomerFactory(
            customer_list=customer_list,
            **{name: f"{word} {name}" for name in texts.split()},
            **NUMBERS.get(word, {}),
            custom_fields={"secret": f"{word} custom"},
        )
        CustomerPrivateRef.objects.create(
            account=customer.account,
            customer_list=customer_list,
            customer=customer,
            client=till.client,
            ref=f"{OWN_REF} {word}",
        )
        card = LoyaltyCardFactory(customer=customer, name=f"{word} card", ref=f"{word} ref")
        operation = post(card, "4.2", reason=f"{word} reason")
        # The account's own token sees the orders of the other location too.
        note = ORDER if word == LIST else "other"
        order = place_order(orders_at, customer_notes=f"{note} notes")
        event = plant_event(orders_at, order.id)
        return cls(
            customer_list,
            customer,
            card,
            loyalty_operation_ids.encode(operation.id),
            order_ids.encode(order.id),
            event.public_id,
        )


def plant_event(listener: Connection, order_id: int) -> Event:
    """Make an event that waits for the connection."""
    return Event.objects.create(
        account=listener.account,
        connection=listener,
        resource_type="order",
        event_type="create",
        resource_id=order_id,
        version=0,
        location_id=listener.location_id,
        new_state={"customer_notes": f"{EVENT} notes"},
    )


@dataclass
class Cast:
    """The bistro with its data, and everybody who calls."""

    account: Account
    location: Location
    data: Data
    shared: Data
    foreign: list[Data]
    callers: dict[str, HubClient] = field(default_factory=dict)

    @classmethod
    def assemble(cls) -> "Cast":
        """Make the bistro, its neighbour at another location, and a rival."""
        account = AccountFactory(name=f"{ACCOUNT} Bistro")
        location = LocationFactory(account=account, name=f"{LOCATION} Paris")
        here = {"account": account, "location": location}
        till = ConnectionFactory(**here, client__name=f"{ORDER} till")
        neighbour = ConnectionFactory(account=account, location__name="Nice")
        rival = ConnectionFactory(account__name="Rival")
        other = Data.plant("other", till, orders_at=neighbour, **here)
        cast = cls(
            account,
            location,
            data=Data.plant(LIST, till, orders_at=till, **here),
            shared=Data.plant(SHARED, till, orders_at=neighbour, account=account),
            foreign=[other, Data.plant("rival", rival, orders_at=rival, account=rival.account)],
        )
        one_list = {"customer_list": cast.data.customer_list}
        other_list = {"customer_list": other.customer_list}

        def connect(scope: str, **kwargs: Any) -> Connection:
            place = {} if scope.startswith("account") else {"location": location}
            kwargs = {"account": account, **place, **kwargs}
            level = {"account_level": True} if scope.startswith("account") else {}
            return ConnectionFactory(**level, **kwargs, scope=scope)

        all_lists = "orders.write,all_customer_lists.write"
        revoked, blocked = connect(f"location[{all_lists}]"), connect(f"location[{all_lists}]")
        connections = {
            "till": till,
            "account": connect(f"account[{all_lists}]"),
            "neighbour": neighbour,
            "rival": rival,
            "rival account": connect(f"account[{all_lists}]", account=rival.account),
            "reader": connect("location[orders.write,all_customer_lists.read]"),
            "account reader": connect("account[orders.write,all_customer_lists.read]"),
            "orders only": connect("location[orders.write]"),
            "account orders only": connect("account[orders.write]"),
            "other list": connect("location[customer_list.write]", **other_list),
            "account other list": connect("account[customer_list.write]", **other_list),
            "this list": connect("location[customer_list.write]", **one_list),
            "this list, reader": connect("location[customer_list.read]", **one_list),
            "no list": connect("location[customer_list.write]"),
            "revoked": revoked,
            "blocked": blocked,
        }
        for made in connections.values():
            Callback.objects.create(
                account=made.account,
                connection=made,
                events={kind: ["create", "update"] for kind in ("customer", "order")},
            )
        cast.callers = {name: HubClient(made) for name, made in connections.items()}
        cast.callers["no token"] = HubClient()
        cast.callers["unknown token"] = HubClient(token="f" * 40)
        revoke_tokens(revoked)
        set_blocked(blocked, blocked=True)
        with database.cursor() as cursor:
            # What was planted is judged now, not when somebody deletes it again.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        return cast


# What each caller may see of the planted values, where an answer is a success.
_HERE = {ACCOUNT, LOCATION}
_BOTH_LISTS = {*_HERE, LIST, SHARED}
MAY_SEE: dict[str, set[str]] = {
    "till": {*_BOTH_LISTS, OWN_REF, ORDER, EVENT},
    "account": {*_BOTH_LISTS, ORDER},
    "neighbour": {ACCOUNT, SHARED},
    "rival": set(),
    "rival account": set(),
    "reader": {*_BOTH_LISTS, ORDER},
    "account reader": {*_BOTH_LISTS, ORDER},
    "orders only": {*_HERE, ORDER},
    "account orders only": {*_HERE, ORDER},
    "other list": _HERE,
    "account other list": _HERE,
    "this list": {*_HERE, LIST},
    "this list, reader": {*_HERE, LIST},
    "no list": _HERE,
}
STRANGERS = {"rival", "rival account"}
REFUSED = {"revoked", "blocked", "no token", "unknown token"}

# --- the routes ---------------------------------------------------------------------

# What a parameter of a URL stands for, in one Data.
PARAMETERS: dict[str, Callable[[Data], str]] = {
    "customer_list_id": lambda data: data.customer_list.public_id,
    "customer_id": lambda data: data.customer.public_id,
    "loyalty_card_id": lambda data: data.card.public_id,
    "operation_id": lambda data: data.operation_id,
    "order_id": lambda data: data.order_id,
    "event_id": lambda data: data.event_id,
    "account_id": lambda data: data.customer_list.account.public_id,
    "location_id": lambda data: location_id(data),
}


def location_id(data: Data) -> str:
    """Return the id of the list's location, or of its account's first one."""
    own = data.customer_list.location
    found = own or Location.objects.for_account(data.customer_list.account).first()
    return str(found.public_id)


Body = Callable[[Data], dict[str, Any]]


@dataclass(frozen=True)
class Route:
    """What the matrix must know of a route.

    Attributes:
        kind: A key of EXPECTED: who gets which answer.
        bodies: For each writing method a body that succeeds and changes something.
    """

    kind: str
    bodies: dict[str, Body] = field(default_factory=dict)


def _updates(body: Body) -> dict[str, Body]:
    return {"put": body, "patch": body}


def _new_list(data: Data) -> dict[str, Any]:
    return {"name": "A new list"}


def _new_card(data: Data) -> dict[str, Any]:
    return {"customer_id": data.customer.public_id, "name": "kiosk", "ref": "31"}


def _new_order(data: Data) -> dict[str, Any]:
    return {"status": "new", "customer_notes": "New"}


def _accepted(data: Data) -> dict[str, Any]:
    return {"status": "accepted"}


_LIST = "customer_lists/<str:customer_list_id>"
_CUSTOMER = f"{_LIST}/customers/<str:customer_id>"
_CARD = f"{_LIST}/loyalty_cards/<str:loyalty_card_id>"

ROUTES: dict[str, Route] = {
    _LIST: Route("list", {**_updates(_new_list), "delete": lambda data: {}}),
    f"{_LIST}/customers": Route(
        "in list", {"post": lambda data: {"first_name": "New", "private_ref": "new"}}
    ),
    _CUSTOMER: Route("in list", _updates(lambda data: {"first_name": "New"})),
    f"{_CUSTOMER}/anonymise": Route("in list", {"post": lambda data: {}}),
    f"{_LIST}/loyalty_cards": Route("in list", {"post": _new_card}),
    _CARD: Route("in list", _updates(lambda data: {"ref": "av-20103"})),
    f"{_CARD}/operations": Route("in list", {"post": lambda data: {"delta": "4.2"}}),
    f"{_CARD}/operations/<str:operation_id>": Route("in list"),
    "locations/<str:location_id>/customer_lists": Route("lists of location", {"post": _new_list}),
    "location/customer_lists": Route("own lists of location", {"post": _new_list}),
    "accounts/<str:account_id>/customer_lists": Route("lists of account", {"post": _new_list}),
    "account/customer_lists": Route("own lists of account", {"post": _new_list}),
    "locations/<str:location_id>/orders": Route("orders", {"post": _new_order}),
    "locations/<str:location_id>/orders/<str:order_id>": Route("orders", _updates(_accepted)),
    "location/orders": Route("own orders", {"post": _new_order}),
    "location/orders/<str:order_id>": Route("own order", _updates(_accepted)),
    "accounts/<str:account_id>/orders": Route("orders of account"),
    "accounts/<str:account_id>/orders/<str:order_id>": Route("orders of account"),
    "account/orders": Route("own orders of account"),
    "account/orders/<str:order_id>": Route("orders of account"),
    "callback": Route(
        "own callback",
        {"post": lambda data: {"events": {"order": ["create"]}}, "delete": lambda data: {}},
    ),
    "callback/events": Route("own callback"),
    "callback/events/<str:event_id>": Route("own event", {"delete": lambda data: {}}),
    "accounts": Route("anybody's own"),
    "accounts/<str:account_id>": Route("account"),
    "account": Route("own account"),
    "locations": Route("anybody's own"),
    "locations/<str:location_id>": Route("location"),
    "location": Route("own location"),
}
# What is not below /v1 and not for tokens. Whatever stands below admin/ is for sessions; who
# may let an application in, and what its credentials give, desk/tests and accounts/tests show.
ELSEWHERE = {"admin", "admin/", "oauth2/v1/authorize", "oauth2/v1/token", "oauth2/v1/revoke"}
# Machines ask these, with a token of their own or none (hubcustomers/tests/test_probes.py).
ELSEWHERE |= {"healthz", "readyz", "metrics"}
# For everybody (reference/tests, hubcustomers/tests/test_door.py).
ELSEWHERE |= {"openapi.json", "docs", "", "favicon.ico"}

# --- the answers --------------------------------------------------------------------

# For each kind of place: the status of a read and that of a write. Callers of REFUSED
# always get a 401, and 405 is for everybody.
EXPECTED: dict[str, dict[str, tuple[int, int]]] = {
    "list": {
        "till": (200, 200),
        "account": (200, 200),
        "neighbour": (404, 404),
        "rival": (404, 404),
        "rival account": (404, 404),
        "reader": (200, 403),
        "account reader": (200, 403),
        "orders only": (403, 403),
        "account orders only": (403, 403),
        "other list": (404, 404),
        "account other list": (404, 404),
        "this list": (200, 403),
        "this list, reader": (200, 403),
        "no list": (404, 404),
    },
}
EXPECTED["in list"] = {**EXPECTED["list"], "this list": (200, 200)}
# An account-level list: other locations may use it, but only the account may manage it.
EXPECTED["shared list"] = {
    **EXPECTED["list"],
    "till": (200, 403),
    "neighbour": (200, 403),
    "this list": (404, 404),
    "this list, reader": (404, 403),
}
EXPECTED["in shared list"] = {
    **EXPECTED["shared list"],
    "till": (200, 200),
    "neighbour": (200, 200),
}
EXPECTED["lists of location"] = {
    **EXPECTED["list"],
    "other list": (200, 403),
    "account other list": (200, 403),
    "no list": (200, 403),
}
_LOCATION_ONLY = {
    "account": (403, 403),
    "rival account": (403, 403),
    "account reader": (403, 403),
    "account orders only": (403, 403),
    "account other list": (403, 403),
}
_ACCOUNT_ONLY = {name: (403, 403) for name in EXPECTED["list"] if "account" not in name}
EXPECTED["own lists of location"] = {
    **EXPECTED["lists of location"],
    "neighbour": (200, 200),
    "rival": (200, 200),
    **_LOCATION_ONLY,
}
EXPECTED["lists of account"] = {**EXPECTED["lists of location"], **_ACCOUNT_ONLY}
EXPECTED["own lists of account"] = {
    **EXPECTED["lists of account"],
    "rival account": (200, 200),
}
EXPECTED["orders"] = {
    **dict.fromkeys(EXPECTED["list"], (200, 200)),
    "neighbour": (404, 404),
    "rival": (404, 404),
    "rival account": (404, 404),
    **{name: (403, 403) for name in EXPECTED["list"] if "list" in name},
}
EXPECTED["own order"] = {**EXPECTED["orders"], **_LOCATION_ONLY}
EXPECTED["own orders"] = {**EXPECTED["own order"], "neighbour": (200, 200), "rival": (200, 200)}
EXPECTED["orders of account"] = {**EXPECTED["orders"], **_ACCOUNT_ONLY}
EXPECTED["own orders of account"] = {
    **EXPECTED["orders of account"],
    "rival account": (200, 405),
}
# What a connection wants to hear is its own affair.
EXPECTED["own callback"] = dict.fromkeys(EXPECTED["list"], (200, 200))
EXPECTED["own event"] = {**dict.fromkeys(EXPECTED["list"], (404, 404)), "till": (200, 200)}
# Places themselves are not a matter of scope, and nobody writes to them.
EXPECTED["anybody's own"] = dict.fromkeys(EXPECTED["list"], (200, 405))
EXPECTED["location"] = {
    **EXPECTED["anybody's own"],
    "neighbour": (404, 405),
    "rival": (404, 405),
    "rival account": (404, 405),
}
EXPECTED["own location"] = {
    **EXPECTED["anybody's own"],
    **dict.fromkeys(_LOCATION_ONLY, (403, 405)),
}
EXPECTED["account"] = {
    **EXPECTED["anybody's own"],
    **dict.fromkeys(_ACCOUNT_ONLY, (403, 405)),
    "rival account": (404, 405),
}
EXPECTED["own account"] = {**EXPECTED["account"], "rival account": (200, 405)}


# --- the URL map --------------------------------------------------------------------

Entries = Sequence[Any]
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")


def patterns(entries: Entries, prefix: str = "") -> Iterator[tuple[str, dict[str, str] | None]]:
    """Yield each route with the actions of its viewset, None where it has no viewset."""
    for entry in entries:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver) and route not in ELSEWHERE:
            yield from patterns(entry.url_patterns, route)
        else:
            yield route, getattr(getattr(entry, "callback", None), "actions", None)


def api_routes(entries: Entries = urlpatterns) -> dict[str, set[str]]:
    """Return the methods of each route below /v1, as the URL map has them."""
    return {
        # DRF answers HEAD wherever it answers GET.
        route.removeprefix("v1/"): {*(actions or {}), *({"head"} if "get" in actions else {})}
        for route, actions in patterns(entries)
        if route.startswith("v1/") and actions is not None
    }


def unknown(entries: Entries = urlpatterns) -> list[str]:
    """Return a sentence for everything in the URL map that the tables above do not know."""
    missing = []
    for route, actions in patterns(entries):
        if route in ELSEWHERE or route.startswith("admin/"):
            continue
        if not route.startswith("v1/") or actions is None:
            missing.append(
                f"{route!r} is neither a viewset below v1/ nor known to be for no token:"
                " give it tests of its own and add it to ELSEWHERE in tests/isolation.py."
            )
            continue
        missing += _unknown_in(route.removeprefix("v1/"), set(actions))
    missing += [
        f"{route!r} is gone: remove it from ROUTES."
        for route in ROUTES.keys() - api_routes(entries)
    ]
    return missing


def _unknown_in(route: str, methods: set[str]) -> Iterator[str]:
    known = ROUTES.get(route)
    if known is None:
        yield (
            f"No test shows who may call {route!r}: add it to ROUTES in tests/isolation.py,"
            " with its kind and a body for each writing method."
        )
        return
    for method in sorted(methods - {"get", "head"} - known.bodies.keys()):
        yield (
            f"{method.upper()} {route!r} has no body to try: add one to ROUTES[{route!r}] in"
            " tests/isolation.py that succeeds and changes something."
        )
    for part in route.split("<str:")[1:]:
        if (name := part.partition(">")[0]) not in PARAMETERS:
            yield f"{route!r} has a parameter {name!r}: add it to PARAMETERS in tests/isolation.py."


# --- acting and looking -------------------------------------------------------------


def url(route: str, data: Data, **replaced: Data) -> str:
    """Return the route with the ids of the data; some of them may come from elsewhere."""
    for name, value in PARAMETERS.items():
        if f"<str:{name}>" in route:
            route = route.replace(f"<str:{name}>", value(replaced.get(name, data)))
    return f"/{route}"


def dump() -> set[tuple[str, int | None, str]]:
    """Return every row of every table of ours: table, account, all columns."""
    tables = sorted(ACCOUNT_TABLES | REFERENCE_TABLES | {"callbacks_event"})
    parts = [
        f"SELECT '{table}', (to_jsonb(t) ->> 'account_id')::bigint, t::text FROM {table} t"
        for table in tables
    ]
    with database.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return set(cursor.fetchall())


def leaks(answer: Any, may_see: set[str]) -> list[str]:
    """Return the planted values in an answer, headers included, that must not be there."""
    text = answer.content.decode() + str(answer.headers)
    words = {ACCOUNT, LOCATION, LIST, SHARED, OWN_REF, ORDER, EVENT} - may_see
    words |= {number for word in words for number in NUMBERS.get(word, {}).values()}
    return [word for word in sorted(words) if word in text]
