"""The thinnest Python that does the hub's SQL over HTTP: one WSGI function, no framework.

It takes the same requests and gives the same answers, so that what the hub costs beyond it
is the framework and the rules. It checks nothing of what it is given.
"""

import os
from collections import namedtuple
from collections.abc import Callable
from datetime import datetime
from threading import local
from typing import Any
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

import orjson
import psycopg
from psycopg.types.json import set_json_loads

from benchmarks.plan import SESSION_OPTIONS, Plan
from hubcustomers.public_ids import (
    customer_ids,
    customer_list_ids,
    event_ids,
    loyalty_card_ids,
    loyalty_operation_ids,
    order_ids,
)

_plan = Plan.load(os.environ["BENCHMARK_PLAN"])
_tokens = {_plan.token: {name: path.constants for name, path in _plan.paths.items()}}
_statements = {
    name: [(statement.sql, statement.binder()) for statement in path.statements]
    for name, path in _plan.paths.items()
}
_transactional = {name for name, path in _plan.paths.items() if path.transactional}
_OrderRow: Any = namedtuple("_OrderRow", _plan.columns["order"])
_EventRow: Any = namedtuple("_EventRow", _plan.columns["event"])
_zone = ZoneInfo(_plan.timezone)
_currency = _plan.currency
_thread = local()
_HEADERS = [("Content-Type", "application/json")]
_LAST_CHARACTER = "\U0010ffff"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer one request."""
    parts = environ["PATH_INFO"].split("/")
    constants = _tokens[environ["HTTP_X_ACCESS_TOKEN"]]
    if parts[2] == "customer_lists":
        answer = _below_list(environ, parts, constants)
    elif parts[2] == "callback":
        answer = [_event(row) for row in _rows("E1", constants["E1"])[:100]]
    elif environ["REQUEST_METHOD"] == "POST":
        answer = _create_order(environ, constants["O1"])
    elif len(parts) == 5:
        values = {**constants["O2"], "order": order_ids.decode(parts[4])}
        answer = _order(_rows("O2", values)[0])
    else:
        answer = [_order(row) for row in _rows("O3", constants["O3"])[:100]]
    start_response("200 OK", _HEADERS)
    return [orjson.dumps(answer)]


def _below_list(environ: dict[str, Any], parts: list[str], constants: dict[str, Any]) -> Any:
    answer: Any
    values: dict[str, Any] = {"list": customer_list_ids.decode(parts[3])}
    if parts[4] == "customers":
        if environ["REQUEST_METHOD"] == "POST":
            answer = _create_customer(environ, constants["W1"], values)
        elif len(parts) == 6:
            values["customer"] = customer_ids.decode(parts[5])
            answer = _customer(_rows("W2", {**constants["W2"], **values})[0])
        else:
            start = unquote_plus(environ["QUERY_STRING"].partition("phone=")[2])[:-1]
            values |= {"start": start, "end": start + _LAST_CHARACTER}
            answer = [_customer(row) for row in _rows("W3", {**constants["W3"], **values})]
    else:
        values["card"] = loyalty_card_ids.decode(parts[5])
        if environ["REQUEST_METHOD"] == "POST":
            values |= orjson.loads(environ["wsgi.input"].read())
            answer = _operation(_rows("W4", {**constants["W4"], **values})[0])
        else:
            rows = _rows("W6", {**constants["W6"], **values})
            answer = [_operation(row) for row in rows[:100]]
    return answer


def _cursor() -> Any:
    try:
        return _thread.cursor
    except AttributeError:
        connection = psycopg.connect(_plan.url, autocommit=True, options=SESSION_OPTIONS)
        _thread.cursor = connection.cursor()
        return _thread.cursor


def _order_cursor() -> Any:
    """Return a cursor that leaves JSON as the text that goes into the answer."""
    try:
        return _thread.order_cursor
    except AttributeError:
        _thread.order_cursor = _cursor().connection.cursor()
        set_json_loads(bytes, context=_thread.order_cursor)
        return _thread.order_cursor


def _rows(name: str, values: dict[str, Any]) -> list[Any]:
    """Execute the path's statements and return the rows of the last."""
    cursor = _order_cursor() if name.startswith("O") else _cursor()
    if name in _transactional:
        cursor.execute("BEGIN", prepare=False)
    for sql, bind in _statements[name]:
        cursor.execute(sql, bind(values), prepare=True)
    rows: list[Any] = cursor.fetchall()
    if name in _transactional:
        cursor.execute("COMMIT", prepare=False)
    return rows


