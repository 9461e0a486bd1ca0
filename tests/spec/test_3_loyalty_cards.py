"""Section 3, loyalty cards, sentence by sentence."""

import json
from typing import Any

import pytest

from conftest import HubClient
from tests.spec.conftest import new_list

NAMES = ["id", "customer_id", "name", "ref", "balance"]


@pytest.fixture
def base(api: HubClient) -> str:
    """The path of a list."""
    return new_list(api)


@pytest.fixture
def jimmy(api: HubClient, base: str) -> str:
    """The id of a customer in the list."""
    return str(api.post(f"{base}/customers", first_name="Jimmy").json()["id"])


@pytest.fixture
def other(api: HubClient, base: str) -> str:
    """The id of another customer in the list."""
    return str(api.post(f"{base}/customers", first_name="Charles").json()["id"])


def give(api: HubClient, base: str, customer: str, name: str, ref: str | None) -> dict[str, Any]:
    """Give the customer a card."""
    made = api.post(f"{base}/loyalty_cards", customer_id=customer, name=name, ref=ref)
    assert made.status_code == 200, made.content
    card: dict[str, Any] = made.json()
    return card


def refusal(answer: Any) -> tuple[int, list[dict[str, str]]]:
    return answer.status_code, answer.json()["errors"]


def taken(field: str) -> tuple[int, list[dict[str, str]]]:
    return 422, [{"field": field, "message": "has already been taken"}]


# --- 3.1 retrieve -------------------------------------------------------------------


def test_3_1_returns_a_loyalty_card_as_in_the_example(
    api: HubClient, account_api: HubClient, base: str, jimmy: str
) -> None:
    card = give(api, base, jimmy, "", "av-33489")
    api.post(f"{base}/loyalty_cards/{card['id']}/operations", delta="13.5")

    r = api.get(f"{base}/loyalty_cards/{card['id']}")

    assert list(r.json()) == NAMES
    assert r.json() == {
        "id": card["id"],
        "customer_id": jimmy,
        "name": "",
        "ref": "av-33489",
        "balance": "13.5",
    }
    assert account_api.get(f"{base}/loyalty_cards/{card['id']}").json() == r.json()


def test_3_1_a_customer_can_have_zero_one_or_many_loyalty_cards(
    api: HubClient, base: str, jimmy: str
) -> None:
    for number, name in enumerate(["", "kiosk", "summer"]):
        assert len(api.get(f"{base}/customers/{jimmy}").json()["loyalty_cards"]) == number
        give(api, base, jimmy, name, None)

    shown = api.get(f"{base}/customers/{jimmy}").json()["loyalty_cards"]
    assert [card["name"] for card in shown] == ["", "kiosk", "summer"]


def test_3_1_each_card_must_have_a_unique_name_for_any_given_customer(
    api: HubClient, base: str, jimmy: str, other: str
) -> None:
    give(api, base, jimmy, "kiosk", None)

    again = api.post(f"{base}/loyalty_cards", customer_id=jimmy, name="kiosk")

    assert refusal(again) == taken("name")
    give(api, base, other, "kiosk", None)


def test_3_1_an_empty_name_is_acceptable(api: HubClient, base: str, jimmy: str) -> None:
    assert give(api, base, jimmy, "", None)["name"] == ""
    # It is a name like any other, so it is given once too.
    assert refusal(api.post(f"{base}/loyalty_cards", customer_id=jimmy, name="")) == taken("name")


def test_3_1_the_ref_must_be_unique_for_a_given_customer_list_and_a_given_name(
    api: HubClient, base: str, jimmy: str, other: str
) -> None:
    give(api, base, jimmy, "", "av-33489")

    r = api.post(f"{base}/loyalty_cards", customer_id=other, name="", ref="av-33489")

    assert refusal(r) == taken("ref")
    give(api, base, other, "kiosk", "av-33489")
    elsewhere = new_list(api, "Other")
    stranger = api.post(f"{elsewhere}/customers").json()["id"]
    give(api, elsewhere, stranger, "", "av-33489")


def test_3_1_the_balance_is_updated_automatically_when_a_loyalty_operation_is_created(
    api: HubClient, base: str, jimmy: str
) -> None:
    path = f"{base}/loyalty_cards/{give(api, base, jimmy, '', None)['id']}"

    api.post(f"{path}/operations", delta="13.5")
    api.post(f"{path}/operations", delta="-3.25")

    assert api.get(path).json()["balance"] == "10.25"


def test_3_1_the_balance_cannot_be_changed_through_the_api(
    api: HubClient, base: str, jimmy: str
) -> None:
    made = api.post(f"{base}/loyalty_cards", customer_id=jimmy, name="", balance="99.0").json()
    path = f"{base}/loyalty_cards/{made['id']}"

    answers = [api.put(path, balance="99.0"), api.patch(path, balance="99.0")]
    api.patch(f"{base}/customers/{jimmy}", loyalty_cards=[{"id": made["id"], "balance": "99.0"}])

    assert made["balance"] == "0.0"
    assert [(r.status_code, r.json()["balance"]) for r in answers] == [(200, "0.0")] * 2
    assert api.get(path).json()["balance"] == "0.0"


# --- 3.2 list -----------------------------------------------------------------------


def test_3_2_returns_the_loyalty_cards_belonging_to_a_customer_list(
    api: HubClient, account_api: HubClient, base: str, jimmy: str, other: str
) -> None:
    cards = [give(api, base, jimmy, "", "1"), give(api, base, other, "", "2")]
    elsewhere = new_list(api, "Other")
    give(api, elsewhere, api.post(f"{elsewhere}/customers").json()["id"], "", "3")

    assert api.get(f"{base}/loyalty_cards").json() == cards
    assert account_api.get(f"{base}/loyalty_cards").json() == cards


