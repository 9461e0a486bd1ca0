"""POST /customer_lists/:id/loyalty_cards (spec 3.3, companion 7)."""

import pytest

from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/loyalty_cards"


def create(client: HubClient, customer: Customer, **fields: object) -> dict:
    body = {"customer_id": customer.public_id, "name": "", **fields}
    r = client.post(path_of(customer.customer_list), body)
    assert r.status_code == 200, r.content
    return r.json()


def refuse(client: HubClient, customer: Customer, body: dict) -> list[dict[str, str]]:
    before = LoyaltyCard.objects.for_account(customer.account).count()
    r = client.post(path_of(customer.customer_list), body)
    assert r.status_code == 422, r.content
    assert r.json()["error_type"] == "unprocessable_entity"
    assert LoyaltyCard.objects.for_account(customer.account).count() == before
    return r.json()["errors"]


def test_it_creates_the_specs_card_with_a_balance_of_zero(
    api: HubClient, customer: Customer
) -> None:
    body = create(api, customer, ref="av-33489")

    card = LoyaltyCard.objects.for_account(customer.account).get()
    assert body == {
        "id": card.public_id,
        "customer_id": customer.public_id,
        "name": "",
        "ref": "av-33489",
        "balance": "0.0",
    }
    assert api.get(f"{path_of(customer.customer_list)}/{card.public_id}").json() == body


@pytest.mark.parametrize(
    "more", [{"balance": "99.0"}, {"id": "slp8q"}, {"last_sequence": 5}, {"account_id": 1, "x": 1}]
)
def test_read_only_and_unknown_fields_are_ignored(
    api: HubClient, customer: Customer, more: dict
) -> None:
    body = create(api, customer, **more)

    assert body["balance"] == "0.0"
    assert body["id"] != "slp8q"
    assert set(body) == {"id", "customer_id", "name", "ref", "balance"}


@pytest.mark.parametrize("number", ["zzzzz", "é", ""])
def test_an_unknown_customer_is_reported_beside_other_faults(
    api: HubClient, customer: Customer, number: str
) -> None:
    faults = refuse(api, customer, {"customer_id": number, "ref": "x" * 256})

    assert {fault["field"] for fault in faults} == {"customer_id", "name", "ref"}


def test_a_known_customer_is_no_fault_beside_others(api: HubClient, customer: Customer) -> None:
    faults = refuse(api, customer, {"customer_id": customer.public_id})

    assert [fault["field"] for fault in faults] == ["name"]


def test_a_ref_is_optional(api: HubClient, customer: Customer) -> None:
    assert create(api, customer)["ref"] is None
    assert create(api, customer, name="2", ref=None)["ref"] is None


def test_a_customer_may_have_cards_of_several_schemes(api: HubClient, customer: Customer) -> None:
    for name in ("", "kiosk", "Kiosk", " kiosk", " "):
        assert create(api, customer, name=name)["name"] == name

    assert LoyaltyCard.objects.for_account(customer.account).count() == 5


@pytest.mark.parametrize("name", ["  two  blanks ", "\n", "🍕", "x" * 255, "%_*\\"])
def test_a_name_is_kept_as_given(api: HubClient, customer: Customer, name: str) -> None:
    body = create(api, customer, name=name)

    assert body["name"] == name
    assert api.get(f"{path_of(customer.customer_list)}/{body['id']}").json()["name"] == name


# --- uniqueness ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "kiosk"])
def test_a_second_card_of_the_same_name_is_refused(
    api: HubClient, customer: Customer, name: str
) -> None:
    create(api, customer, name=name, ref="1")

    errors = refuse(api, customer, {"customer_id": customer.public_id, "name": name, "ref": "2"})

    assert errors == [{"field": "name", "message": "has already been taken"}]


def test_two_customers_may_have_cards_of_the_same_name(api: HubClient, customer: Customer) -> None:
    create(api, customer)
    create(api, CustomerFactory(customer_list=customer.customer_list))


def test_it_rejects_a_ref_already_taken(api: HubClient, card: LoyaltyCard) -> None:
    other = CustomerFactory(customer_list=card.customer_list)

    errors = refuse(api, other, {"customer_id": other.public_id, "name": "", "ref": card.ref})

    assert errors == [{"field": "ref", "message": "has already been taken"}]


