"""Every trap of the stock stack, through HTTP (design 6)."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse

from conftest import HubClient
from customers.models import Customer, CustomerList
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard

UNSTORABLE = "contains characters that cannot be stored"


def base(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}"


def create(api: HubClient, customer_list: CustomerList, raw: bytes) -> HttpResponse:
    return api.request("POST", f"{base(customer_list)}/customers", raw=raw)


def operation(api: HubClient, card: LoyaltyCard, raw: bytes) -> HttpResponse:
    path = f"{base(card.customer_list)}/loyalty_cards/{card.public_id}/operations"
    return api.request("POST", path, raw=raw)


# --- the parser ---------------------------------------------------------------------


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"custom_fields": {"a": ', b'[{"a":'])
@pytest.mark.parametrize("closed", [False, True])
def test_100_000_nested_brackets(
    api: HubClient, customer_list: CustomerList, opening: bytes, closed: bool
) -> None:
    raw = opening * (100_000 if len(opening) < 6 else 40_000)
    raw += b"]" * 100_000 if closed else b""

    r = create(api, customer_list, raw[: 2**20])

    assert r.status_code == 400
    assert r.json()["error_type"] == "bad_request"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"first_name": "Ada", "first_name": "Eve"}',
        b'{"first_name": "Ada", "first\\u005fname": "Eve"}',
        b'{"custom_fields": {"a": {"b": 1, "b": 1}}}',
    ],
)
def test_a_duplicate_key(api: HubClient, customer_list: CustomerList, raw: bytes) -> None:
    r = create(api, customer_list, raw)

    assert r.status_code == 400
    assert "twice" in r.json()["message"]
    assert not Customer.objects.for_account(customer_list.account).exists()


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1e-400", b"9" * 400, b"1e999999999"])
def test_a_number_beyond_a_double_in_custom_fields(
    api: HubClient, customer_list: CustomerList, number: bytes
) -> None:
    r = create(api, customer_list, b'{"custom_fields": {"a": [{"b": %s}]}}' % number)

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "custom_fields", "message": "contains a number that is out of range"}
    ]


@pytest.mark.parametrize("number", [b"1e400", b"1e-7", b"9" * 5000, b"1e999999999"])
@pytest.mark.parametrize("field", [b"latitude", b"unknown"])
def test_such_a_number_elsewhere(
    api: HubClient, customer_list: CustomerList, number: bytes, field: bytes
) -> None:
    r = create(api, customer_list, b'{"%s": %s}' % (field, number))

    assert r.status_code == (422 if field == b"latitude" else 200)


# --- NUL and lone surrogates --------------------------------------------------------

ODD = [rb"\u0000", rb"a\u0000b", rb"\ud800", rb"x\udfffy", rb"\udc00\ud800"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "shape", [b'{"a": "%s"}', b'{"%s": 1}', b'{"a": [{"b": "%s"}]}', b'{"a": {"%s": null}}']
)
def test_in_custom_fields(
    api: HubClient, customer_list: CustomerList, shape: bytes, odd: bytes
) -> None:
    r = create(api, customer_list, b'{"custom_fields": %s}' % (shape % odd))

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "custom_fields", "message": UNSTORABLE}]


@pytest.mark.parametrize("odd", ODD)
def test_in_a_field_nobody_knows(api: HubClient, customer_list: CustomerList, odd: bytes) -> None:
    assert create(api, customer_list, b'{"%s": "%s"}' % (odd, odd)).status_code == 200


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("field", [b"name", b"ref", b"customer_id"])
def test_in_a_card(api: HubClient, customer: Customer, field: bytes, odd: bytes) -> None:
    raw = b'{"name": "", "ref": "1", "customer_id": "x"}'.replace(
        {b"name": b'"name": ""', b"ref": b'"ref": "1"', b"customer_id": b'"customer_id": "x"'}[
            field
        ],
        b'"%s": "%s"' % (field, odd),
    )

    r = api.request("POST", f"{base(customer.customer_list)}/loyalty_cards", raw=raw)

    assert r.status_code == 422
    assert {"field": field.decode(), "message": UNSTORABLE} in r.json()["errors"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("field", [b"reason", b"order_id"])
def test_in_an_operation(api: HubClient, card: LoyaltyCard, field: bytes, odd: bytes) -> None:
    r = operation(api, card, b'{"delta": "1", "%s": "%s"}' % (field, odd))

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": field.decode(), "message": UNSTORABLE}]


@pytest.mark.parametrize("odd", ODD)
def test_in_a_list_name(api: HubClient, customer_list: CustomerList, odd: bytes) -> None:
    for method, path in (("POST", "/location/customer_lists"), ("PUT", base(customer_list))):
        r = api.request(method, path, raw=b'{"name": "a%sb"}' % odd)
        assert r.status_code == 422
        assert r.json()["errors"] == [{"field": "name", "message": UNSTORABLE}]


@pytest.mark.parametrize("odd", ["%00", "a%00", "%ED%A0%80", "%FF", "%F4%90%80%80", "%C0%80"])
def test_in_a_query_string(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    customers = f"{base(card.customer_list)}/customers"
    cards = f"{base(card.customer_list)}/loyalty_cards"
    for path, names in (
        (customers, ["private_ref", "email", "phone"]),
        (cards, ["name", "ref", "customer_id"]),
    ):
        for name in names:
            r = api.request("GET", f"{path}?{name}={odd}")
            assert r.status_code == (422 if "%00" in odd else 200)
            assert "%00" in odd or r.json() == []
    assert api.request("GET", f"{customers}?{odd}={odd}").status_code == 200
    assert api.request("GET", f"{customers}?cursor={odd}").status_code == 400
    assert api.request("GET", f"{customers}?count={odd}").status_code == 400


@pytest.mark.parametrize("odd", ["%00", "%ED%A0%80aaaa", "%FF%FF%FF%FF%FF", "a%00aaa", "%20aaaaa"])
def test_in_an_id(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    here = base(card.customer_list)
    paths = [
        f"/customer_lists/{odd}",
        f"/customer_lists/{odd}/customers",
        f"{here}/customers/{odd}",
        f"{here}/loyalty_cards/{odd}",
        f"{here}/loyalty_cards/{odd}/operations",
        f"{here}/loyalty_cards/{card.public_id}/operations/{odd}",
        f"/locations/{odd}",
        f"/locations/{odd}/customer_lists",
    ]

    answers = [api.request("GET", path) for path in paths]

    assert [r.status_code for r in answers] == [404] * len(paths)
    assert {r.json()["error_type"] for r in answers} == {"not_found"}


@pytest.mark.parametrize("token", ["\x00", "a\x00b", "é", "\udcff"])
def test_in_a_token(db: None, token: str) -> None:
    assert HubClient(token=token).get("/location").status_code == 401


# --- numbers ------------------------------------------------------------------------

NO_NUMBER = [
    "١٢",
    "１２",
    "1_000",
    " 5 ",
    "5 ",
    "\\n5",
    "1e2",
    "1E2",
    "NaN",
    "-Infinity",
    "sNaN",
    "+5",
]


def latitude(api: HubClient, card: LoyaltyCard, value: bytes) -> HttpResponse:
    return create(api, card.customer_list, b'{"latitude": %s}' % value)


def delta(api: HubClient, card: LoyaltyCard, value: bytes) -> HttpResponse:
    return operation(api, card, b'{"delta": %s}' % value)


DECIMALS = pytest.mark.parametrize("send", [latitude, delta])
Send = Callable[[HubClient, LoyaltyCard, bytes], HttpResponse]


@DECIMALS
@pytest.mark.parametrize("text", NO_NUMBER)
def test_what_pythons_decimal_would_take(
    api: HubClient, card: LoyaltyCard, send: Send, text: str
) -> None:
    r = send(api, card, f'"{text}"'.encode())

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == [send.__name__]


@DECIMALS
@pytest.mark.parametrize("value", [b'"-0"', b"-0", b"-0.0", b'"-0.000"'])
def test_minus_zero(api: HubClient, card: LoyaltyCard, send: Send, value: bytes) -> None:
    assert send(api, card, value).json()[send.__name__] == "0.0"


@DECIMALS
@pytest.mark.parametrize("value", [b"1e1", b"1E1", b"1.0e1", b"1e-7", b'"1e-7"', b"1e400"])
def test_an_exponent(api: HubClient, card: LoyaltyCard, send: Send, value: bytes) -> None:
    assert send(api, card, value).status_code == 422


@pytest.mark.parametrize("value", [b"0.0000001", b'"0.0000001"', b"1.0000001"])
def test_what_postgresql_would_round(api: HubClient, card: LoyaltyCard, value: bytes) -> None:
    assert delta(api, card, value).status_code == 422


@pytest.mark.parametrize("value", [b"123456789012345", b'"123456789012345"', b"100000000000000.5"])
def test_15_digits_before_the_point(api: HubClient, card: LoyaltyCard, value: bytes) -> None:
    assert delta(api, card, value).status_code == 422


@pytest.mark.parametrize("value", [b"0.1", b"0.3", b"8.41", b"1234567890123.45", b"0.000007"])
def test_what_a_binary_float_would_change(api: HubClient, card: LoyaltyCard, value: bytes) -> None:
    assert delta(api, card, value).json()["delta"] == value.decode()


@pytest.mark.parametrize("value", [b"1.50", b'"1.50"', b'"1.500000"', b"1.5"])
def test_decimals_are_not_padded(api: HubClient, card: LoyaltyCard, value: bytes) -> None:
    assert delta(api, card, value).json()["delta"] == "1.5"
    assert latitude(api, card, value).json()["latitude"] == "1.5"


@pytest.mark.parametrize("value", [b"true", b"[]", b"{}", b'[["1"]]'])
@DECIMALS
def test_what_is_no_number_at_all(
    api: HubClient, card: LoyaltyCard, send: Send, value: bytes
) -> None:
    assert send(api, card, value).status_code == 422


# --- dates --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "day", ["20240101", "2024-W01-1", "2024-1-1", "2024-01-01T00:00", "٢٠٢٤-٠١-٠١"]
)
def test_a_date_in_another_form(api: HubClient, customer_list: CustomerList, day: str) -> None:
    r = create(api, customer_list, f'{{"birth_date": "{day}"}}'.encode())

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == ["birth_date"]


# --- names of cards -----------------------------------------------------------------


def new_card(api: HubClient, customer: Customer, name: str) -> HttpResponse:
    path = f"{base(customer.customer_list)}/loyalty_cards"
    return api.post(path, customer_id=customer.public_id, name=name)


def test_an_empty_name_is_accepted(api: HubClient, customer: Customer) -> None:
    r = new_card(api, customer, "")

    assert r.status_code == 200
    assert r.json()["name"] == ""


@pytest.mark.parametrize("name", [" ", "  kiosk  ", "\tkiosk\n"])
def test_a_name_is_not_trimmed(api: HubClient, customer: Customer, name: str) -> None:
    assert new_card(api, customer, name).json()["name"] == name


def test_a_name_is_not_asked_for_again(api: HubClient, card: LoyaltyCard) -> None:
    path = f"{base(card.customer_list)}/loyalty_cards/{card.public_id}"

    r = api.put(path, ref="1")

    assert r.status_code == 200
    assert (r.json()["name"], r.json()["ref"]) == ("", "1")


def test_uniqueness_is_judged_by_the_database_alone(
    api: HubClient, card: LoyaltyCard, django_assert_max_num_queries
) -> None:
    path = f"{base(card.customer_list)}/loyalty_cards/{card.public_id}"
    api.put(path, ref="1")

    # Savepoint, list, whose card, who listens, card, update, savepoint.
    with django_assert_max_num_queries(7):
        api.put(path, ref="2")


def test_a_filter_that_is_present_and_empty(api: HubClient, card: LoyaltyCard) -> None:
    LoyaltyCardFactory(customer=card.customer, name="kiosk")
    path = f"{base(card.customer_list)}/loyalty_cards"

    assert [shown["name"] for shown in api.get(path, name="").json()] == [""]
    assert [shown["name"] for shown in api.get(path).json()] == ["", "kiosk"]
    assert api.request("GET", f"{path}?name").json() == api.get(path, name="").json()


@pytest.mark.parametrize(
    ("query", "names"), [("name=&name=kiosk", ["kiosk"]), ("name=kiosk&name=", [""])]
)
def test_a_filter_given_twice_is_the_last_one(
    api: HubClient, card: LoyaltyCard, query: str, names: list[str]
) -> None:
    LoyaltyCardFactory(customer=card.customer, name="kiosk")
    r = api.request("GET", f"{base(card.customer_list)}/loyalty_cards?{query}")

    assert [shown["name"] for shown in r.json()] == names


# --- never an empty body, never an empty header -------------------------------------


def test_a_delete_is_a_200_with_an_empty_object(
    api: HubClient, customer_list: CustomerList
) -> None:
    r = api.request("DELETE", base(customer_list), raw=b"{}")

    assert (r.status_code, r.content) == (200, b"{}")


def test_the_last_page_has_no_cursor_header(api: HubClient, card: LoyaltyCard) -> None:
    for path in ("customers", "loyalty_cards", f"loyalty_cards/{card.public_id}/operations"):
        assert "X-Cursor-Next" not in api.get(f"{base(card.customer_list)}/{path}").headers