def test_3_2_retrieves_by_name_and_ref_as_in_the_example(
    api: HubClient, base: str, jimmy: str, other: str
) -> None:
    card = give(api, base, jimmy, "", "av-33489")
    give(api, base, jimmy, "kiosk", "av-33489")
    give(api, base, other, "", "31")

    r = api.request("GET", f"{base}/loyalty_cards?name=&ref=av-33489")

    assert r.json() == [card]
    assert list(r.json()[0]) == NAMES


def test_3_2_retrieves_the_cards_belonging_to_a_customer_as_in_the_example(
    api: HubClient, base: str, jimmy: str, other: str
) -> None:
    cards = [give(api, base, jimmy, "", "av-33489"), give(api, base, jimmy, "kiosk", "31")]
    give(api, base, other, "", "32")

    assert api.request("GET", f"{base}/loyalty_cards?customer_id={jimmy}").json() == cards


@pytest.mark.parametrize(
    ("query", "refs"),
    [("name=kiosk", ["2", "3"]), ("name=", ["1"]), ("ref=2", ["2"]), ("name=&ref=2", [])],
)
def test_3_2_filters_by_name_and_by_ref(
    api: HubClient, base: str, jimmy: str, other: str, query: str, refs: list[str]
) -> None:
    give(api, base, jimmy, "", "1")
    give(api, base, jimmy, "kiosk", "2")
    give(api, base, other, "kiosk", "3")

    shown = api.request("GET", f"{base}/loyalty_cards?{query}").json()

    assert [card["ref"] for card in shown] == refs


# --- 3.3 create ---------------------------------------------------------------------


def test_3_3_creates_a_new_loyalty_card_for_a_customer_as_in_the_example(
    api: HubClient, account_api: HubClient, base: str, jimmy: str, other: str
) -> None:
    body = {"customer_id": jimmy, "name": "", "ref": "av-33489"}

    r = api.request("POST", f"{base}/loyalty_cards", raw=json.dumps(body, indent=2).encode())

    assert r.status_code == 200
    assert list(r.json()) == NAMES
    assert (r.json()["customer_id"], r.json()["name"]) == (jimmy, "")
    assert r.json()["ref"] == "av-33489"
    assert api.get(f"{base}/loyalty_cards/{r.json()['id']}").json() == r.json()
    give(account_api, base, other, "", "31")


@pytest.mark.parametrize("unknown", ["zzzzz", "", "ve343"])
def test_3_3_the_customer_must_exist_or_the_request_will_fail(
    api: HubClient, base: str, unknown: str
) -> None:
    status, errors = refusal(api.post(f"{base}/loyalty_cards", customer_id=unknown, name=""))

    assert (status, [error["field"] for error in errors]) == (422, ["customer_id"])


def test_3_3_the_name_is_a_mandatory_parameter(api: HubClient, base: str, jimmy: str) -> None:
    r = api.post(f"{base}/loyalty_cards", customer_id=jimmy, ref="av-33489")

    assert refusal(r) == (422, [{"field": "name", "message": "is required"}])


def test_3_3_the_ref_is_optional(api: HubClient, base: str, jimmy: str, other: str) -> None:
    made = api.post(f"{base}/loyalty_cards", customer_id=jimmy, name="")

    assert (made.status_code, made.json()["ref"]) == (200, None)
    # If defined, it must be unique; many may have none.
    assert api.post(f"{base}/loyalty_cards", customer_id=other, name="").status_code == 200


def test_3_3_the_card_is_created_with_an_initial_balance_of_zero(
    api: HubClient, base: str, jimmy: str
) -> None:
    assert give(api, base, jimmy, "", None)["balance"] == "0.0"


# --- 3.4 update ---------------------------------------------------------------------


def test_3_4_updates_a_loyalty_card_as_in_the_example(
    api: HubClient, account_api: HubClient, base: str, jimmy: str
) -> None:
    card = give(api, base, jimmy, "", "av-33489")
    path = f"{base}/loyalty_cards/{card['id']}"

    r = api.request("PUT", path, raw=b'{\n  "ref": "av-20103"\n}')

    assert r.status_code == 200
    assert r.json() == api.get(path).json() == {**card, "ref": "av-20103"}
    assert account_api.put(path, name="kiosk").json() == {**r.json(), "name": "kiosk"}


def test_3_4_only_the_name_and_the_ref_can_be_updated(
    api: HubClient, base: str, jimmy: str, other: str
) -> None:
    card = give(api, base, jimmy, "", "av-33489")

    r = api.put(
        f"{base}/loyalty_cards/{card['id']}",
        {"id": "x", "customer_id": other, "name": "kiosk", "ref": "31", "balance": "5.0"},
    )

    assert (r.status_code, r.json()) == (200, {**card, "name": "kiosk", "ref": "31"})


def test_3_4_to_update_the_balance_just_create_an_operation(
    api: HubClient, base: str, jimmy: str
) -> None:
    path = f"{base}/loyalty_cards/{give(api, base, jimmy, '', None)['id']}"

    assert api.put(path, balance="5.0").json()["balance"] == "0.0"
    assert api.post(f"{path}/operations", delta="5").json()["new_balance"] == "5.0"
    assert api.get(path).json()["balance"] == "5.0"
