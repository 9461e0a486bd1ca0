"""Section 2, customers, sentence by sentence."""

import json
from typing import Any

import pytest

from conftest import HubClient
from tests.spec.conftest import heard, location_of, new_list

# The body of the example of 2.3.
CHARLES: dict[str, Any] = {
    "private_ref": "2213312",
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "HubRise",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": None,
    "postal_code": "75001",
    "city": "Paris",
    "state": None,
    "country": "FR",
    "latitude": "48.8589507",
    "longitude": "2.2770205",
}
# The names in the example of 2.1, in its order; ours follow behind.
EXAMPLE = """
    id customer_list_id anonymised private_ref email first_name last_name gender birth_date
    company_name phone address_1 address_2 postal_code city state country latitude longitude
    delivery_notes sms_marketing email_marketing nb_orders order_total first_order_date
    last_order_date loyalty_cards custom_fields
""".split()
OURS = ["phone_access_code", "created_at"]
ANONYMISED = """
    email first_name last_name gender birth_date company_name phone address_1 address_2
    postal_code latitude longitude delivery_notes
""".split()


@pytest.fixture
def path(api: HubClient) -> str:
    """The path of the customers of a list."""
    return f"{new_list(api)}/customers"


@pytest.fixture
def charles(api: HubClient, path: str) -> str:
    """The path of the customer of the example."""
    return f"{path}/{api.post(path, CHARLES).json()['id']}"


# --- 2.1 retrieve -------------------------------------------------------------------


def test_2_1_returns_a_customers_details_as_in_the_example(api: HubClient, path: str) -> None:
    given = {
        "email": "jimmy.watson@dummy-mail.org",
        "first_name": "Jimmy",
        "last_name": "Watson",
        "gender": "male",
        "phone": "+44123456789",
        "address_1": "1 Town Road",
        "postal_code": "N9 0HL",
        "city": "London",
        "country": "GB",
        "latitude": "45.7571206",
        "longitude": "4.8307575",
        "email_marketing": True,
    }
    jimmy = api.post(path, given).json()
    card = api.post(
        f"{path.removesuffix('customers')}loyalty_cards",
        {"customer_id": jimmy["id"], "name": "", "ref": "av-33489"},
    ).json()
    operations = f"{path.removesuffix('customers')}loyalty_cards/{card['id']}/operations"
    api.post(operations, delta="13.5")
    for price in ("20.00 GBP", "8.40 GBP"):
        item = {"product_name": "Pie", "price": price, "quantity": "1"}
        api.post("/location/orders", status="new", customer_id=jimmy["id"], items=[item])

    r = api.get(f"{path}/{jimmy['id']}")

    assert r.status_code == 200
    shown = r.json()
    assert list(shown) == EXAMPLE + OURS
    orders = api.get("/location/orders").json()
    assert {name: shown[name] for name in EXAMPLE} == {
        **dict.fromkeys(EXAMPLE),
        **given,
        "id": jimmy["id"],
        "customer_list_id": path.split("/")[2],
        "anonymised": False,
        "sms_marketing": False,
        "nb_orders": 2,
        "order_total": "28.40 GBP",
        "first_order_date": orders[1]["created_at"],
        "last_order_date": orders[0]["created_at"],
        "loyalty_cards": [{"id": card["id"], "name": "", "ref": "av-33489", "balance": "13.5"}],
        "custom_fields": {},
    }
    assert list(shown["loyalty_cards"][0]) == ["id", "name", "ref", "balance"]


def test_2_1_location_and_account_may_retrieve_it(
    api: HubClient, account_api: HubClient, charles: str
) -> None:
    # The private ref is the till's own affair.
    assert {**api.get(charles).json(), "private_ref": None} == account_api.get(charles).json()


# --- 2.2 list -----------------------------------------------------------------------


def test_2_2_returns_the_customers_of_a_customer_list(
    api: HubClient, account_api: HubClient, path: str, charles: str
) -> None:
    jimmy = api.post(path, first_name="Jimmy").json()
    api.post(f"{new_list(api, 'Other')}/customers", first_name="Stranger")

    r = api.get(path)

    assert r.json() == [api.get(charles).json(), jimmy]
    assert [shown["id"] for shown in account_api.get(path).json()] == [
        shown["id"] for shown in r.json()
    ]


def test_2_2_private_ref_returns_customers_having_this_private_ref(
    api: HubClient, path: str, charles: str
) -> None:
    api.post(path, private_ref="2213313")

    assert api.get(path, private_ref="2213312").json() == [api.get(charles).json()]
    assert api.get(path, private_ref="22133*").json() == []


