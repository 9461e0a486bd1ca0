"""Orders on the wire (companion, section 8)."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from rest_framework.exceptions import ValidationError

from accounts.models import Account
from customers.serializers import CustomerSerializer
from hubcustomers import exact_json
from hubcustomers.api.fields import (
    Boolean,
    CustomFields,
    OneOf,
    Text,
    local_time,
    money,
    plain_decimal,
    points_field,
)
from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.public_ids import customer_ids, location_id, order_ids
from orders.fields import ArrayOf, Details, MapOf, Moment, Money, PositiveDecimal, Status
from orders.models import SERVICE_TYPES, STATUSES
from orders.parts import SNAPSHOT_FIELDS
from orders.reads import JSONText, OrderRow

_OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}
_TYPED: dict[str, Any] = {**_OPTIONAL, "empty_is_null": True}
_PRICING_EFFECTS = ("unchanged", "fixed_price", "price_off", "percentage_off")
_NOT_AN_OBJECT: dict[str, Any] = {
    "invalid": "must be an object",
    "required": "is required",
    "null": "can't be null",
}

# --- what nests in an order ---------------------------------------------------------


class OrderPart(KeptSerializer):
    """An object inside the body of an order."""

    default_error_messages = _NOT_AN_OBJECT

    def run_validation(self, data: Any = None) -> Any:
        """Return the validated fields that are given.

        DRF asks each field that is absent what to do, and an order has hundreds of them;
        here they only ever stay absent.
        """
        if data is None:
            return None if self.allow_null else self.fail("null")
        return self.to_internal_value(data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the validated fields that are given."""
        if not isinstance(data, dict):
            self.fail("invalid")
        values, errors = {}, {}
        for name, field in self.fields.items():
            try:
                if name in data:
                    values[name] = field.run_validation(data[name])
                elif field.required:
                    field.fail("required")
            except ValidationError as error:
                errors[name] = error.detail
        if errors:
            raise ValidationError(errors)
        return values


class OptionSerializer(OrderPart):
    """What an item is made with or without; free where no price is given."""

    option_list_name = Text(**_OPTIONAL)
    name = Text()
    ref = Text(**_TYPED)
    price = Money(negative=True, **_OPTIONAL)
    removed = Boolean(**_OPTIONAL)


class DealLineSerializer(OrderPart):
    """An item's place in a deal; what it says of prices is kept, not computed."""

    deal_key = Text()
    label = Text(**_OPTIONAL)  # type: ignore[assignment]
    pricing_effect = OneOf(_PRICING_EFFECTS, **_OPTIONAL)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the line; the effect says what its value is."""
        line: dict[str, Any] = super().to_internal_value(data)
        field = {
            "fixed_price": Money(),
            "price_off": Money(),
            "percentage_off": PositiveDecimal(before=3, after=6, limit=100),
        }.get(line.get("pricing_effect") or "")
        value = data.get("pricing_value")
        if field is not None and value is not None:
            field.bind(field_name="pricing_value", parent=self)
            try:
                value = field.run_validation(value)
            except ValidationError as error:
                raise ValidationError({"pricing_value": error.detail}) from error
            line["pricing_value"] = value
        return line


class ItemSerializer(OrderPart):
    """One line of the order."""

    product_name = Text(max_length=1000)
    sku_name = Text(**_OPTIONAL)
    sku_ref = Text(**_TYPED)
    price = Money()
    quantity = PositiveDecimal(before=6, after=6)
    tax_rate = PositiveDecimal(before=3, after=6, **_TYPED)
    customer_notes = Text(max_length=2000, **_OPTIONAL)
    points_earned = points_field(**_TYPED)
    points_used = points_field(**_TYPED)
    deal_line = DealLineSerializer(**_OPTIONAL)
    options = ArrayOf(OptionSerializer(), max_count=100)


class DealSerializer(OrderPart):
    """A deal that items refer to by its key."""

    name = Text(max_length=1000, **_OPTIONAL)
    ref = Text(**_TYPED)


class DiscountSerializer(OrderPart):
    """A discount on the whole order."""

    name = Text(max_length=1000, **_OPTIONAL)
    ref = Text(**_TYPED)
    price_off = Money()


class ChargeSerializer(OrderPart):
    """Something the customer pays on top of the items."""

    name = Text(max_length=1000, **_OPTIONAL)
    ref = Text(**_TYPED)
    price = Money()
    tax_rate = PositiveDecimal(before=3, after=6, **_TYPED)


class PaymentSerializer(OrderPart):
    """A payment; change given back is below zero."""

    name = Text(max_length=1000, **_OPTIONAL)
    ref = Text(**_TYPED)
    amount = Money(negative=True)
    info = Details(**_OPTIONAL)


class OrderOperationSerializer(OrderPart):
    """Points to add to or take from the customer's card of that name."""

    name = Text(**_OPTIONAL)
    ref = Text(**_TYPED)
    delta = points_field()
    reason = Text(max_length=1000, **_OPTIONAL)


