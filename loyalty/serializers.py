"""Loyalty cards and operations on the wire (spec 3 and 4)."""

from typing import Any

from accounts.models import Connection
from hubcustomers.api.fields import Text, local_time, plain_decimal, points_field, time_zone
from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.public_ids import (
    customer_ids,
    location_id,
    loyalty_card_ids,
    loyalty_operation_ids,
    order_ids,
)
from loyalty.reads import CardRow, OperationRow

_REF: dict[str, Any] = {"required": False, "allow_null": True, "empty_is_null": True}


class LoyaltyCardSerializer(KeptSerializer):
    """The body that creates a card (spec 3.3)."""

    customer_id = Text()
    name = Text()
    ref = Text(**_REF)


class LoyaltyCardUpdateSerializer(KeptSerializer):
    """The body that updates a card (spec 3.4); its customer never changes."""

    name = Text(required=False)
    ref = Text(**_REF)


class LoyaltyOperationSerializer(KeptSerializer):
    """The body that creates an operation (spec 4.3)."""

    order_id = Text(required=False, allow_null=True, empty_is_null=True)
    reason = Text(max_length=1000, required=False, allow_null=True)
    delta = points_field()


def represent_card(row: CardRow) -> dict[str, Any]:
    """Return the card (spec 3.1)."""
    return {
        "id": loyalty_card_ids.encode(row.id),
        "customer_id": customer_ids.encode(row.customer_id),
        "name": row.name,
        "ref": row.ref,
        "balance": plain_decimal(row.balance),
    }


def represent_operation(row: OperationRow, connection: Connection) -> dict[str, Any]:
    """Return the operation (spec 4.1)."""
    zone = time_zone(row.timezone or connection.account.timezone)
    return {
        "id": loyalty_operation_ids.encode(row.id),
        "customer_id": customer_ids.encode(row.customer_id),
        "created_at": local_time(row.created_at, zone),
        "order_location_id": None
        if row.order_location is None
        else location_id(connection.account_id, row.order_location),
        "order_id": None if row.order_id is None else order_ids.encode(row.order_id),
        "reason": row.reason,
        "delta": plain_decimal(row.delta),
        "new_balance": plain_decimal(row.new_balance),
    }
