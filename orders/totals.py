"""What an order costs, in exact decimals (companion, section 8).

Only a fractional quantity can make more than two decimals. Each item's subtotal is then
rounded to two, half a cent away from zero as on a till's receipt, and the total is the sum
of what is printed: the lines always add up. Deals and payments compute nothing.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CENT = Decimal("0.01")


def item_subtotal(item: Mapping[str, Any]) -> Decimal:
    """Return the price with all options times the quantity; removed options as charged."""
    price = item["price"] + sum(option.get("price") or 0 for option in item.get("options") or [])
    subtotal: Decimal = price * item["quantity"]
    return subtotal.quantize(_CENT, ROUND_HALF_UP)


def order_total(
    subtotals: Iterable[Decimal],
    *,
    charges: Iterable[Mapping[str, Any]],
    discounts: Iterable[Mapping[str, Any]],
) -> Decimal:
    """Return the items plus the charges minus the discounts; below zero is possible."""
    total = sum(subtotals, Decimal("0.00"))
    total += sum(charge["price"] for charge in charges)
    total -= sum(discount["price_off"] for discount in discounts)
    return total
