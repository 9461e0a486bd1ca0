"""GET /customer_lists/:id/loyalty_cards/:id (spec 3.1)."""

import pytest

from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard


def path_of(card: LoyaltyCard) -> str:
    return f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"


def customer_path(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


def test_it_shows_the_card(api: HubClient, customer: Customer) -> None:
    card = LoyaltyCardFactory(customer=customer, ref="av-33489")
    post(card, "13.5")

    r = api.get(path_of(card))

    assert r.status_code == 200
    assert r.json() == {
        "id": card.public_id,
        "customer_id": customer.public_id,
        "name": "",
        "ref": "av-33489",
        "balance": "13.5",
    }


@pytest.mark.parametrize(
    ("deltas", "balance"),
    [
        ([], "0.0"),
        (["13.5", "4.2"], "17.7"),
        (["5", "-5"], "0.0"),
        (["-2.25"], "-2.25"),
        (["-1", "0.5"], "-0.5"),
        (["0.000001"], "0.000001"),
        (["0.1"] * 3, "0.3"),
        (["100"], "100.0"),
        (["99999999999999.999999"], "99999999999999.999999"),
        (["10", "20.10"], "30.1"),
    ],
)
def test_the_balance_follows_the_operations(
    api: HubClient, card: LoyaltyCard, deltas: list[str], balance: str
) -> None:
    for delta in deltas:
        post(card, delta)

    assert api.get(path_of(card)).json()["balance"] == balance


def test_a_customer_shows_zero_one_or_many_cards(api: HubClient, customer: Customer) -> None:
    assert api.get(customer_path(customer)).json()["loyalty_cards"] == []

    first = LoyaltyCardFactory(customer=customer, ref="av-33489")
    second = LoyaltyCardFactory(customer=customer, name="kiosk", ref=None)
    post(first, "13.5")
    post(second, "-0.50")

    assert api.get(customer_path(customer)).json()["loyalty_cards"] == [
        {"id": first.public_id, "name": "", "ref": "av-33489", "balance": "13.5"},
        {"id": second.public_id, "name": "kiosk", "ref": None, "balance": "-0.5"},
    ]


def test_the_customer_index_shows_each_customers_own_cards(
    api: HubClient, card: LoyaltyCard
) -> None:
    without = CustomerFactory(customer_list=card.customer_list)
    index = f"/customer_lists/{card.customer_list.public_id}/customers"

    shown = {customer["id"]: customer["loyalty_cards"] for customer in api.get(index).json()}

    assert shown[without.public_id] == []
    assert [one["id"] for one in shown[card.customer.public_id]] == [card.public_id]


def test_a_card_without_ref_shows_null(api: HubClient, customer: Customer) -> None:
    card = LoyaltyCardFactory(customer=customer, ref=None)

    assert api.get(path_of(card)).json()["ref"] is None


def test_a_card_of_an_anonymised_customer_stays(api: HubClient, card: LoyaltyCard) -> None:
    before = api.get(path_of(card)).json()
    api.post(f"{customer_path(card.customer)}/anonymise")

    assert api.get(path_of(card)).json() == before


def test_the_rival_finds_nothing(rival_api: HubClient, card: LoyaltyCard) -> None:
    r = rival_api.get(path_of(card))

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


@pytest.mark.parametrize("odd", ["slp8q", "x", "%00", "SLP8Q", "9" * 60])
def test_an_id_of_nothing_is_not_found(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    base = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards"

    assert api.get(f"{base}/{odd}").status_code == 404
    assert api.get(f"/customer_lists/{odd}/loyalty_cards/{card.public_id}").status_code == 404


def test_there_is_no_delete(api: HubClient, card: LoyaltyCard) -> None:
    r = api.delete(path_of(card))

    assert r.status_code == 405
    assert "DELETE" not in r["Allow"]


def test_a_warm_read_is_one_query(
    api: HubClient, card: LoyaltyCard, django_assert_num_queries
) -> None:
    api.get(path_of(card))

    with django_assert_num_queries(1):
        api.get(path_of(card))
