"""POST /customer_lists/:id/customers (spec 2.3, companion 6)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef

CHARLES = {
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
UNTYPED = (
    "first_name last_name company_name address_1 address_2 postal_code city state"
    " delivery_notes phone_access_code"
).split()
TYPED = "private_ref email phone gender birth_date country latitude longitude".split()


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def create(client: HubClient, customer_list: CustomerList, **fields: object) -> dict:
    r = client.post(path_of(customer_list), fields)
    assert r.status_code == 200, r.content
    return r.json()


def refuse(client: HubClient, customer_list: CustomerList, **fields: object) -> list[dict]:
    r = client.post(path_of(customer_list), fields)
    assert r.status_code == 422, r.content
    assert r.json()["error_type"] == "unprocessable_entity"
    assert not Customer.objects.for_account(customer_list.account).exists()
    return r.json()["errors"]


# --- the examples -------------------------------------------------------------------


def test_it_creates_the_specs_customer(api: HubClient, customer_list: CustomerList) -> None:
    body = create(api, customer_list, **CHARLES)

    created = Customer.objects.for_account(customer_list.account).get()
    assert body.pop("created_at")
    assert body == {
        **CHARLES,
        "id": created.public_id,
        "customer_list_id": customer_list.public_id,
        "anonymised": False,
        "delivery_notes": None,
        "sms_marketing": False,
        "email_marketing": False,
        "nb_orders": 0,
        "order_total": "0.00 EUR",
        "first_order_date": None,
        "last_order_date": None,
        "loyalty_cards": [],
        "custom_fields": {},
        "phone_access_code": None,
    }


def test_the_answer_is_what_a_read_shows(api: HubClient, customer_list: CustomerList) -> None:
    body = create(
        api,
        customer_list,
        **CHARLES,
        sms_marketing=True,
        custom_fields={"pos": {"vip": True, "visits": 3}},
    )

    assert api.get(f"{path_of(customer_list)}/{body['id']}").json() == body


@pytest.mark.parametrize("raw", [b"{}", b"", b"  \n"])
def test_there_is_no_mandatory_field(
    api: HubClient, customer_list: CustomerList, raw: bytes
) -> None:
    r = api.request("POST", path_of(customer_list), raw=raw)

    assert r.status_code == 200
    assert api.get(f"{path_of(customer_list)}/{r.json()['id']}").json() == r.json()


def test_a_location_token_creates_in_an_account_level_list(
    api: HubClient, bistro: Connection
) -> None:
    shared = CustomerListFactory(account=bistro.account)

    body = create(api, shared, first_name="Ada")

    assert body["customer_list_id"] == shared.public_id


def test_the_rival_creates_nothing_here(rival_api: HubClient, customer_list: CustomerList) -> None:
    r = rival_api.post(path_of(customer_list), first_name="x")

    assert r.status_code == 404
    assert not Customer.objects.for_account(customer_list.account).exists()


@pytest.mark.parametrize("odd", ["asdf2", "x", "%00"])
def test_an_unknown_list_is_not_found(api: HubClient, odd: str) -> None:
    assert api.post(f"/customer_lists/{odd}/customers").status_code == 404


def test_neither_email_nor_phone_is_unique(api: HubClient, customer_list: CustomerList) -> None:
    same = {"email": "a@x.org", "phone": "+33612345678"}

    assert create(api, customer_list, **same)["id"] != create(api, customer_list, **same)["id"]


def test_read_only_and_unknown_fields_are_ignored(
    api: HubClient, customer_list: CustomerList
) -> None:
    body = create(
        api,
        customer_list,
        id="asdf2",
        customer_list_id="x",
        anonymised=True,
        nb_orders=7,
        order_total="9.00 EUR",
        first_order_date="2020-01-01",
        loyalty_cards=[{"name": ""}],
        created_at="1999-01-01T00:00:00Z",
        account_id=1,
        email_folded="x",
        colour="red",
    )

    assert body["id"] != "asdf2"
    assert body["anonymised"] is False
    assert body["nb_orders"] == 0
    assert body["order_total"] == "0.00 EUR"
    assert body["first_order_date"] is None
    assert body["loyalty_cards"] == []
    assert not body["created_at"].startswith("1999")
    assert "colour" not in body


# --- strings ------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPED)
def test_a_typed_string_takes_empty_as_null(
    api: HubClient, customer_list: CustomerList, name: str
) -> None:
    body = create(api, customer_list, **{name: ""})

    assert body[name] is None
    assert api.get(f"{path_of(customer_list)}/{body['id']}").json()[name] is None


@pytest.mark.parametrize("name", UNTYPED)
@pytest.mark.parametrize("value", ["", "  two  blanks ", "line\nbreak", "Élysées 🍕", "x" * 255])
def test_other_strings_are_kept_as_given(
    api: HubClient, customer_list: CustomerList, name: str, value: str
) -> None:
    body = create(api, customer_list, **{name: value})

    assert body[name] == value
    assert api.get(f"{path_of(customer_list)}/{body['id']}").json()[name] == value


@pytest.mark.parametrize("name", [*TYPED, *UNTYPED])
def test_each_string_may_be_null(api: HubClient, customer_list: CustomerList, name: str) -> None:
    assert create(api, customer_list, **{name: None})[name] is None


@pytest.mark.parametrize("name", [*UNTYPED, "private_ref", "email", "phone"])
@pytest.mark.parametrize("value", [5, True, 1.5, [], {}, ["x"]])
def test_a_string_must_be_a_string(
    api: HubClient, customer_list: CustomerList, name: str, value: object
) -> None:
    raw = b'{"%s": %s}' % (name.encode(), str(value).replace("'", '"').lower().encode())

    r = api.request("POST", path_of(customer_list), raw=raw)

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": name, "message": "must be a string"}]


@pytest.mark.parametrize("name", [*UNTYPED, "private_ref", "email", "phone"])
def test_a_string_has_a_largest_length(
    api: HubClient, customer_list: CustomerList, name: str
) -> None:
    longest = 2000 if name == "delivery_notes" else 255

    errors = refuse(api, customer_list, **{name: "x" * (longest + 1)})

    assert errors == [{"field": name, "message": f"is too long (maximum is {longest} characters)"}]
    assert create(api, customer_list, **{name: "x" * longest})[name] == "x" * longest


@pytest.mark.parametrize("name", [*UNTYPED, "private_ref", "email", "phone"])
@pytest.mark.parametrize("escaped", [rb"\u0000", rb"a\ud800b", rb"\udfff", rb"\udc00\ud800"])
def test_nul_and_lone_surrogates_are_refused(
    api: HubClient, customer_list: CustomerList, name: str, escaped: bytes
) -> None:
    raw = b'{"%s": "%s"}' % (name.encode(), escaped)

    r = api.request("POST", path_of(customer_list), raw=raw)

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": name, "message": "contains characters that cannot be stored"}
    ]


def test_two_surrogates_that_belong_together_are_one_character(
    api: HubClient, customer_list: CustomerList
) -> None:
    r = api.request("POST", path_of(customer_list), raw=rb'{"first_name": "\ud83c\udf55"}')

    assert r.json()["first_name"] == "🍕"


@pytest.mark.parametrize(
    "email", ["no at sign", "a@b", "@", "Upper@Case.ORG", "a@x.org ", "é@ü.fr", "*"]
)
def test_an_email_is_not_judged_and_stored_as_given(
    api: HubClient, customer_list: CustomerList, email: str
) -> None:
    assert create(api, customer_list, email=email)["email"] == email


@pytest.mark.parametrize("name", ["email", "phone"])
@pytest.mark.parametrize("control", ["\n", "\t", "\x7f", "\x1b", "\x85"])
def test_control_characters_in_email_and_phone_are_refused(
    api: HubClient, customer_list: CustomerList, name: str, control: str
) -> None:
    errors = refuse(api, customer_list, **{name: f"1{control}2"})

    assert errors == [{"field": name, "message": "contains characters that cannot be stored"}]


# --- gender, date, country, coordinates, booleans -----------------------------------


@pytest.mark.parametrize("gender", ["male", "female"])
def test_gender_is_one_of_two_words(
    api: HubClient, customer_list: CustomerList, gender: str
) -> None:
    assert create(api, customer_list, gender=gender)["gender"] == gender


@pytest.mark.parametrize("gender", ["Male", "m", "other", " male", "males"])
def test_other_genders_are_refused(
    api: HubClient, customer_list: CustomerList, gender: str
) -> None:
    errors = refuse(api, customer_list, gender=gender)

    assert errors == [{"field": "gender", "message": "must be one of: male, female"}]


@pytest.mark.parametrize("day", ["1999-01-01", "2024-02-29", "0001-01-01", "9999-12-31"])
def test_a_birth_date_comes_back_as_sent(
    api: HubClient, customer_list: CustomerList, day: str
) -> None:
    body = create(api, customer_list, birth_date=day)

    assert body["birth_date"] == day
    assert api.get(f"{path_of(customer_list)}/{body['id']}").json()["birth_date"] == day


@pytest.mark.parametrize(
    "day",
    [
        "20240101",
        "2024-1-1",
        "2024-W01-1",
        "2024-001",
        "01/02/2024",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "0000-01-01",
        "2024-01-01T00:00:00",
        " 2024-01-01",
        "2024-01-01\n",
        "٢٠٢٤-٠١-٠١",
        "-2024-01-01",
        "today",
        20240101,
        True,
        [],
    ],
)
def test_a_birth_date_is_strictly_year_month_day(
    api: HubClient, customer_list: CustomerList, day: object
) -> None:
    errors = refuse(api, customer_list, birth_date=day)

    assert errors == [{"field": "birth_date", "message": "must be a date in the form YYYY-MM-DD"}]


@pytest.mark.parametrize(("given", "kept"), [("FR", "FR"), ("gb", "GB"), ("xK", "XK")])
def test_a_country_code_is_upper_cased(
    api: HubClient, customer_list: CustomerList, given: str, kept: str
) -> None:
    assert create(api, customer_list, country=given)["country"] == kept


@pytest.mark.parametrize("country", ["XX", "FRA", "F", "France", " FR", "ﬀ", "UK", "ＦＲ"])
def test_an_unknown_country_is_refused(
    api: HubClient, customer_list: CustomerList, country: str
) -> None:
    errors = refuse(api, customer_list, country=country)

    assert errors == [
        {"field": "country", "message": "must be a two-letter country code of ISO 3166-1"}
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('"48.8589507"', "48.8589507"),
        ("48.8589507", "48.8589507"),
        ('"4"', "4.0"),
        ("4", "4.0"),
        ('"-0"', "0.0"),
        ("-0.0", "0.0"),
        ('"0"', "0.0"),
        ('"1.50"', "1.5"),
        ('"-89.1234567891"', "-89.1234567891"),
        ("0.1000000001", "0.1000000001"),
        ('"90"', "90.0"),
        ('"-90.0"', "-90.0"),
        ('"0.0000000001"', "0.0000000001"),
    ],
)
def test_a_coordinate_is_kept_exactly(
    api: HubClient, customer_list: CustomerList, raw: str, shown: str
) -> None:
    r = api.request("POST", path_of(customer_list), raw=b'{"latitude": %s}' % raw.encode())

    assert r.json()["latitude"] == shown
    read = api.get(f"{path_of(customer_list)}/{r.json()['id']}").json()
    assert read["latitude"] == shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("latitude", "90.0000000001", "must be between -90 and 90"),
        ("latitude", "-91", "must be between -90 and 90"),
        ("longitude", "180.1", "must be between -180 and 180"),
        ("longitude", "-181", "must be between -180 and 180"),
        (
            "latitude",
            "1.12345678901",
            "has more digits than are kept (3 before and 10 after the point)",
        ),
        (
            "longitude",
            "1000",
            "has more digits than are kept (3 before and 10 after the point)",
        ),
        ("latitude", "north", 'must be a decimal number in plain notation, like "13.5"'),
        ("longitude", "1e1", 'must be a decimal number in plain notation, like "13.5"'),
        ("longitude", True, 'must be a decimal number in plain notation, like "13.5"'),
        ("longitude", "48,85", 'must be a decimal number in plain notation, like "13.5"'),
    ],
)
def test_a_coordinate_out_of_range_or_form_is_refused(
    api: HubClient, customer_list: CustomerList, name: str, value: object, message: str
) -> None:
    errors = refuse(api, customer_list, **{name: value})

    assert errors == [{"field": name, "message": message}]


@pytest.mark.parametrize("edge", ["180", "-180", "179.9999999999"])
def test_longitude_goes_to_180(api: HubClient, customer_list: CustomerList, edge: str) -> None:
    assert create(api, customer_list, longitude=edge)["longitude"].startswith(edge)


@pytest.mark.parametrize("name", ["sms_marketing", "email_marketing"])
def test_consent_is_false_until_given(
    api: HubClient, customer_list: CustomerList, name: str
) -> None:
    assert create(api, customer_list)[name] is False
    assert create(api, customer_list, **{name: True})[name] is True
    assert create(api, customer_list, **{name: False})[name] is False


@pytest.mark.parametrize("name", ["sms_marketing", "email_marketing"])
@pytest.mark.parametrize("value", ["true", "1", "", 1, 0, "yes", [], {}])
def test_consent_is_a_boolean_and_nothing_like_it(
    api: HubClient, customer_list: CustomerList, name: str, value: object
) -> None:
    errors = refuse(api, customer_list, **{name: value})

    assert errors == [{"field": name, "message": "must be true or false"}]


# --- private refs -------------------------------------------------------------------


def test_a_private_ref_is_unique_in_the_list_for_its_client(
    api: HubClient, customer_list: CustomerList
) -> None:
    create(api, customer_list, private_ref="1")

    r = api.post(path_of(customer_list), private_ref="1")

    assert r.status_code == 422
    assert r.json() == {
        "message": "private_ref has already been taken",
        "errors": [{"field": "private_ref", "message": "has already been taken"}],
        "error_type": "unprocessable_entity",
    }
    assert Customer.objects.for_account(customer_list.account).count() == 1


def test_another_client_does_not_collide_with_it(
    api: HubClient, account_api: HubClient, customer_list: CustomerList
) -> None:
    create(api, customer_list, private_ref="1")

    assert create(account_api, customer_list, private_ref="1")["private_ref"] == "1"


def test_another_list_may_hold_the_same_ref(
    api: HubClient, bistro: Connection, customer_list: CustomerList
) -> None:
    other = CustomerListFactory(account=bistro.account, location=bistro.location)
    create(api, customer_list, private_ref="1")

    assert create(api, other, private_ref="1")["private_ref"] == "1"


def test_many_customers_may_have_no_ref(api: HubClient, customer_list: CustomerList) -> None:
    for _ in range(2):
        create(api, customer_list, private_ref=None)
        create(api, customer_list, private_ref="")

    assert not CustomerPrivateRef.objects.for_account(customer_list.account).exists()


# --- custom fields ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1},
        {"a": {"b": [1, "two", True, None, {"c": []}]}},
        {"": "empty key", "é 🍕": "any key"},
        {"a": "x" * 8183},
    ],
)
def test_custom_fields_are_any_object(
    api: HubClient, customer_list: CustomerList, value: dict
) -> None:
    body = create(api, customer_list, custom_fields=value)

    assert body["custom_fields"] == value
    read = api.get(f"{path_of(customer_list)}/{body['id']}").json()
    assert read["custom_fields"] == value


def test_a_null_in_new_custom_fields_is_no_field(
    api: HubClient, customer_list: CustomerList
) -> None:
    body = create(api, customer_list, custom_fields={"a": None, "b": 1})

    assert body["custom_fields"] == {"b": 1}


@pytest.mark.parametrize("value", [[], "x", 5, True, [{"a": 1}]])
def test_custom_fields_must_be_an_object(
    api: HubClient, customer_list: CustomerList, value: object
) -> None:
    errors = refuse(api, customer_list, custom_fields=value)

    assert errors == [{"field": "custom_fields", "message": "must be an object"}]


@pytest.mark.parametrize("value", [{"a": "x" * 8192}, {"a": "é" * 4096}, {"x" * 9000: 1}])
def test_custom_fields_take_at_most_8_kb(
    api: HubClient, customer_list: CustomerList, value: dict
) -> None:
    errors = refuse(api, customer_list, custom_fields=value)

    assert errors == [
        {"field": "custom_fields", "message": "is too large (maximum is 8 KB as JSON)"}
    ]


def test_custom_fields_may_nest_but_not_without_end(
    api: HubClient, customer_list: CustomerList
) -> None:
    def nested(depth: int) -> bytes:
        return b'{"custom_fields": {"a": %s%s}}' % (b"[" * depth, b"]" * depth)

    assert api.request("POST", path_of(customer_list), raw=nested(30)).status_code == 200
    r = api.request("POST", path_of(customer_list), raw=nested(40))
    assert r.status_code == 422
    assert r.json()["errors"][0]["field"] == "custom_fields"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"1.50", b"1.50"),
        (b"0.1000000000000000055511151231257827", b"0.1000000000000000055511151231257827"),
        (b"123456789012345678901234567890", b"123456789012345678901234567890"),
        (b"1e2", b"100"),
        (b"-2.5E-3", b"-0.0025"),
        (b"-0.0", b"0.0"),
        (b"-0", b"0"),
        (b"1e20", b"100000000000000000000"),
    ],
)
def test_a_number_in_custom_fields_is_kept_exactly(
    api: HubClient, customer_list: CustomerList, sent: bytes, shown: bytes
) -> None:
    raw = b'{"custom_fields": {"n": %s}}' % sent

    r = api.request("POST", path_of(customer_list), raw=raw)

    read = api.get(f"{path_of(customer_list)}/{r.json()['id']}")
    assert b'"custom_fields":{"n":%s}' % shown in r.content.replace(b'": ', b'":')
    assert b'"custom_fields":{"n":%s}' % shown in read.content.replace(b'": ', b'":')


# --- several faults -----------------------------------------------------------------


def test_several_faults_are_reported_at_once(api: HubClient, customer_list: CustomerList) -> None:
    faulty = {"gender": "x", "birth_date": "x", "country": "x", "latitude": "x", "email": 5}

    errors = refuse(api, customer_list, **faulty, first_name="Ada")

    assert {error["field"] for error in errors} == set(faulty)
    assert all(error["message"] for error in errors)


def test_the_message_sums_the_faults_up(api: HubClient, customer_list: CustomerList) -> None:
    r = api.post(path_of(customer_list), gender="x", sms_marketing="x")

    assert r.json()["message"] == (
        "gender must be one of: male, female; sms_marketing must be true or false"
    )