@pytest.mark.parametrize(
    "email", ["charles.moore@dummy-mail.org", "charles*", "*@dummy-mail.org", "*MOORE*", "c*g"]
)
def test_2_2_email_filters_customers_by_email_and_wildcards_can_be_used(
    api: HubClient, path: str, charles: str, email: str
) -> None:
    api.post(path, email="jimmy@elsewhere.net")

    assert api.get(path, email=email).json() == [api.get(charles).json()]


@pytest.mark.parametrize("phone", ["+44123456789", "+44*", "*6789", "+44*9"])
def test_2_2_phone_filters_customers_by_phone_and_wildcards_can_be_used(
    api: HubClient, path: str, charles: str, phone: str
) -> None:
    api.post(path, phone="+33612345678")

    assert api.get(path, phone=phone).json() == [api.get(charles).json()]


def test_2_2_the_example_as_it_is_written(api: HubClient, path: str, charles: str) -> None:
    api.post(path, phone="+33612345678")

    # Nobody encodes the plus there, so it arrives as a space.
    [shown] = api.request("GET", f"{path}?phone=+44*").json()

    assert list(shown) == EXAMPLE + OURS
    assert shown == api.get(charles).json()


# --- 2.3 create ---------------------------------------------------------------------


def test_2_3_creates_a_new_customer_as_in_the_example(
    api: HubClient, account_api: HubClient, path: str
) -> None:
    body = json.dumps(CHARLES, ensure_ascii=False, indent=2).encode()

    r = api.request("POST", path, raw=body)

    assert r.status_code == 200
    assert list(r.json()) == EXAMPLE + OURS
    assert {name: r.json()[name] for name in CHARLES} == CHARLES
    assert api.get(f"{path}/{r.json()['id']}").content == r.content
    assert account_api.post(path, CHARLES).status_code == 200


def test_2_3_a_customer_can_be_created_with_no_information_then_referred_to_by_its_unique_id(
    api: HubClient, path: str
) -> None:
    one, two = (api.post(path, {}).json() for _ in range(2))

    assert one["id"] != two["id"]
    assert api.get(f"{path}/{one['id']}").json() == one
    assert {one[name] for name in CHARLES} == {None}


def test_2_3_private_ref_is_visible_only_to_the_client_that_set_it(
    api: HubClient, account_api: HubClient, path: str, charles: str
) -> None:
    assert api.get(charles).json()["private_ref"] == "2213312"
    assert account_api.get(charles).json()["private_ref"] is None
    assert account_api.get(path, private_ref="2213312").json() == []


def test_2_3_private_ref_must_be_unique_among_the_customer_list_if_defined(
    api: HubClient, path: str, charles: str
) -> None:
    r = api.post(path, CHARLES)

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "private_ref", "message": "has already been taken"}]
    assert api.post(path, {**CHARLES, "private_ref": None}).status_code == 200
    assert api.post(path, {**CHARLES, "private_ref": None}).status_code == 200
    assert api.post(f"{new_list(api, 'Other')}/customers", CHARLES).status_code == 200


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("gender", ["male", "female"], ["other", "Male"]),
        ("birth_date", ["1999-01-01"], ["01/01/1999", "19990101", "1999-02-30"]),
        ("country", ["FR", "GB"], ["XX", "FRA"]),
        ("latitude", ["48.8589507", "-12.5"], ["north", "91.0"]),
        ("longitude", ["2.2770205", "-122.5"], ["east", "181.0"]),
        ("sms_marketing", [True, False], ["yes", None]),
        ("email_marketing", [True, False], [1, None]),
        ("custom_fields", [{"a": {"b": [1]}}], ["a", [1]]),
        ("phone", ["+44123456789"], [44123456789]),
        ("company_name", ["HubRise"], [{}]),
        ("delivery_notes", ["Ring twice"], [5]),
    ],
)
def test_2_3_each_parameter_is_of_its_type(
    api: HubClient, path: str, name: str, right: list[Any], wrong: list[Any]
) -> None:
    for value in right:
        assert api.post(path, {name: value}).json()[name] == value
    for value in wrong:
        r = api.post(path, {name: value})
        assert (r.status_code, r.json()["errors"][0]["field"]) == (422, name)


@pytest.mark.parametrize("name", ["sms_marketing", "email_marketing"])
def test_2_3_consent_to_marketing_defaults_to_false(api: HubClient, path: str, name: str) -> None:
    assert api.post(path, {}).json()[name] is False