class GuestSerializer(CustomerSerializer):
    """The data of a customer who is in no list."""

    default_error_messages = _NOT_AN_OBJECT

    private_ref = None  # type: ignore[assignment]
    custom_fields = Details(**_OPTIONAL)


# --- bodies -------------------------------------------------------------------------


class OrderBody(KeptSerializer):
    """A body whose amounts are in one currency and whose times are of one zone."""

    @classmethod
    def read_at(
        cls, data: Any, *, currency: str, zone: str, partial: bool = False
    ) -> dict[str, Any]:
        """Return the validated fields; a fault is named by its path, like items[0].price.

        Raises:
            ValidationError: Fields break their rules; all of them are named.
        """
        validated: dict[str, Any] = _kept(cls, currency, zone, partial).run_validation(data)
        return validated

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the fields, or every fault by its path."""
        faults = dict(self.find_faults(data))
        try:
            value: dict[str, Any] = super().to_internal_value(data)
        except ValidationError as error:
            faults.update(_paths(error.detail))
        if faults:
            raise ValidationError(faults)
        return value

    def find_faults(self, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return what fields get wrong together, as path and message."""
        yield from ()


@lru_cache(maxsize=256)
def _kept(body: type[OrderBody], currency: str, zone: str, partial: bool) -> OrderBody:
    return body(partial=partial, context={"currency": currency, "zone": ZoneInfo(zone)})


