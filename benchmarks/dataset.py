"""The rows that the paths meet, made by a handful of statements over whole sets."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts import services as access
from accounts.models import Account, Client, Location
from accounts.models import Connection as Grant
from accounts.tokens import issue_token
from customers.models import CustomerList
from customers.services import create_list

# Each table's numbers begin elsewhere, so that a parameter shows what it is by its value.
_FIRST_IDS = {
    "accounts_account": 1_001,
    "accounts_location": 2_001,
    "accounts_client": 3_001,
    "customers_customerlist": 4_001,
    "customers_customer": 100_000_001,
    "loyalty_loyaltycard": 200_000_001,
    "orders_order": 300_000_001,
    "callbacks_event": 400_000_001,
}
_FIRST_CUSTOMER = _FIRST_IDS["customers_customer"]
_FIRST_CARD = _FIRST_IDS["loyalty_loyaltycard"]
_DEEP_OPERATIONS = 200
_MOST_CARDS = 10_000
_EVENTS_WAITING = 150

_CUSTOMERS = """
INSERT INTO customers_customer (account_id, customer_list_id, anonymised, email, first_name,
    last_name, gender, birth_date, phone, address_1, postal_code, city, country,
    sms_marketing, custom_fields)
SELECT %(account)s, %(list)s, false, 'person' || n || '@example.org', 'First' || n %% 1000,
    'Last' || n %% 5000, CASE n %% 2 WHEN 0 THEN 'male' ELSE 'female' END,
    date '1950-01-01' + (n %% 20000)::int, '+336' || lpad(n::text, 8, '0'),
    n || ' Main Street', lpad((n %% 95000)::text, 5, '0'), 'Paris', 'FR', n %% 3 = 0,
    jsonb_build_object('table', n %% 40)
FROM generate_series(0, %(size)s - 1) n
ORDER BY n
"""

_REFS = """
INSERT INTO customers_customerprivateref
    (account_id, customer_list_id, customer_id, client_id, ref)
SELECT account_id, customer_list_id, id, %(client)s, 'crm-' || id FROM customers_customer
"""

# Two cards each for the first customers, then one for each that holds a deep or hot card.
_CARDS = """
INSERT INTO loyalty_loyaltycard (account_id, customer_list_id, customer_id, name, ref)
SELECT %(account)s, %(list)s,
    %(first_customer)s + CASE WHEN n < %(many)s THEN n / 2 ELSE %(many)s / 2 + n - %(many)s END,
    CASE WHEN n < %(many)s AND n %% 2 = 1 THEN 'stamps' ELSE '' END, 'card-' || n
FROM generate_series(0, %(many)s + %(deep)s) n
ORDER BY n
"""

_OPERATIONS = """
INSERT INTO loyalty_loyaltyoperation
    (account_id, card_id, sequence, delta, new_balance, reason, created_at)
SELECT card.account_id, card.id, n, delta,
    sum(delta) OVER (PARTITION BY card.id ORDER BY n), 'Points earned',
    now() - (%(deep_operations)s - n) * interval '1 hour'
FROM loyalty_loyaltycard card,
    generate_series(1, CASE WHEN card.id BETWEEN %(first_deep)s AND %(last_deep)s
        THEN %(deep_operations)s ELSE 3 END) n,
    LATERAL (SELECT (n * 7 %% 50 - 10) + 0.5 AS delta) moved
ORDER BY n, card.id
"""

_HEADS = """
UPDATE loyalty_loyaltycard card SET balance = last.new_balance, last_sequence = last.sequence
FROM (SELECT DISTINCT ON (card_id) card_id, sequence, new_balance
    FROM loyalty_loyaltyoperation ORDER BY card_id, sequence DESC) last
WHERE last.card_id = card.id
"""


# What waits for the till itself: it asks for its events, so nobody sends them.
_EVENTS = """
INSERT INTO callbacks_event (account_id, connection_id, resource_type, event_type, resource_id,
    version, customer_list_id, new_state)
SELECT %(account)s, %(connection)s, 'customer', 'create', %(first_customer)s + n, 0, %(list)s, '{}'
FROM generate_series(0, %(events)s - 1) n
ORDER BY n
"""


@dataclass(frozen=True)
class Scene:
    """One tenant's till and the rows it meets, by their numbers."""

    account: Account
    location: Location
    client: Client
    grant: Grant
    customer_list: CustomerList
    token: str
    size: int
    # Customers with two cards; cards for "many"; cards with a long history; the hot one.
    customers: range
    many_cards: range
    deep_cards: range
    hot_card: int


def fill(size: int) -> Scene:
    """Fill an empty database with a list of that many customers."""
    with connection.cursor() as cursor:
        for table, first in _FIRST_IDS.items():
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH {first}")
    scene = _scene(size)
    values = {
        "account": scene.account.pk,
        "list": scene.customer_list.pk,
        "client": scene.client.pk,
        "size": size,
        "first_customer": _FIRST_CUSTOMER,
        "many": len(scene.many_cards),
        "deep": len(scene.deep_cards),
        "first_deep": scene.deep_cards[0],
        "last_deep": scene.deep_cards[-1],
        "deep_operations": _DEEP_OPERATIONS,
        "connection": scene.grant.pk,
        "events": _EVENTS_WAITING,
    }
    # One transaction: the ledger's triggers judge the chains at its end.
    with transaction.atomic():
        for sql in (_CUSTOMERS, _REFS, _CARDS, _OPERATIONS, _HEADS, _EVENTS):
            _execute(sql, values)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        # Only some users of a given server may; no checkpoint then falls into a round.
        with suppress(DatabaseError):
            cursor.execute("CHECKPOINT")
    return scene


def _scene(size: int) -> Scene:
    place = {"timezone": "Europe/Paris", "country": "FR"}
    account = access.get_account("Benchmark", currency="EUR", **place)
    location = access.get_location(account, "Paris", **place)
    client = access.get_client("Benchmark till")
    scope = "location[orders.write,all_customer_lists.write]"
    grant: Grant = access.create_connection(account, client, scope=scope, location=location)
    many = min(size // 10, _MOST_CARDS)
    deep = max(1, many // 100)
    first_deep = _FIRST_CARD + many
    return Scene(
        account=account,
        location=location,
        client=client,
        grant=grant,
        customer_list=create_list(account, name="Everybody", location=location),
        token=issue_token(grant),
        size=size,
        customers=range(_FIRST_CUSTOMER, _FIRST_CUSTOMER + many // 2),
        many_cards=range(_FIRST_CARD, _FIRST_CARD + many),
        deep_cards=range(first_deep, first_deep + deep),
        hot_card=first_deep + deep,
    )


def _execute(sql: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        # Numbers of our own, written out: a parameter between two operators has no type.
        cursor.execute(sql % {name: int(value) for name, value in values.items()})