def _create_customer(
    environ: dict[str, Any], constants: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    given = orjson.loads(environ["wsgi.input"].read())
    fields = orjson.dumps(given["custom_fields"]).decode()
    values = {**constants, **values, **given, "custom_fields": fields}
    cursor = _cursor()
    if "W1" in _transactional:
        cursor.execute("BEGIN", prepare=False)
    for sql, bind in _statements["W1"]:
        cursor.execute(sql, bind(values), prepare=True)
        if sql.startswith("INSERT INTO") and "made" not in values:
            values["made"], created_at, *_ = cursor.fetchone()
    if "W1" in _transactional:
        cursor.execute("COMMIT", prepare=False)
    return {
        "id": customer_ids.encode(values["made"]),
        "customer_list_id": customer_list_ids.encode(values["list"]),
        "anonymised": False,
        "private_ref": given.get("private_ref"),
        "email": given.get("email"),
        "first_name": given.get("first_name"),
        "last_name": given.get("last_name"),
        "gender": given.get("gender"),
        "birth_date": given.get("birth_date"),
        "company_name": given.get("company_name"),
        "phone": given.get("phone"),
        "address_1": given.get("address_1"),
        "address_2": given.get("address_2"),
        "postal_code": given.get("postal_code"),
        "city": given.get("city"),
        "state": given.get("state"),
        "country": given.get("country"),
        "latitude": given.get("latitude"),
        "longitude": given.get("longitude"),
        "delivery_notes": given.get("delivery_notes"),
        "sms_marketing": given.get("sms_marketing", False),
        "email_marketing": given.get("email_marketing", False),
        "nb_orders": 0,
        "order_total": f"0.00 {_currency}",
        "first_order_date": None,
        "last_order_date": None,
        "loyalty_cards": [],
        "custom_fields": given.get("custom_fields", {}),
        "phone_access_code": given.get("phone_access_code"),
        "created_at": _time(created_at),
    }


def _customer(row: Any) -> dict[str, Any]:
    return {
        "id": customer_ids.encode(row[0]),
        "customer_list_id": customer_list_ids.encode(row[1]),
        "anonymised": row[2],
        "private_ref": row[3],
        "email": row[4],
        "first_name": row[5],
        "last_name": row[6],
        "gender": row[7],
        "birth_date": row[8],
        "company_name": row[9],
        "phone": row[10],
        "address_1": row[11],
        "address_2": row[12],
        "postal_code": row[13],
        "city": row[14],
        "state": row[15],
        "country": row[16],
        "latitude": row[17] and _decimal(row[17]),
        "longitude": row[18] and _decimal(row[18]),
        "delivery_notes": row[19],
        "sms_marketing": row[20],
        "email_marketing": row[21],
        "nb_orders": row[22],
        "order_total": f"{row[23]:.2f} {_currency}",
        "first_order_date": row[24] and _time(row[24]),
        "last_order_date": row[25] and _time(row[25]),
        "loyalty_cards": [
            {
                "id": loyalty_card_ids.encode(card["id"]),
                "name": card["name"],
                "ref": card["ref"],
                "balance": _decimal(card["balance"]),
            }
            for card in orjson.loads(row[26])
        ]
        if row[26]
        else [],
        "custom_fields": row[27],
        "phone_access_code": row[28],
        "created_at": _time(row[29]),
    }


def _operation(row: Any) -> dict[str, Any]:
    return {
        "id": loyalty_operation_ids.encode(row[0]),
        "customer_id": customer_ids.encode(row[2]),
        "created_at": _time(row[3]),
        "order_location_id": None,
        "order_id": None,
        "reason": row[4],
        "delta": _decimal(row[5]),
        "new_balance": _decimal(row[6]),
    }


def _create_order(environ: dict[str, Any], constants: dict[str, Any]) -> dict[str, Any]:
    """Insert the order that was noted, for the customer that the body names."""
    customer = orjson.loads(environ["wsgi.input"].read())["customer_id"]
    values = {**constants, "customer": customer_ids.decode(customer)}
    cursor = _cursor()
    cursor.execute("BEGIN", prepare=False)
    for sql, bind in _statements["O1"]:
        cursor.execute(sql, bind(values), prepare=True)
        if sql.startswith("INSERT INTO"):
            number, created_at = cursor.fetchone()
    cursor.execute("COMMIT", prepare=False)
    answer: dict[str, Any] = _plan.paths["O1"].answer
    return {
        **answer,
        "id": order_ids.encode(number),
        "created_at": _time(created_at),
        "customer": {**answer["customer"], "id": customer},
    }


def _order(row: Any) -> dict[str, Any]:
    order = _OrderRow(*row)
    kept = orjson.loads(order.customer_snapshot)
    fragment = orjson.Fragment
    return {
        "id": order_ids.encode(order.id),
        "location_id": _plan.paths["O2"].answer["location_id"],
        "ref": order.ref,
        "private_ref": order.private_ref,
        "status": order.status,
        "service_type": order.service_type,
        "service_type_ref": order.service_type_ref,
        "created_at": _time(order.created_at),
        "created_by": order.created_by,
        "expected_time": order.expected_time and _time(order.expected_time),
        "confirmed_time": order.confirmed_time and _time(order.confirmed_time),
        "customer_notes": order.customer_notes,
        "seller_notes": order.seller_notes,
        "collection_code": order.collection_code,
        "coupon_codes": fragment(order.coupon_codes),
        "items": fragment(order.items),
        "deals": fragment(order.deals),
        "discounts": fragment(order.discounts),
        "charges": fragment(order.charges),
        "payments": fragment(order.payments),
        "total": f"{order.total:.2f} {_currency}",
        "customer": {
            "id": customer_ids.encode(order.customer_id),
            "private_ref": order.customer_private_ref,
            **kept,
        },
        "loyalty_operations": [],
        "custom_fields": fragment(order.custom_fields),
    }


def _event(row: Any) -> dict[str, Any]:
    event = _EventRow(*row)
    return {
        "id": event_ids.encode(event.id),
        "created_at": _time(event.created_at),
        "resource_type": event.resource_type,
        "event_type": event.event_type,
        "customer_list_id": customer_list_ids.encode(event.customer_list_id),
        "customer_id": customer_ids.encode(event.resource_id),
    }


def _decimal(text: str) -> str:
    text = text.rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, _zone).isoformat()
