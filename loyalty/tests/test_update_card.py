"""PUT and PATCH /customer_lists/:id/loyalty_cards/:id (spec 3.4)."""

import pytest

from conftest import HubClient
from customers.factories import CustomerFactory
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard

METHODS = pytest.mark.parametrize("method", ["PUT", "PATCH"])


def path_of(card: LoyaltyCard) -> str:
    return f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"


def shown(card: LoyaltyCard, **changes: object) -> dict:
    return {
        "id": card.public_id,
        "customer_id": card.customer.public_id,
        "name": card.name,
        "ref": card.ref,
        "balance": "0.0",
        **changes,
    }


@METHODS
@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "av-20103"},
        {"ref": None},
        {"name": "kiosk"},
        {"name": "  two  blanks "},
        {"name": "kiosk", "ref": "31"},
        {"name": "x" * 255, "ref": "x" * 255},
        {},
    ],
)
def test_only_what_is_present_changes(
    api: HubClient, card: LoyaltyCard, method: str, changes: dict
) -> None:
    r = api.request(method, path_of(card), changes)

    assert r.status_code == 200
    assert r.json() == shown(card, **changes)
    assert api.get(path_of(card)).json() == r.json()


@METHODS
def test_a_name_may_become_empty(api: HubClient, card: LoyaltyCard, method: str) -> None:
    api.put(path_of(card), name="kiosk")

    assert api.request(method, path_of(card), {"name": ""}).json() == shown(card, name="")


@METHODS
def test_an_empty_ref_is_none(api: HubClient, card: LoyaltyCard, method: str) -> None:
    assert api.request(method, path_of(card), {"ref": ""}).json() == shown(card, ref=None)


@METHODS
def test_the_balance_is_shown_and_never_set(api: HubClient, card: LoyaltyCard, method: str) -> None:
    post(card, "13.5")

    r = api.request(method, path_of(card), {"balance": "99.0", "ref": "1"})

    assert r.status_code == 200
    assert r.json() == shown(card, ref="1", balance="13.5")


@METHODS
def test_customer_id_and_other_fields_are_ignored(
    api: HubClient, card: LoyaltyCard, method: str
) -> None:
    other = CustomerFactory(customer_list=card.customer_list)
    ignored = {"customer_id": other.public_id, "id": "slp8q", "last_sequence": 7, "x": None}

    r = api.request(method, path_of(card), ignored)

    assert r.status_code == 200
    assert r.json() == shown(card)


@METHODS
@pytest.mark.parametrize("odd", [None, 5, "nobody"])
def test_a_customer_id_is_not_even_validated(
    api: HubClient, card: LoyaltyCard, method: str, odd: object
) -> None:
    assert api.request(method, path_of(card), {"customer_id": odd}).json() == shown(card)


@METHODS
def test_a_name_that_the_customer_has_on_another_card_is_refused(
    api: HubClient, card: LoyaltyCard, method: str
) -> None:
    LoyaltyCardFactory(customer=card.customer, name="kiosk")

    r = api.request(method, path_of(card), {"name": "kiosk"})

    assert r.status_code == 422
    assert r.json() == {
        "message": "name has already been taken",
        "errors": [{"field": "name", "message": "has already been taken"}],
        "error_type": "unprocessable_entity",
    }
    assert api.get(path_of(card)).json() == shown(card)


@METHODS
def test_a_ref_that_another_card_of_the_name_has_is_refused(
    api: HubClient, card: LoyaltyCard, method: str
) -> None:
    other = LoyaltyCardFactory(customer=CustomerFactory(customer_list=card.customer_list))

    r = api.request(method, path_of(card), {"ref": other.ref})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "ref", "message": "has already been taken"}]


@METHODS
def test_a_name_that_brings_the_ref_into_collision_is_refused(
    api: HubClient, card: LoyaltyCard, method: str
) -> None:
    other = CustomerFactory(customer_list=card.customer_list)
    LoyaltyCardFactory(customer=other, name="kiosk", ref=card.ref)

    r = api.request(method, path_of(card), {"name": "kiosk"})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "ref", "message": "has already been taken"}]


@METHODS
def test_its_own_name_and_ref_are_not_taken(api: HubClient, card: LoyaltyCard, method: str) -> None:
    r = api.request(method, path_of(card), {"name": card.name, "ref": card.ref})

    assert r.status_code == 200


@METHODS
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": None}, {"name": "can't be null"}),
        ({"name": 5}, {"name": "must be a string"}),
        ({"name": "x" * 256}, {"name": "is too long (maximum is 255 characters)"}),
        ({"ref": 5}, {"ref": "must be a string"}),
        ({"ref": "a\x00"}, {"ref": "contains characters that cannot be stored"}),
        ({"name": [], "ref": {}}, {"name": "must be a string", "ref": "must be a string"}),
    ],
)
def test_each_fault_is_named(
    api: HubClient, card: LoyaltyCard, method: str, body: dict, errors: dict[str, str]
) -> None:
    r = api.request(method, path_of(card), body)

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": field, "message": message} for field, message in errors.items()
    ]
    assert api.get(path_of(card)).json() == shown(card)


@METHODS
def test_the_rival_cannot_update_it(rival_api: HubClient, card: LoyaltyCard, method: str) -> None:
    assert rival_api.request(method, path_of(card), {"ref": "x"}).status_code == 404
    before = card.ref
    card.refresh_from_db()
    assert card.ref == before
