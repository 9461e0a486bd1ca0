"""What an order costs (companion, section 8): subtotals and total, exact to the cent."""

from typing import Any

import pytest

from conftest import HubClient
from hubcustomers.exact_json import JSONNumber

ORDERS = "/location/orders"
MARGARITA = {"product_name": "Margarita", "price": "9.00 EUR", "quantity": "1"}


def total_of(api: HubClient, *items: dict[str, Any], **body: Any) -> str:
    r = api.post(ORDERS, {"status": "new", "items": [{**MARGARITA, **i} for i in items], **body})
    assert r.status_code == 200, r.content
    return str(r.json()["total"])


def test_options_are_charged_for_each_piece(api: HubClient) -> None:
    options = [{"name": "a", "price": "1.10 EUR"}, {"name": "b", "price": "-0.20 EUR"}]

    assert total_of(api, {"quantity": "3", "options": options}) == "29.70 EUR"


def test_a_removed_option_costs_what_it_says(api: HubClient) -> None:
    options = [{"name": "onions", "price": "0.50 EUR", "removed": True}]

    assert total_of(api, {"options": options}) == "9.50 EUR"


@pytest.mark.parametrize("quantity", [2, "2", "2.0", JSONNumber("2.000000")])
def test_a_quantity_may_be_a_number(api: HubClient, quantity: Any) -> None:
    r = api.post(ORDERS, status="new", items=[{**MARGARITA, "quantity": quantity}])

    assert r.json()["total"] == "18.00 EUR"
    assert r.json()["items"][0]["quantity"] == "2.0"


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        ("0.10", "3", "0.30 EUR"),
        ("12.90", "0.356", "4.59 EUR"),
        ("0.05", "0.5", "0.03 EUR"),
        ("0.15", "0.1", "0.02 EUR"),
        ("0.33", "0.333333", "0.11 EUR"),
        ("9.00", "0", "0.00 EUR"),
    ],
)
def test_fractions_are_rounded_to_the_cent_half_up(
    api: HubClient, price: str, quantity: str, total: str
) -> None:
    assert total_of(api, {"price": f"{price} EUR", "quantity": quantity}) == total


def test_the_total_is_the_sum_of_the_printed_lines(api: HubClient) -> None:
    half_a_cent = {"price": "0.01 EUR", "quantity": "0.5"}

    assert total_of(api, half_a_cent, half_a_cent) == "0.02 EUR"


def test_charges_are_added_and_discounts_taken_off(api: HubClient) -> None:
    charges = [{"price": "1.50 EUR"}, {"price": "0.00 EUR"}]
    discounts = [{"price_off": "10.00 EUR"}, {"price_off": "1.25 EUR"}]

    assert total_of(api, {}, charges=charges) == "10.50 EUR"
    assert total_of(api, {}, charges=charges, discounts=discounts) == "-0.75 EUR"


def test_deals_and_payments_compute_nothing(api: HubClient) -> None:
    line = {"deal_key": "0", "pricing_effect": "fixed_price", "pricing_value": "1.00 EUR"}

    total = total_of(api, {"deal_line": line}, deals={"0": {}}, payments=[{"amount": "-3.00 EUR"}])

    assert total == "9.00 EUR"


@pytest.mark.parametrize(
    "item",
    [
        {**MARGARITA, "quantity": "-0"},
        {
            "product_name": "x",
            "price": "0.00 EUR",
            "quantity": "0.1",
            "options": [{"name": "x", "price": "-0.01 EUR"}],
        },
    ],
)
def test_nothing_costs_minus_zero(item: Any, api: HubClient) -> None:
    body = api.post(ORDERS, status="new", items=[item]).json()

    assert (body["items"][0]["subtotal"], body["total"]) == ("0.00 EUR", "0.00 EUR")
