"""GET …/loyalty_cards/:id/operations (spec 4.2, companion 5)."""

from conftest import HubClient
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard


def path_of(card: LoyaltyCard) -> str:
    base = f"/customer_lists/{card.customer_list.public_id}"
    return f"{base}/loyalty_cards/{card.public_id}/operations"


def test_it_returns_whole_operations_newest_first(api: HubClient, card: LoyaltyCard) -> None:
    for delta in ("5", "-2", "0.5"):
        post(card, delta)

    r = api.get(path_of(card))

    assert r.status_code == 200
    assert [(one["delta"], one["new_balance"]) for one in r.json()] == [
        ("0.5", "3.5"),
        ("-2.0", "3.0"),
        ("5.0", "5.0"),
    ]
    for shown in r.json():
        assert api.get(f"{path_of(card)}/{shown['id']}").json() == shown


def test_the_first_rows_new_balance_is_the_balance(api: HubClient, card: LoyaltyCard) -> None:
    for delta in ("5", "-7.25", "0"):
        post(card, delta)

    [newest, *_] = api.get(path_of(card)).json()

    card_path = path_of(card).removesuffix("/operations")
    assert newest["new_balance"] == api.get(card_path).json()["balance"] == "-2.25"


def test_operations_of_other_cards_are_left_out(api: HubClient, card: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer=card.customer, name="kiosk")
    post(other, "9")
    post(card, "1")

    assert [one["delta"] for one in api.get(path_of(card)).json()] == ["1.0"]


def test_the_order_is_the_ledgers_own_even_within_one_transaction(
    api: HubClient, card: LoyaltyCard
) -> None:
    for _ in range(12):
        post(card, "1")

    balances = [one["new_balance"] for one in api.get(path_of(card)).json()]

    assert balances == [f"{number}.0" for number in range(12, 0, -1)]


def test_a_new_card_has_no_operations(api: HubClient, card: LoyaltyCard) -> None:
    r = api.get(path_of(card))

    assert r.status_code == 200
    assert r.json() == []


def test_an_unknown_card_is_not_found(api: HubClient, card: LoyaltyCard) -> None:
    path = path_of(card).replace(card.public_id, "slp8q")

    assert api.get(path).status_code == 404


def test_the_rival_finds_no_such_card(rival_api: HubClient, card: LoyaltyCard) -> None:
    assert rival_api.get(path_of(card)).status_code == 404
    post(card, "1")
    assert rival_api.get(path_of(card)).status_code == 404


def test_a_warm_page_is_one_query(
    api: HubClient, card: LoyaltyCard, django_assert_num_queries
) -> None:
    for _ in range(5):
        post(card, "1")
    api.get(path_of(card))

    with django_assert_num_queries(1):
        assert len(api.get(path_of(card)).json()) == 5