def test_the_same_ref_under_another_name_is_free(api: HubClient, card: LoyaltyCard) -> None:
    other = CustomerFactory(customer_list=card.customer_list)

    assert create(api, other, name="kiosk", ref=card.ref)["ref"] == card.ref


def test_the_same_ref_in_another_list_is_free(api: HubClient, card: LoyaltyCard) -> None:
    elsewhere = CustomerFactory(customer_list=CustomerListFactory(account=card.account))

    assert create(api, elsewhere, ref=card.ref)["ref"] == card.ref


@pytest.mark.parametrize("ref", [None, ""])
def test_many_cards_may_have_no_ref(
    api: HubClient, customer_list: CustomerList, ref: str | None
) -> None:
    for _ in range(2):
        body = create(api, CustomerFactory(customer_list=customer_list), ref=ref)
        assert body["ref"] is None


# --- what is no card ----------------------------------------------------------------


@pytest.mark.parametrize("unknown", ["nobody", "", "x", "\u00e9", "x" * 300])
def test_an_unknown_customer_is_a_fault_of_customer_id(
    api: HubClient, customer: Customer, unknown: str
) -> None:
    [error] = refuse(api, customer, {"customer_id": unknown, "name": ""})

    assert error["field"] == "customer_id"


def test_a_customer_of_another_list_is_unknown_here(api: HubClient, customer: Customer) -> None:
    elsewhere = CustomerFactory(customer_list=CustomerListFactory(account=customer.account))

    errors = refuse(api, customer, {"customer_id": elsewhere.public_id, "name": ""})

    assert errors == [{"field": "customer_id", "message": "doesn't exist in this customer list"}]


def test_a_customer_of_the_rival_is_unknown_here(api: HubClient, customer: Customer) -> None:
    rivals = CustomerFactory()

    errors = refuse(api, customer, {"customer_id": rivals.public_id, "name": ""})

    assert errors == [{"field": "customer_id", "message": "doesn't exist in this customer list"}]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"name": ...}, {"name": "is required"}),
        ({"name": None}, {"name": "can't be null"}),
        ({"name": 5}, {"name": "must be a string"}),
        ({"name": "x" * 256}, {"name": "is too long (maximum is 255 characters)"}),
        ({"name": "\x00"}, {"name": "contains characters that cannot be stored"}),
        ({"ref": 5}, {"ref": "must be a string"}),
        ({"ref": []}, {"ref": "must be a string"}),
        ({"ref": "x" * 256}, {"ref": "is too long (maximum is 255 characters)"}),
        ({"ref": "\x00"}, {"ref": "contains characters that cannot be stored"}),
        ({"customer_id": ...}, {"customer_id": "is required"}),
        ({"customer_id": None}, {"customer_id": "can't be null"}),
        ({"customer_id": 5}, {"customer_id": "must be a string"}),
        (
            {"customer_id": ..., "name": ..., "ref": 5},
            {
                "customer_id": "is required",
                "name": "is required",
                "ref": "must be a string",
            },
        ),
    ],
)
def test_each_fault_is_named(
    api: HubClient, customer: Customer, change: dict, errors: dict[str, str]
) -> None:
    body = {"customer_id": customer.public_id, "name": "", **change}
    body = {key: value for key, value in body.items() if value is not ...}

    assert refuse(api, customer, body) == [
        {"field": field, "message": message} for field, message in errors.items()
    ]


def test_the_rival_creates_no_card_here(rival_api: HubClient, customer: Customer) -> None:
    r = rival_api.post(path_of(customer.customer_list), customer_id=customer.public_id, name="")

    assert r.status_code == 404
    assert not LoyaltyCard.objects.for_account(customer.account).exists()


def test_an_anonymised_customer_may_still_have_cards(api: HubClient, customer: Customer) -> None:
    Customer.objects.for_account(customer.account).update(
        anonymised=True, first_name=None, last_name=None
    )

    assert create(api, customer)["balance"] == "0.0"


def test_deleting_the_list_deletes_its_cards(api: HubClient, card: LoyaltyCard) -> None:
    kept = LoyaltyCardFactory(
        customer=CustomerFactory(customer_list=CustomerListFactory(account=card.account))
    )

    r = api.delete(f"/customer_lists/{card.customer_list.public_id}")

    assert r.status_code == 200
    assert LoyaltyCard.objects.for_account(card.account).get() == kept
