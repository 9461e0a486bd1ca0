"""Customer lists and customers on the wire (spec 1 and 2, companion 6)."""

from typing import Any
from zoneinfo import ZoneInfo

import orjson

from accounts.models import Account
from customers.models import ANONYMISED_FIELDS
from customers.reads import CustomerRow, ListRow
from hubcustomers.api.fields import (
    Boolean,
    Country,
    CustomFields,
    Date,
    Name,
    OneOf,
    PlainDecimal,
    Text,
    local_time,
    money,
    plain_decimal,
    time_zone,
)
from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.public_ids import customer_ids, customer_list_ids, loyalty_card_ids

_OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}
_TYPED: dict[str, Any] = {**_OPTIONAL, "empty_is_null": True}


class CustomerListSerializer(KeptSerializer):
    """The body that creates or renames a list."""

    name = Name()


class CustomerSerializer(KeptSerializer):
    """The body that creates or updates a customer (spec 2.3)."""

    private_ref = Text(**_TYPED)
    email = Text(**_TYPED, one_line=True)
    first_name = Text(**_OPTIONAL)
    last_name = Text(**_OPTIONAL)
    gender = OneOf(("male", "female"), **_OPTIONAL)
    birth_date = Date(**_OPTIONAL)
    company_name = Text(**_OPTIONAL)
    phone = Text(**_TYPED, one_line=True)
    address_1 = Text(**_OPTIONAL)
    address_2 = Text(**_OPTIONAL)
    postal_code = Text(**_OPTIONAL)
    city = Text(**_OPTIONAL)
    state = Text(**_OPTIONAL)
    country = Country(**_TYPED)
    latitude = PlainDecimal(before=3, after=10, limit=90, **_TYPED)
    longitude = PlainDecimal(before=3, after=10, limit=180, **_TYPED)
    delivery_notes = Text(max_length=2000, **_OPTIONAL)
    phone_access_code = Text(**_OPTIONAL)
    sms_marketing = Boolean(required=False)
    email_marketing = Boolean(required=False)
    custom_fields = CustomFields(**_OPTIONAL)


class AnonymisedCustomerSerializer(CustomerSerializer):
    """The body that updates an anonymised customer: what was erased is not even read."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields that still exist."""
        fields: dict[str, Any] = super().get_fields()
        return {name: field for name, field in fields.items() if name not in ANONYMISED_FIELDS}


def represent_list(row: ListRow) -> dict[str, Any]:
    """Return ``{id, name}`` (spec 1.1)."""
    return {"id": customer_list_ids.encode(row.id), "name": row.name}


def represent_list_in_index(row: ListRow, zone: ZoneInfo) -> dict[str, Any]:
    """Return ``{id, name, created_at}`` (spec 1.2)."""
    return {**represent_list(row), "created_at": local_time(row.created_at, zone)}


def represent_customer(row: CustomerRow, account: Account) -> dict[str, Any]:
    """Return the customer as one client sees it (spec 2.1)."""
    zone = time_zone(row.timezone or account.timezone)
    return {
        "id": customer_ids.encode(row.id),
        "customer_list_id": customer_list_ids.encode(row.customer_list_id),
        "anonymised": row.anonymised,
        "private_ref": row.private_ref,
        "email": row.email,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "gender": row.gender,
        "birth_date": row.birth_date and row.birth_date.isoformat(),
        "company_name": row.company_name,
        "phone": row.phone,
        "address_1": row.address_1,
        "address_2": row.address_2,
        "postal_code": row.postal_code,
        "city": row.city,
        "state": row.state,
        "country": row.country,
        "latitude": row.latitude and plain_decimal(row.latitude),
        "longitude": row.longitude and plain_decimal(row.longitude),
        "delivery_notes": row.delivery_notes,
        "sms_marketing": row.sms_marketing,
        "email_marketing": row.email_marketing,
        "nb_orders": row.nb_orders,
        "order_total": money(row.order_total, account.currency),
        "first_order_date": row.first_order_date and local_time(row.first_order_date, zone),
        "last_order_date": row.last_order_date and local_time(row.last_order_date, zone),
        "loyalty_cards": [
            {
                "id": loyalty_card_ids.encode(card["id"]),
                "name": card["name"],
                "ref": card["ref"],
                "balance": plain_decimal(card["balance"]),
            }
            for card in orjson.loads(row.loyalty_cards)
        ]
        if row.loyalty_cards
        else [],
        "custom_fields": orjson.Fragment(row.custom_fields),
        "phone_access_code": row.phone_access_code,
        "created_at": local_time(row.created_at, zone),
    }