def _paths(detail: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(detail, dict):
        yield path, detail
        return
    for name, inner in detail.items():
        if name == "non_field_errors":
            yield from _paths(inner, path)
        elif path and not name.startswith("["):
            yield from _paths(inner, f"{path}.{name}")
        else:
            yield from _paths(inner, path + name)


class OrderSerializer(OrderBody):
    """The body that creates an order; a ``total`` in it is not read."""

    status = Status(STATUSES)
    ref = Text(**_TYPED)
    private_ref = Text(**_TYPED)
    service_type = OneOf(SERVICE_TYPES, **_OPTIONAL)
    service_type_ref = Text(**_TYPED)
    expected_time = Moment(**_OPTIONAL)
    confirmed_time = Moment(**_OPTIONAL)
    customer_notes = Text(max_length=2000, **_OPTIONAL)
    seller_notes = Text(max_length=2000, **_OPTIONAL)
    collection_code = Text(**_OPTIONAL)
    coupon_codes = ArrayOf(Text(), max_count=100)
    items = ArrayOf(ItemSerializer(), max_count=500)
    deals = MapOf(DealSerializer(), max_count=100)
    discounts = ArrayOf(DiscountSerializer(), max_count=100)
    charges = ArrayOf(ChargeSerializer(), max_count=100)
    payments = ArrayOf(PaymentSerializer(), max_count=100)
    loyalty_operations = ArrayOf(OrderOperationSerializer(), max_count=20)
    custom_fields = Details(**_OPTIONAL)
    customer_id = Text(**_TYPED)
    customer_list_id = Text(**_TYPED)
    customer_private_ref = Text(**_TYPED)
    customer = GuestSerializer(**_OPTIONAL)

    def find_faults(self, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return where the customer is named in two ways, or in half of one."""
        by_ref = ("customer_list_id", "customer_private_ref")
        ways = ("customer_id", *by_ref, "customer")
        given = [name for name in ways if data.get(name) not in (None, "")]
        if "customer_id" in given:
            for name in given[1:]:
                yield name, "can't be combined with customer_id"
            return
        if any(name in given for name in by_ref):
            for name in by_ref:
                if name not in given:
                    yield name, "is required"
            if "customer" in given:
                yield "customer", "can't be combined with customer_private_ref"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse items in a deal that the order does not have."""
        deals = attrs.get("deals") or {}
        faults = {
            f"items[{number}].deal_line.deal_key": "is not a key of deals"
            for number, item in enumerate(attrs.get("items") or [])
            if item.get("deal_line") and item["deal_line"]["deal_key"] not in deals
        }
        if faults:
            raise ValidationError(faults)
        return attrs


class OrderUpdateSerializer(OrderBody):
    """The body that updates an order; its other fields stay as they were created."""

    status = Status(STATUSES, required=False)
    private_ref = Text(**_TYPED)
    confirmed_time = Moment(**_OPTIONAL)
    seller_notes = Text(max_length=2000, **_OPTIONAL)
    collection_code = Text(**_OPTIONAL)
    custom_fields = CustomFields(**_OPTIONAL)


# --- on the way out -----------------------------------------------------------------


def represent_order(row: OrderRow, account: Account) -> dict[str, Any]:
    """Return the order as one client sees it."""
    zone = ZoneInfo(row.timezone)
    return {
        "id": order_ids.encode(row.id),
        "location_id": location_id(account.pk, row.location_number),
        "ref": row.ref,
        "private_ref": row.private_ref,
        "status": row.status,
        "service_type": row.service_type,
        "service_type_ref": row.service_type_ref,
        "created_at": local_time(row.created_at, zone),
        "created_by": row.created_by,
        "expected_time": _time(row.expected_time, zone),
        "confirmed_time": _time(row.confirmed_time, zone),
        "customer_notes": row.customer_notes,
        "seller_notes": row.seller_notes,
        "collection_code": row.collection_code,
        "coupon_codes": orjson.Fragment(row.coupon_codes),
        "items": orjson.Fragment(row.items),
        "deals": orjson.Fragment(row.deals),
        "discounts": orjson.Fragment(row.discounts),
        "charges": orjson.Fragment(row.charges),
        "payments": orjson.Fragment(row.payments),
        "total": money(row.total, account.currency),
        "customer": _represent_customer(row),
        "loyalty_operations": _represent_operations(row.loyalty_operations),
        "custom_fields": orjson.Fragment(row.custom_fields),
    }


def _time(seconds: int | None, zone: ZoneInfo) -> str | None:
    return None if seconds is None else local_time(seconds, zone)


def _represent_customer(row: OrderRow) -> dict[str, Any] | None:
    if row.customer_snapshot is None:
        return None
    text = row.customer_snapshot
    kept = exact_json.loads(text if isinstance(text, str) else text.decode())
    # Without the link the customer has gone with its list, or never was in one.
    linked = row.customer_id is not None
    return {
        "id": customer_ids.encode(row.customer_id) if row.customer_id is not None else None,
        "customer_list_id": kept["customer_list_id"] if linked else None,
        "anonymised": kept["anonymised"],
        "private_ref": row.customer_private_ref,
        **{name: kept.get(name) for name in SNAPSHOT_FIELDS},
    }


def _represent_operations(text: JSONText | None) -> list[dict[str, Any]]:
    return [
        {
            "name": operation["name"],
            "ref": operation["ref"],
            "delta": plain_decimal(operation["delta"]),
            "reason": operation["reason"],
            "new_balance": plain_decimal(operation["new_balance"]),
        }
        for operation in (orjson.loads(text) if text else [])
    ]
