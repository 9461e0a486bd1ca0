"""The parts of an order as they are stored: already the way they will be shown."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hubcustomers.api.fields import money, plain_decimal
from orders.totals import item_subtotal, order_total


def kept_parts(data: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return the arrays of a validated order as they are stored and shown, and its total."""
    items = data.get("items") or []
    discounts = data.get("discounts") or []
    charges = data.get("charges") or []
    deals = data.get("deals") or {}
    keys = {key: str(number) for number, key in enumerate(deals)}
    subtotals = [item_subtotal(item) for item in items]
    return {
        "coupon_codes": data.get("coupon_codes") or [],
        "items": [
            _kept_item(item, subtotal, keys, currency)
            for item, subtotal in zip(items, subtotals, strict=True)
        ],
        "deals": {keys[key]: _named(deal) for key, deal in deals.items()},
        "discounts": [
            {**_named(discount), "price_off": money(discount["price_off"], currency)}
            for discount in discounts
        ],
        "charges": [
            {
                **_named(charge),
                "price": money(charge["price"], currency),
                "tax_rate": _decimal(charge.get("tax_rate")),
            }
            for charge in charges
        ],
        "payments": [
            {
                **_named(payment),
                "amount": money(payment["amount"], currency),
                "info": payment.get("info") or {},
            }
            for payment in data.get("payments") or []
        ],
        "total": order_total(subtotals, charges=charges, discounts=discounts),
    }


def _named(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": part.get("name"), "ref": part.get("ref")}


def _decimal(value: Any) -> str | None:
    return None if value is None else plain_decimal(value)


def _kept_item(
    item: Mapping[str, Any], subtotal: Any, deal_keys: Mapping[str, str], currency: str
) -> dict[str, Any]:
    return {
        "product_name": item["product_name"],
        "sku_name": item.get("sku_name"),
        "sku_ref": item.get("sku_ref"),
        "price": money(item["price"], currency),
        "quantity": plain_decimal(item["quantity"]),
        "subtotal": money(subtotal, currency),
        "tax_rate": _decimal(item.get("tax_rate")),
        "customer_notes": item.get("customer_notes"),
        "points_earned": _decimal(item.get("points_earned")),
        "points_used": _decimal(item.get("points_used")),
        "deal_line": _kept_deal_line(item.get("deal_line"), deal_keys, currency),
        "options": [
            {
                "option_list_name": option.get("option_list_name"),
                "name": option["name"],
                "ref": option.get("ref"),
                "price": money(option.get("price") or Decimal(0), currency),
                "removed": bool(option.get("removed")),
            }
            for option in item.get("options") or []
        ],
    }


def _kept_deal_line(
    line: Mapping[str, Any] | None, deal_keys: Mapping[str, str], currency: str
) -> dict[str, Any] | None:
    if line is None:
        return None
    value = line.get("pricing_value")
    if value is not None:
        is_percentage = line["pricing_effect"] == "percentage_off"
        value = plain_decimal(value) if is_percentage else money(value, currency)
    return {
        "deal_key": deal_keys[line["deal_key"]],
        "label": line.get("label"),
        "pricing_effect": line.get("pricing_effect"),
        "pricing_value": value,
    }


# The customer's fields that an order keeps as they were when it was placed.
SNAPSHOT_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "gender",
    "birth_date",
    "company_name",
    "phone",
    "address_1",
    "address_2",
    "postal_code",
    "city",
    "state",
    "country",
    "latitude",
    "longitude",
    "delivery_notes",
    "sms_marketing",
    "email_marketing",
    "custom_fields",
    "phone_access_code",
)


def snapshot(
    fields: Mapping[str, Any], *, anonymised: bool = False, customer_list_id: str | None = None
) -> dict[str, Any]:
    """Return a customer, or a guest, as the order keeps it."""
    kept = {name: fields.get(name) for name in SNAPSHOT_FIELDS}
    if kept["birth_date"] is not None:
        kept["birth_date"] = kept["birth_date"].isoformat()
    for name in ("latitude", "longitude"):
        kept[name] = _decimal(kept[name])
    for name in ("sms_marketing", "email_marketing"):
        kept[name] = bool(kept[name])
    kept["custom_fields"] = kept["custom_fields"] or {}
    return {"customer_list_id": customer_list_id, "anonymised": anonymised, **kept}
