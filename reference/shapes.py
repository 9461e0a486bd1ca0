"""The shapes of answers; a test holds every answer of the test suite against them.

Answers are written by ``represent`` functions, not by serializers, so their shapes stand here.
Every property is always there: none is left out because it is empty.
"""

from typing import Any

from callbacks.serializers import EVENT_TYPES
from hubcustomers.api.errors import ERROR_TYPES
from orders.models import SERVICE_TYPES, STATUSES
from reference.fields import MONEY_OR_LESS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
ID: Schema = {"type": "string", "pattern": "^[a-z0-9]{5,}$"}
LOCATION_ID: Schema = {"type": "string", "pattern": "^[a-z0-9]{5,}-[1-9][0-9]*$"}
TIME: Schema = {
    "type": "string",
    "format": "date-time",
    "description": "ISO 8601 with offset, on the clocks of the location, else of the account.",
}
DATE: Schema = {"type": "string", "format": "date"}
DECIMAL: Schema = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]*)\.([0-9]*[1-9]|0)$",
    "description": "Plain notation, at least one digit after the point, no useless zeros.",
}
MONEY: Schema = {"type": "string", "pattern": MONEY_OR_LESS.replace("{1,8}", "+")}
DATA: Schema = {"type": "object"}


def nullable(schema: Schema) -> Schema:
    """Return the schema, or null."""
    if "type" not in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def one_of(words: Any) -> Schema:
    """Return the schema of one of the words."""
    return {"type": "string", "enum": list(words)}


def shape(**properties: Schema) -> Schema:
    """Return the schema of an object with just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def array(schema: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": schema}


def ref(name: str) -> Schema:
    """Return a reference to a shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


# What anonymising erases is null from then on.
_PERSON: Schema = {
    "email": nullable(TEXT),
    "first_name": nullable(TEXT),
    "last_name": nullable(TEXT),
    "gender": {"type": ["string", "null"], "enum": ["male", "female", None]},
    "birth_date": nullable(DATE),
    "company_name": nullable(TEXT),
    "phone": {
        **nullable(TEXT),
        "description": "E.164 where the number could be read, else as it came.",
    },
    "address_1": nullable(TEXT),
    "address_2": nullable(TEXT),
    "postal_code": nullable(TEXT),
    "city": nullable(TEXT),
    "state": nullable(TEXT),
    "country": nullable(TEXT),
    "latitude": nullable(DECIMAL),
    "longitude": nullable(DECIMAL),
    "delivery_notes": nullable(TEXT),
    "sms_marketing": FLAG,
    "email_marketing": FLAG,
}

_CUSTOMER = shape(
    id=ID,
    customer_list_id=ID,
    anonymised=FLAG,
    private_ref={**nullable(TEXT), "description": "The calling client's own ref."},
    **_PERSON,
    nb_orders={"type": "integer", "minimum": 0},
    order_total=MONEY,
    first_order_date=nullable(TIME),
    last_order_date=nullable(TIME),
    loyalty_cards=array(shape(id=ID, name=TEXT, ref=nullable(TEXT), balance=DECIMAL)),
    custom_fields=DATA,
    phone_access_code=nullable(TEXT),
    created_at=TIME,
)
_CUSTOMER_OF_ORDER = shape(
    id=nullable(ID),
    customer_list_id=nullable(ID),
    anonymised=FLAG,
    private_ref=nullable(TEXT),
    **_PERSON,
    custom_fields=DATA,
    phone_access_code=nullable(TEXT),
)
_NAMED: Schema = {"name": nullable(TEXT), "ref": nullable(TEXT)}
_ITEM = shape(
    product_name=TEXT,
    sku_name=nullable(TEXT),
    sku_ref=nullable(TEXT),
    price=MONEY,
    quantity=DECIMAL,
    subtotal=MONEY,
    tax_rate=nullable(DECIMAL),
    customer_notes=nullable(TEXT),
    points_earned=nullable(DECIMAL),
    points_used=nullable(DECIMAL),
    deal_line=nullable(
        shape(
            deal_key=TEXT,
            label=nullable(TEXT),
            pricing_effect=nullable(TEXT),
            pricing_value=nullable(TEXT),
        )
    ),
    options=array(
        shape(option_list_name=nullable(TEXT), name=TEXT, ref=nullable(TEXT), price=MONEY,
              removed=FLAG)
    ),
)  # fmt: skip
_ORDER = shape(
    id=ID,
    location_id=LOCATION_ID,
    ref=nullable(TEXT),
    private_ref=nullable(TEXT),
    status=one_of(STATUSES),
    service_type={"type": ["string", "null"], "enum": [*SERVICE_TYPES, None]},
    service_type_ref=nullable(TEXT),
    created_at=TIME,
    created_by={**nullable(TEXT), "description": "The name of the client that placed it."},
    expected_time=nullable(TIME),
    confirmed_time=nullable(TIME),
    customer_notes=nullable(TEXT),
    seller_notes=nullable(TEXT),
    collection_code=nullable(TEXT),
    coupon_codes=array(TEXT),
    items=array(_ITEM),
    deals={"type": "object", "additionalProperties": shape(**_NAMED)},
    discounts=array(shape(**_NAMED, price_off=MONEY)),
    charges=array(shape(**_NAMED, price=MONEY, tax_rate=nullable(DECIMAL))),
    payments=array(shape(**_NAMED, amount=MONEY, info=DATA)),
    total=MONEY,
    customer=nullable(ref("CustomerOfOrder")),
    loyalty_operations=array(
        shape(
            name=TEXT,
            ref=nullable(TEXT),
            delta=DECIMAL,
            reason=nullable(TEXT),
            new_balance=DECIMAL,
        )
    ),
    custom_fields=DATA,
)