def test_2_3_phone_numbers_can_be_encoded_in_a_different_format(api: HubClient, path: str) -> None:
    assert api.post(path, phone="+33 6 12 34 56 78").json()["phone"] == "+33612345678"
    assert api.post(path, phone="extension 12").json()["phone"] == "extension 12"


# --- 2.4 update ---------------------------------------------------------------------


def test_2_4_only_the_fields_present_in_the_request_are_updated_as_in_the_example(
    api: HubClient, account_api: HubClient, charles: str
) -> None:
    before = api.get(charles).json()

    r = api.request("PATCH", charles, raw=b'{\n  "first_name": "Claude"\n}')

    assert r.status_code == 200
    assert r.json() == api.get(charles).json() == {**before, "first_name": "Claude"}
    assert account_api.patch(charles, city="Lyon").json()["city"] == "Lyon"


# --- 2.5 anonymise ------------------------------------------------------------------


def filled(api: HubClient, charles: str) -> dict[str, Any]:
    """Fill every field of the customer, and return it."""
    more = {"address_2": "3rd floor", "delivery_notes": "Ring twice", "custom_fields": {"a": 1}}
    shown: dict[str, Any] = api.patch(charles, more).json()
    assert None not in [shown[name] for name in ANONYMISED]
    return shown


def test_2_5_deletes_a_customers_personal_information_as_in_the_example(
    api: HubClient, charles: str
) -> None:
    before = filled(api, charles)

    r = api.post(f"{charles}/anonymise")

    assert r.status_code == 200
    assert r.json() == api.get(charles).json()
    # The anonymised fields return null and the flag is set; all others stay.
    assert r.json() == {**before, **dict.fromkeys(ANONYMISED), "anonymised": True}


def test_2_5_location_and_account_may_anonymise(
    api: HubClient, account_api: HubClient, charles: str
) -> None:
    r = account_api.post(f"{charles}/anonymise")

    assert (r.status_code, api.get(charles).json()["anonymised"]) == (200, True)


def test_2_5_anonymization_cannot_be_reverted(api: HubClient, charles: str) -> None:
    api.post(f"{charles}/anonymise")

    assert api.patch(charles, anonymised=False).json()["anonymised"] is True
    assert api.get(charles).json()["anonymised"] is True


def test_2_5_further_updates_of_the_anonymised_fields_will_silently_be_ignored(
    api: HubClient, charles: str
) -> None:
    anonymised = api.post(f"{charles}/anonymise").json()

    r = api.patch(charles, {name: CHARLES.get(name) or "x" for name in ANONYMISED})

    assert (r.status_code, r.json()) == (200, anonymised)


def test_2_5_the_other_fields_can_still_be_updated(api: HubClient, charles: str) -> None:
    api.post(f"{charles}/anonymise")

    r = api.patch(charles, custom_fields={"vip": True}, city="Lyon", private_ref="7")

    assert (r.json()["custom_fields"], r.json()["city"]) == ({"vip": True}, "Lyon")
    assert r.json()["private_ref"] == "7"


def test_2_5_anonymizing_a_customer_also_anonymises_the_orders(
    api: HubClient, charles: str
) -> None:
    filled(api, charles)
    customer_id = charles.split("/")[-1]
    order = api.post("/location/orders", status="new", customer_id=customer_id).json()
    before = order["customer"]
    assert None not in [before[name] for name in ANONYMISED]

    api.post(f"{charles}/anonymise")

    after = api.get(f"/locations/{location_of(api)}/orders/{order['id']}").json()
    changed = {**before, **dict.fromkeys(ANONYMISED), "anonymised": True}
    assert after == {**order, "customer": changed}


def test_2_5_an_update_event_is_triggered_for_the_customer_and_for_each_affected_order(
    api: HubClient, listener: HubClient, charles: str
) -> None:
    customer_id = charles.split("/")[-1]
    orders = [
        api.post("/location/orders", status="new", customer_id=customer_id).json()["id"]
        for _ in range(2)
    ]
    api.post("/location/orders", status="new")
    for event in heard(listener):
        listener.delete(f"/callback/events/{event['id']}")

    api.post(f"{charles}/anonymise")

    told = [(e["resource_type"], e["event_type"], e.get("order_id")) for e in heard(listener)]
    assert told[0] == ("customer", "update", None)
    assert sorted(told[1:]) == sorted(("order", "update", order) for order in orders)
