"""PATCH and PUT /customer_lists/:id/customers/:id (spec 2.4, companion 1, 4 and 6)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerPrivateRef

METHODS = pytest.mark.parametrize("method", ["PATCH", "PUT"])
FULL = {
    "private_ref": "2213312",
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "HubRise",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": "2nd floor",
    "postal_code": "75001",
    "city": "Paris",
    "state": "IdF",
    "country": "FR",
    "latitude": "48.8589507",
    "longitude": "2.2770205",
    "delivery_notes": "Ring twice",
    "phone_access_code": "A12",
    "sms_marketing": True,
    "email_marketing": True,
    "custom_fields": {"a": 1},
}
OTHER = {
    "private_ref": "2",
    "email": "ada@dummy-mail.org",
    "first_name": "Ada",
    "last_name": "Byron",
    "gender": "female",
    "birth_date": "1815-12-10",
    "company_name": "Engines",
    "phone": "+33612345678",
    "address_1": "x",
    "address_2": "",
    "postal_code": "N9 0HL",
    "city": "London",
    "state": "y",
    "country": "GB",
    "latitude": "1.5",
    "longitude": "-2.25",
    "delivery_notes": "z",
    "phone_access_code": "B",
    "sms_marketing": False,
    "email_marketing": False,
    "custom_fields": {"a": 2},
}


def path_of(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


@pytest.fixture
def charles(api: HubClient, customer: Customer) -> Customer:
    """A customer of whom everything is known."""
    assert api.patch(path_of(customer), FULL).status_code == 200
    return customer


@METHODS
def test_the_specs_example(api: HubClient, charles: Customer, method: str) -> None:
    before = api.get(path_of(charles)).json()

    r = api.request(method, path_of(charles), {"first_name": "Claude"})

    assert r.status_code == 200
    assert r.json() == {**before, "first_name": "Claude"}
    assert api.get(path_of(charles)).json() == r.json()


@METHODS
@pytest.mark.parametrize("name", list(FULL))
def test_only_the_field_that_is_present_changes(
    api: HubClient, charles: Customer, method: str, name: str
) -> None:
    before = api.get(path_of(charles)).json()

    r = api.request(method, path_of(charles), {name: OTHER[name]})

    assert r.json() == {**before, name: OTHER[name]}
    assert api.get(path_of(charles)).json() == r.json()


@METHODS
@pytest.mark.parametrize("name", [name for name in FULL if not name.endswith("_marketing")])
def test_null_empties_a_field_that_absence_leaves(
    api: HubClient, charles: Customer, method: str, name: str
) -> None:
    before = api.get(path_of(charles)).json()

    r = api.request(method, path_of(charles), {name: None})

    assert r.json() == {**before, name: {} if name == "custom_fields" else None}


@METHODS
def test_an_empty_body_changes_nothing(api: HubClient, charles: Customer, method: str) -> None:
    before = api.get(path_of(charles)).json()

    assert api.request(method, path_of(charles), {}).json() == before
    assert api.request(method, path_of(charles), raw=b"").json() == before


@METHODS
@pytest.mark.parametrize(
    "name", ["private_ref", "email", "phone", "gender", "birth_date", "country", "latitude"]
)
def test_a_typed_string_takes_empty_as_null(
    api: HubClient, charles: Customer, method: str, name: str
) -> None:
    assert api.request(method, path_of(charles), {name: ""}).json()[name] is None


@METHODS
def test_other_strings_keep_empty(api: HubClient, charles: Customer, method: str) -> None:
    assert api.request(method, path_of(charles), {"first_name": ""}).json()["first_name"] == ""


@METHODS
def test_read_only_and_unknown_fields_are_ignored(
    api: HubClient, charles: Customer, method: str
) -> None:
    before = api.get(path_of(charles)).json()
    ignored = {
        "id": "asdf2",
        "customer_list_id": "ag8u4",
        "anonymised": True,
        "nb_orders": 9,
        "order_total": "9.00 EUR",
        "first_order_date": "2020-01-01T00:00:00+01:00",
        "last_order_date": 5,
        "loyalty_cards": [{"id": "x", "balance": "99"}],
        "created_at": "1999-01-01T00:00:00Z",
        "account_id": 1,
        "unknown": {"deep": []},
    }

    r = api.request(method, path_of(charles), ignored)

    assert r.status_code == 200
    assert r.json() == before


@METHODS
def test_what_a_read_shows_can_be_sent_back(api: HubClient, charles: Customer, method: str) -> None:
    before = api.get(path_of(charles)).json()

    r = api.request(method, path_of(charles), before)

    assert r.status_code == 200
    assert r.json() == before


@METHODS
def test_several_faults_are_reported_at_once_and_nothing_is_applied(
    api: HubClient, charles: Customer, method: str
) -> None:
    before = api.get(path_of(charles)).json()
    faulty = {"gender": "x", "birth_date": "20240101", "sms_marketing": None, "latitude": "91"}

    r = api.request(method, path_of(charles), {**faulty, "first_name": "Ada"})

    assert r.status_code == 422
    assert {error["field"] for error in r.json()["errors"]} == set(faulty)
    assert api.get(path_of(charles)).json() == before


@METHODS
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("email", 5, "must be a string"),
        ("email", "a\nb", "contains characters that cannot be stored"),
        ("first_name", "x" * 256, "is too long (maximum is 255 characters)"),
        ("private_ref", "x" * 256, "is too long (maximum is 255 characters)"),
        ("gender", "unknown", "must be one of: male, female"),
        ("birth_date", "1.1.1999", "must be a date in the form YYYY-MM-DD"),
        ("country", "ZZ", "must be a two-letter country code of ISO 3166-1"),
        ("longitude", "200", "must be between -180 and 180"),
        ("sms_marketing", "true", "must be true or false"),
        ("email_marketing", None, "can't be null"),
        ("custom_fields", "x", "must be an object"),
    ],
)
def test_it_refuses_what_create_refuses(
    api: HubClient, charles: Customer, method: str, name: str, value: object, message: str
) -> None:
    r = api.request(method, path_of(charles), {name: value})

    assert r.status_code == 422
    assert r.json() == {
        "message": f"{name} {message}",
        "errors": [{"field": name, "message": message}],
        "error_type": "unprocessable_entity",
    }


# --- custom fields ------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize(
    ("sent", "merged"),
    [
        ({}, {"a": 1, "b": {"x": 1, "y": 2}, "c": None}),
        ({"d": 4}, {"a": 1, "b": {"x": 1, "y": 2}, "d": 4}),
        ({"a": "new"}, {"a": "new", "b": {"x": 1, "y": 2}}),
        ({"a": None}, {"b": {"x": 1, "y": 2}}),
        ({"b": {"z": 3}}, {"a": 1, "b": {"z": 3}}),
        ({"b": {"x": None}}, {"a": 1, "b": {"x": None}}),
        ({"unknown": None}, {"a": 1, "b": {"x": 1, "y": 2}}),
        ({"a": None, "b": None}, {}),
    ],
)
def test_custom_fields_merge_key_by_key_at_the_top_level(
    api: HubClient, customer: Customer, method: str, sent: dict, merged: dict
) -> None:
    api.patch(path_of(customer), custom_fields={"a": 1, "b": {"x": 1, "y": 2}})

    r = api.request(method, path_of(customer), {"custom_fields": sent})

    expected = {key: value for key, value in merged.items() if value is not None}
    assert r.json()["custom_fields"] == expected


@METHODS
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": False}, {"a": True, "b": 0}),
        ({"a": [1, {"z": 0}]}, {"a": [True, {"z": False}]}),
    ],
)
def test_true_is_another_custom_field_than_1(
    api: HubClient, customer: Customer, method: str, before: dict, after: dict
) -> None:
    api.patch(path_of(customer), custom_fields=before)

    r = api.request(method, path_of(customer), {"custom_fields": after})

    for told in (r.json(), api.get(path_of(customer)).json()):
        assert repr(told["custom_fields"]) == repr(after)


@METHODS
def test_custom_fields_that_are_too_large_are_told_beside_other_faults(
    api: HubClient, customer: Customer, method: str
) -> None:
    r = api.request(
        method, path_of(customer), {"gender": "x", "custom_fields": {"a": "x" * 9000, "b": None}}
    )

    assert {fault["field"] for fault in r.json()["errors"]} == {"gender", "custom_fields"}


@METHODS
def test_merged_custom_fields_take_at_most_8_kb(
    api: HubClient, customer: Customer, method: str
) -> None:
    api.patch(path_of(customer), custom_fields={"a": "x" * 5000})

    r = api.request(method, path_of(customer), {"custom_fields": {"b": "x" * 5000}})

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "custom_fields", "message": "is too large (maximum is 8 KB as JSON)"}
    ]
    swapped = api.request(
        method, path_of(customer), {"custom_fields": {"a": None, "b": "x" * 5000}}
    )
    assert swapped.status_code == 200


def test_two_clients_share_custom_fields(
    api: HubClient, account_api: HubClient, customer: Customer
) -> None:
    api.patch(path_of(customer), custom_fields={"till": 1})

    body = account_api.patch(path_of(customer), custom_fields={"web": 2}).json()

    assert body["custom_fields"] == {"till": 1, "web": 2}


@METHODS
def test_a_number_with_an_exponent_counts_with_all_its_digits(
    api: HubClient, customer: Customer, method: str
) -> None:
    raw = b'{"custom_fields": {"a": [%s]}}' % b", ".join([b"1e300"] * 100)

    r = api.request(method, path_of(customer), raw=raw)

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "custom_fields", "message": "is too large (maximum is 8 KB as JSON)"}
    ]


# --- private refs -------------------------------------------------------------------


@METHODS
def test_null_removes_the_callers_ref_alone(
    api: HubClient, account_api: HubClient, customer: Customer, method: str
) -> None:
    api.patch(path_of(customer), private_ref="till-1")
    account_api.patch(path_of(customer), private_ref="web-1")

    r = api.request(method, path_of(customer), {"private_ref": None})

    assert r.json()["private_ref"] is None
    assert account_api.get(path_of(customer)).json()["private_ref"] == "web-1"


@METHODS
def test_a_ref_of_another_customer_is_taken(api: HubClient, charles: Customer, method: str) -> None:
    other = CustomerFactory(customer_list=charles.customer_list)

    r = api.request(method, path_of(other), {"private_ref": "2213312", "first_name": "Ada"})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "private_ref", "message": "has already been taken"}]
    assert api.get(path_of(other)).json()["first_name"] == "Jimmy"
    assert api.get(path_of(other)).json()["private_ref"] is None


def test_another_clients_ref_is_not_in_the_way(
    api: HubClient, account_api: HubClient, charles: Customer
) -> None:
    other = CustomerFactory(customer_list=charles.customer_list)

    r = account_api.patch(path_of(other), private_ref="2213312")

    assert r.status_code == 200
    assert r.json()["private_ref"] == "2213312"


@METHODS
def test_the_same_ref_again_is_no_fault(api: HubClient, charles: Customer, method: str) -> None:
    r = api.request(method, path_of(charles), {"private_ref": "2213312"})

    assert r.status_code == 200
    assert CustomerPrivateRef.objects.for_account(charles.account).count() == 1


def test_a_ref_that_was_removed_is_free_again(api: HubClient, charles: Customer) -> None:
    other = CustomerFactory(customer_list=charles.customer_list)
    api.patch(path_of(charles), private_ref=None)

    assert api.patch(path_of(other), private_ref="2213312").status_code == 200


# --- where --------------------------------------------------------------------------


@METHODS
def test_the_rival_cannot_update_it(rival_api: HubClient, customer: Customer, method: str) -> None:
    r = rival_api.request(method, path_of(customer), {"first_name": "Mine"})

    assert r.status_code == 404
    customer.refresh_from_db()
    assert customer.first_name == "Jimmy"


@METHODS
@pytest.mark.parametrize("odd", ["asdf2", "x", "%00", "ASDF2"])
def test_an_unknown_customer_is_not_found(
    api: HubClient, customer: Customer, method: str, odd: str
) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{odd}"

    assert api.request(method, path, {"first_name": "x"}).status_code == 404


def test_every_private_field_was_tried(bistro: Connection) -> None:
    assert set(ANONYMISED_FIELDS) <= set(FULL)