_EVENT_OF: dict[str, Schema] = {
    "customer": {"customer_list_id": ID, "customer_id": ID},
    "customer_list": {"customer_list_id": ID},
    "order": {"location_id": nullable(LOCATION_ID), "order_id": ID},
}


def _event(**states: Schema) -> Schema:
    """Return the schema of an event: what it names depends on the resource's type."""
    return {
        "oneOf": [
            shape(
                id=ID,
                created_at=TIME,
                resource_type={"const": resource},
                event_type=one_of(EVENT_TYPES[resource]),
                **names,
                **states,
            )
            for resource, names in _EVENT_OF.items()
        ]
    }


def _event_with_states() -> Schema:
    update, create = _event(new_state=DATA, previous_state=DATA), _event(new_state=DATA)
    return {"oneOf": [*update["oneOf"], *create["oneOf"]]}


_ACCOUNT = shape(id=ID, name=TEXT, currency={"type": "string", "pattern": "^[A-Z]{3}$"})
_ERROR: Schema = {
    "type": "object",
    "properties": {
        "message": TEXT,
        "errors": {
            "type": "array",
            "items": shape(field=TEXT, message=TEXT),
            "description": "Each fault with the field that has it; on 422 only.",
        },
        "error_type": one_of([*ERROR_TYPES.values(), "routing_error"]),
    },
    "required": ["message", "error_type"],
    "additionalProperties": False,
}


def _parameters(texts: dict[str, str]) -> Schema:
    """Return the schema of parameters that OAuth takes; what is wrong is told in an error."""
    # Null is as good as left out.
    either = {"type": ["string", "null"]}
    return {
        "type": "object",
        "properties": {name: {**either, "description": text} for name, text in texts.items()},
    }


# By name, as `#/components/schemas` has them.
SHAPES: dict[str, Schema] = {
    "Account": _ACCOUNT,
    "Location": shape(
        id=LOCATION_ID,
        name=TEXT,
        account=ref("Account"),
        address=nullable(TEXT),
        postal_code=nullable(TEXT),
        city=nullable(TEXT),
        country=TEXT,
        timezone=shape(name=TEXT, offset={"type": "integer", "description": "Seconds, now."}),
        custom_fields=DATA,
    ),
    "CustomerList": shape(id=ID, name=TEXT),
    "CustomerListInIndex": shape(id=ID, name=TEXT, created_at=TIME),
    "Customer": _CUSTOMER,
    "LoyaltyCard": shape(id=ID, customer_id=ID, name=TEXT, ref=nullable(TEXT), balance=DECIMAL),
    "LoyaltyOperation": shape(
        id=ID,
        customer_id=ID,
        created_at=TIME,
        order_location_id=nullable(LOCATION_ID),
        order_id=nullable(ID),
        reason=nullable(TEXT),
        delta=DECIMAL,
        new_balance=DECIMAL,
    ),
    "Order": _ORDER,
    "CustomerOfOrder": _CUSTOMER_OF_ORDER,
    "Callback": shape(
        url=nullable(TEXT), events={"type": "object", "additionalProperties": array(TEXT)}
    ),
    "Event": _event(),
    "EventWithStates": _event_with_states(),
    "Grant": shape(
        access_token=TEXT,
        token_type=TEXT,
        scope=TEXT,
        account_id=ID,
        location_id=nullable(LOCATION_ID),
        customer_list_id=nullable(ID),
        account_name=TEXT,
        location_name=nullable(TEXT),
        customer_list_name=nullable(TEXT),
        app_instance_id={**ID, "description": "The connection."},
        user_id={**ID, "description": "Who allowed it."},
    ),
    "CodeRequest": _parameters(
        {
            "client_id": "The client's id.",
            "client_secret": "The client's secret.",
            "code": "What came to the redirect URI.",
            "redirect_uri": "Need not be sent; if it is, the one that the code came to.",
            "grant_type": "Need not be sent; if it is, `authorization_code`.",
            "device_id": "A device with a name has a connection of its own.",
        }
    ),
    "RevokeRequest": _parameters(
        {
            "token": "The access token.",
            "client_id": "The client's id.",
            "client_secret": "The client's secret.",
        }
    ),
    "Nothing": {"type": "object", "maxProperties": 0},
    "Error": _ERROR,
}
