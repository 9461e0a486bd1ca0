"""Fill one database and write the plan for it: ``python -m benchmarks.prepare SIZE FILE``.

The statements come from the hub itself: each path is called once, in this process, and what
it sends to the database is noted with the meaning of each parameter.
"""

import os
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import django
import orjson

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubcustomers.settings")
django.setup()

from django.core.management import call_command
from django.db import connection
from django.test import Client as TestClient
from psycopg.types.json import Jsonb

from benchmarks.dataset import Scene, fill
from benchmarks.plan import FRESH, PathPlan, Plan, Statement, freshen
from callbacks.reads import EventRow
from hubcustomers.public_ids import (
    customer_ids,
    customer_list_ids,
    loyalty_card_ids,
    order_ids,
)
from orders.reads import OrderRow

_LAST_CHARACTER = "\U0010ffff"
_NEW_CUSTOMER = {
    "private_ref": f"till-{FRESH}",
    "email": f"new{FRESH}@example.org",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "gender": "female",
    "birth_date": "1985-12-10",
    "company_name": "Analytical Engines",
    "phone": f"+33{FRESH}",
    "address_1": "12 Square Street",
    "postal_code": "75011",
    "city": "Paris",
    "country": "FR",
    "latitude": "48.8566",
    "delivery_notes": "Second floor, left door",
    "sms_marketing": True,
    "custom_fields": {"favourite_table": "7"},
}
_ORDER = {
    "status": "new",
    "service_type": "collection",
    "items": [
        {"product_name": f"Dish {n}", "sku_ref": f"D{n}", "price": "4.65 EUR", "quantity": "3"}
        for n in range(10)
    ],
}
_ORDERS = 150
_OPERATION = {"delta": "1.5", "reason": "Points earned with an order"}


def main() -> None:
    """Fill the database of DATABASE_URL and write the plan."""
    size, file = int(sys.argv[1]), Path(sys.argv[2])
    call_command("migrate", verbosity=0, interactive=False)
    scene = fill(size)
    orders = [_place_order(scene, n) for n in islice(cycle(scene.customers), _ORDERS)]
    paths = {name: PathPlan(cases, []) for name, cases in _cases(scene, orders).items()}
    for name, path in paths.items():
        path.requests = [_request(scene, name, case) for case in path.cases]
        _capture(scene, name, path)
    plan = Plan(
        url=os.environ["DATABASE_URL"],
        size=size,
        token=scene.token,
        currency=scene.account.currency,
        timezone=scene.location.timezone,
        paths=paths,
        columns={"order": OrderRow._fields, "event": EventRow._fields},
    )
    plan.save(file)


def _place_order(scene: Scene, customer: int) -> int:
    """Return the number of an order that the hub has just taken."""
    answer = _call(scene, "O1", {"customer": customer})
    return order_ids.decode(answer["id"]) or 0


def _cases(scene: Scene, orders: list[int]) -> dict[str, list[dict[str, Any]]]:
    # Each prefix lacks the last digit: ten customers have it.
    step = max(1, scene.size // 10 // 2_000)
    prefixes = [f"+336{n:07}" for n in range(0, scene.size // 10, step)]
    return {
        "W1": [_NEW_CUSTOMER],
        "W2": [{"customer": number} for number in scene.customers],
        "W3": [{"start": text, "end": text + _LAST_CHARACTER} for text in prefixes],
        "W4": [{"card": number, **_OPERATION} for number in scene.many_cards],
        "W5": [{"card": scene.hot_card, **_OPERATION}],
        "W6": [{"card": number} for number in scene.deep_cards],
        "O1": [{"customer": number} for number in scene.customers],
        "O2": [{"order": number} for number in orders],
        "O3": [{}],
        "E1": [{}],
    }


def _address(scene: Scene, name: str, case: dict[str, Any]) -> tuple[str, str, Any]:
    """Return method, URL and body of the call."""
    base = f"/v1/customer_lists/{customer_list_ids.encode(scene.customer_list.pk)}"
    match name:
        case "W1":
            return "POST", f"{base}/customers", case
        case "W2":
            return "GET", f"{base}/customers/{customer_ids.encode(case['customer'])}", None
        case "W3":
            return "GET", f"{base}/customers?phone={case['start'].replace('+', '%2B')}*", None
        case "O1":
            body = {**_ORDER, "customer_id": customer_ids.encode(case["customer"])}
            return "POST", "/v1/location/orders", body
        case "O2":
            return "GET", f"/v1/location/orders/{order_ids.encode(case['order'])}", None
        case "O3":
            return "GET", "/v1/location/orders", None
        case "E1":
            return "GET", "/v1/callback/events", None
    card = f"{base}/loyalty_cards/{loyalty_card_ids.encode(case['card'])}/operations"
    if name == "W6":
        return "GET", card, None
    return "POST", card, _OPERATION


def _request(scene: Scene, name: str, case: dict[str, Any]) -> bytes:
    method, url, body = _address(scene, name, case)
    head = f"{method} {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Access-Token: {scene.token}\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    text = orjson.dumps(body)
    head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


def _capture(scene: Scene, name: str, path: PathPlan) -> None:
    """Note the statements that the hub sends for a path's first case."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        path.transactional = connection.in_atomic_block
        sent.append((sql, params))
        return execute(sql, params, many, context)

    # The first call also finds the connection of the token, which is then remembered.
    for number in (700_000_001, 700_000_002):
        sent.clear()
        case = freshen(path.cases[0], number)
        with connection.execute_wrapper(note):
            answer = path.answer = _call(scene, name, case)
    meanings = _meanings(scene, case)
    if name == "W1":
        meanings[str(customer_ids.decode(answer["id"]))] = "made"
    path.statements = [_statement(sql, params, meanings, path.constants) for sql, params in sent]
    path.constants |= {
        "account": scene.account.pk,
        "location": scene.location.pk,
        "client": scene.client.pk,
        "list": scene.customer_list.pk,
        "connection": scene.grant.pk,
    }


def _call(scene: Scene, name: str, case: dict[str, Any]) -> Any:
    method, url, body = _address(scene, name, case)
    response = TestClient().generic(
        method,
        url,
        b"" if body is None else orjson.dumps(body if name != "W1" else case),
        content_type="application/json",
        headers={"X-Access-Token": scene.token, "Host": "127.0.0.1"},
    )
    if response.status_code != 200:
        raise SystemExit(f"{name} answers {response.status_code}: {response.content!r}")
    return orjson.loads(response.content)


def _meanings(scene: Scene, case: dict[str, Any]) -> dict[str, str]:
    named = {
        "account": scene.account.pk,
        "location": scene.location.pk,
        "client": scene.client.pk,
        "list": scene.customer_list.pk,
        "connection": scene.grant.pk,
        **case,
    }
    return {_text(value): name for name, value in named.items()}


def _text(value: Any) -> str:
    if isinstance(value, Jsonb):
        value = value.obj
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


def _statement(
    sql: str, params: Any, meanings: dict[str, str], constants: dict[str, Any]
) -> Statement:
    def name_of(value: Any) -> str:
        meaning = meanings.get(_text(value))
        if meaning is None:
            meaning = f"constant_{len(constants)}"
            constants[meaning] = value
        return meaning

    if isinstance(params, dict):
        return Statement(sql, {key: name_of(value) for key, value in params.items()})
    return Statement(sql, [name_of(value) for value in params])


if __name__ == "__main__":
    main()
