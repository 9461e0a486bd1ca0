"""GET /customer_lists/:id/loyalty_cards (spec 3.2, companion 6)."""

import pytest

from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/loyalty_cards"


def found(client: HubClient, customer_list: CustomerList, **filters: str) -> list[str]:
    r = client.get(path_of(customer_list), **filters)
    assert r.status_code == 200, r.content
    return [card["id"] for card in r.json()]


def test_by_name_and_ref_as_in_the_spec(api: HubClient, customer: Customer) -> None:
    card = LoyaltyCardFactory(customer=customer, name="", ref="av-33489")
    LoyaltyCardFactory(customer=customer, name="kiosk", ref="av-33489")
    LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer.customer_list))
    post(card, "13.5")

    r = api.request("GET", f"{path_of(customer.customer_list)}?name=&ref=av-33489")

    assert r.status_code == 200
    assert r.json() == [
        {
            "id": card.public_id,
            "customer_id": customer.public_id,
            "name": "",
            "ref": "av-33489",
            "balance": "13.5",
        }
    ]


def test_by_customer_as_in_the_spec(api: HubClient, customer: Customer) -> None:
    unnamed = LoyaltyCardFactory(customer=customer, name="", ref="av-33489")
    kiosk = LoyaltyCardFactory(customer=customer, name="kiosk", ref="31")
    LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer.customer_list))
    post(unnamed, "13.5")
    post(kiosk, "1.5")

    r = api.get(path_of(customer.customer_list), customer_id=customer.public_id)

    assert r.json() == [
        {
            "id": unnamed.public_id,
            "customer_id": customer.public_id,
            "name": "",
            "ref": "av-33489",
            "balance": "13.5",
        },
        {
            "id": kiosk.public_id,
            "customer_id": customer.public_id,
            "name": "kiosk",
            "ref": "31",
            "balance": "1.5",
        },
    ]


def test_without_filter_it_returns_every_card_oldest_first(
    api: HubClient, customer_list: CustomerList
) -> None:
    cards = [
        LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list), name=name)
        for name in ("b", "", "a")
    ]

    assert found(api, customer_list) == [card.public_id for card in cards]


@pytest.fixture
def cards(customer_list: CustomerList) -> dict[str, LoyaltyCard]:
    """Cards whose names are easily taken for one another."""
    names = ["", "kiosk", "Kiosk", " kiosk ", "kios%", "k*", "x" * 255]
    customer = CustomerFactory(customer_list=customer_list)
    return {name: LoyaltyCardFactory(customer=customer, name=name, ref=name) for name in names}


@pytest.mark.parametrize("parameter", ["name", "ref"])
@pytest.mark.parametrize("asked", ["", "kiosk", "Kiosk", " kiosk ", "kios%", "k*", "x" * 255])
def test_name_and_ref_match_exactly(
    api: HubClient,
    customer_list: CustomerList,
    cards: dict[str, LoyaltyCard],
    parameter: str,
    asked: str,
) -> None:
    assert found(api, customer_list, **{parameter: asked}) == [cards[asked].public_id]


@pytest.mark.parametrize("parameter", ["name", "ref"])
@pytest.mark.parametrize("asked", ["kio", "KIOSK", "*", "kiosk*", "_iosk", "kiosk\\"])
def test_names_and_refs_have_no_wildcards(
    api: HubClient,
    customer_list: CustomerList,
    cards: dict[str, LoyaltyCard],
    parameter: str,
    asked: str,
) -> None:
    assert found(api, customer_list, **{parameter: asked}) == []


def test_an_absent_name_is_no_filter_and_an_empty_one_is(
    api: HubClient, customer_list: CustomerList, cards: dict[str, LoyaltyCard]
) -> None:
    assert len(found(api, customer_list)) == len(cards)
    assert found(api, customer_list, name="") == [cards[""].public_id]


def test_an_empty_ref_does_not_match_cards_without_ref(api: HubClient, customer: Customer) -> None:
    LoyaltyCardFactory(customer=customer, ref=None)

    assert found(api, customer.customer_list, ref="") == []


def test_filters_hold_together(api: HubClient, cards: dict[str, LoyaltyCard]) -> None:
    card = cards["kiosk"]
    customer_id = card.customer.public_id

    assert found(api, card.customer_list, name="kiosk", ref="kiosk", customer_id=customer_id) == [
        card.public_id
    ]
    assert found(api, card.customer_list, name="kiosk", ref="Kiosk") == []


@pytest.mark.parametrize("odd", ["", "x", "ve343", "VE343", "*", "é"])
def test_an_unknown_customer_has_no_cards(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    assert found(api, card.customer_list, customer_id=odd) == []


def test_a_customer_of_another_list_has_none_here(api: HubClient, card: LoyaltyCard) -> None:
    other = CustomerListFactory(account=card.account)

    assert found(api, other, customer_id=card.customer.public_id) == []
    assert found(api, other) == []


@pytest.mark.parametrize("parameter", ["name", "ref", "customer_id"])
def test_a_nul_in_a_filter_is_refused(api: HubClient, card: LoyaltyCard, parameter: str) -> None:
    r = api.get(path_of(card.customer_list), **{parameter: "a\x00"})

    assert r.status_code == 422
    assert r.json()["errors"][0]["field"] == parameter


def test_an_empty_list_is_an_empty_array(api: HubClient, customer_list: CustomerList) -> None:
    assert found(api, customer_list) == []


def test_the_rival_finds_no_such_list(rival_api: HubClient, card: LoyaltyCard) -> None:
    assert rival_api.get(path_of(card.customer_list)).status_code == 404


def test_a_warm_page_is_one_query(
    api: HubClient, cards: dict[str, LoyaltyCard], django_assert_num_queries
) -> None:
    path = path_of(cards[""].customer_list)
    api.get(path)

    with django_assert_num_queries(1):
        assert len(api.get(path).json()) == len(cards)
