"""GET /customer_lists/:id/customers (spec 2.2, companion 6)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def found(client: HubClient, customer_list: CustomerList, field: str, **filters: str) -> list:
    r = client.get(path_of(customer_list), **filters)
    assert r.status_code == 200, r.content
    return [customer[field] for customer in r.json()]


def with_emails(customer_list: CustomerList, *emails: str | None) -> None:
    for email in emails:
        CustomerFactory(customer_list=customer_list, email=email)


def with_phones(customer_list: CustomerList, *phones: str | None) -> None:
    for phone in phones:
        CustomerFactory(customer_list=customer_list, phone=phone)


# --- without filter -----------------------------------------------------------------


def test_it_returns_whole_customers_oldest_first(
    api: HubClient, customer_list: CustomerList
) -> None:
    made = CustomerFactory.create_batch(3, customer_list=customer_list)

    r = api.get(path_of(customer_list))

    assert r.status_code == 200
    assert r.json() == [
        api.get(f"{path_of(customer_list)}/{customer.public_id}").json() for customer in made
    ]


def test_an_empty_list_is_an_empty_array(api: HubClient, customer_list: CustomerList) -> None:
    r = api.get(path_of(customer_list))

    assert r.status_code == 200
    assert r.json() == []


def test_customers_of_other_lists_are_left_out(api: HubClient, customer: Customer) -> None:
    CustomerFactory(customer_list__account=customer.account)

    assert found(api, customer.customer_list, "id") == [customer.public_id]


@pytest.mark.parametrize("filters", [{}, {"email": "a*"}, {"phone": "+3*"}, {"private_ref": "1"}])
def test_the_rival_finds_no_such_list(
    rival_api: HubClient, customer: Customer, filters: dict[str, str]
) -> None:
    r = rival_api.get(path_of(customer.customer_list), **filters)

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


def test_unknown_parameters_are_ignored(api: HubClient, customer: Customer) -> None:
    filters = {"first_name": "Nobody", "id": "x", "anonymised": "true", "order_by": "email"}

    assert found(api, customer.customer_list, "id", **filters) == [customer.public_id]


def test_a_warm_page_is_one_query(
    api: HubClient, customer_list: CustomerList, django_assert_num_queries
) -> None:
    CustomerFactory.create_batch(5, customer_list=customer_list)
    api.get(path_of(customer_list))

    with django_assert_num_queries(1):
        assert len(api.get(path_of(customer_list)).json()) == 5


# --- private_ref --------------------------------------------------------------------


def test_private_ref_finds_the_callers_own(
    api: HubClient, account_api: HubClient, customer_list: CustomerList
) -> None:
    mine = api.post(path_of(customer_list), private_ref="2213312").json()
    theirs = account_api.post(path_of(customer_list), private_ref="2213312").json()

    assert found(api, customer_list, "id", private_ref="2213312") == [mine["id"]]
    assert found(account_api, customer_list, "id", private_ref="2213312") == [theirs["id"]]


def test_private_ref_of_another_client_finds_nothing(
    api: HubClient, account_api: HubClient, customer_list: CustomerList
) -> None:
    account_api.post(path_of(customer_list), private_ref="web-1")

    assert found(api, customer_list, "id", private_ref="web-1") == []


@pytest.mark.parametrize("wrong", ["221", "22133121", "2213312 ", "*", "2213*", "%", "A", ""])
def test_private_ref_matches_exactly(
    api: HubClient, customer_list: CustomerList, wrong: str
) -> None:
    api.post(path_of(customer_list), private_ref="2213312")
    api.post(path_of(customer_list), private_ref="a")
    api.post(path_of(customer_list))

    assert found(api, customer_list, "private_ref", private_ref=wrong) == []


@pytest.mark.parametrize("ref", ["a*b", "%", "x" * 255, "*" * 20, " a ", "é/?&=#"])
def test_any_ref_that_can_be_kept_can_be_found(
    api: HubClient, customer_list: CustomerList, ref: str
) -> None:
    api.post(path_of(customer_list), private_ref=ref)

    assert found(api, customer_list, "private_ref", private_ref=ref) == [ref]


# --- email --------------------------------------------------------------------------


def test_email_matches_whatever_the_case(api: HubClient, customer_list: CustomerList) -> None:
    with_emails(customer_list, "Charles.Moore@dummy-mail.org", "other@dummy-mail.org")

    for asked in ("charles.moore@DUMMY-mail.org", "CHARLES*", "*.moore@Dummy*", "c*ORG"):
        assert found(api, customer_list, "email", email=asked) == ["Charles.Moore@dummy-mail.org"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["ab@x.org", "b@y.com", "cab@x.com"]),
        ("**", ["ab@x.org", "b@y.com", "cab@x.com"]),
        ("a*", ["ab@x.org"]),
        ("*com", ["b@y.com", "cab@x.com"]),
        ("*ab*", ["ab@x.org", "cab@x.com"]),
        ("ab*", ["ab@x.org"]),
        ("ab@x.org*", ["ab@x.org"]),
        ("*ab@x.org", ["ab@x.org"]),
        ("ab@x*.org", ["ab@x.org"]),
        ("a*b*@*x*.*org", ["ab@x.org"]),
        ("*a*b*@*.*o*m*", ["cab@x.com"]),
        ("c*c", []),
        ("ab@x.org*ab@x.org", []),
        ("ab@x.org*x.org", []),
        ("b", []),
        ("ab@x", []),
        ("x.org", []),
    ],
)
def test_a_star_in_email_is_any_run_of_characters(
    api: HubClient, customer_list: CustomerList, pattern: str, expected: list[str]
) -> None:
    with_emails(customer_list, "ab@x.org", "b@y.com", "cab@x.com", None)

    assert found(api, customer_list, "email", email=pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a%c", ["a%c"]),
        ("a_c", ["a_c"]),
        ("a\\c", ["a\\c"]),
        ("%", []),
        ("_*_", []),
        ("a%*", ["a%c"]),
        ("*_c", ["a_c"]),
        ("*%*", ["a%c"]),
        ("*_*", ["a_c"]),
        ("*\\*", ["a\\c"]),
        ("a*\\c", ["a\\c"]),
        ("?bc", []),
        ("[a]bc", []),
        ("a.c", []),
        ("*'*", []),
        ("a*c", ["a%c", "a_c", "a\\c", "abc"]),
    ],
)
def test_everything_but_the_star_is_literal(
    api: HubClient, customer_list: CustomerList, pattern: str, expected: list[str]
) -> None:
    with_emails(customer_list, "a%c", "a_c", "a\\c", "abc")

    assert found(api, customer_list, "email", email=pattern) == expected


@pytest.mark.parametrize("pattern", ["É*", "*ÉÈ@X.FR", "é*è@x.fr", "*è*"])
def test_case_is_ignored_beyond_ascii_too(
    api: HubClient, customer_list: CustomerList, pattern: str
) -> None:
    with_emails(customer_list, "éÈ@x.fr", "ee@x.fr")

    assert found(api, customer_list, "email", email=pattern) == ["éÈ@x.fr"]


def test_a_long_email_is_found_by_itself(api: HubClient, customer_list: CustomerList) -> None:
    email = "x" * 243 + "@example.org"
    with_emails(customer_list, email)

    assert found(api, customer_list, "email", email=email) == [email]


# --- phone --------------------------------------------------------------------------


def test_the_specs_example_with_a_plus_that_arrives_as_a_space(
    api: HubClient, customer_list: CustomerList
) -> None:
    with_phones(customer_list, "+44123456789", "+33123456789")

    r = api.request("GET", f"{path_of(customer_list)}?phone=+44*")

    assert r.status_code == 200
    assert [customer["phone"] for customer in r.json()] == ["+44123456789"]


@pytest.mark.parametrize("query", ["phone=+33612345678", "phone=%2B33612345678"])
def test_a_whole_number_is_found_however_its_plus_is_sent(
    api: HubClient, customer_list: CustomerList, query: str
) -> None:
    with_phones(customer_list, "+33612345678", "+33612345679")

    r = api.request("GET", f"{path_of(customer_list)}?{query}")

    assert [customer["phone"] for customer in r.json()] == ["+33612345678"]


@pytest.mark.parametrize(
    "asked",
    [
        "0612345678",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "+33 6 12 34 56 78",
        "0033612345678",
        "06*",
        "06 12*",
        "+336*",
        "+33 6 12*",
        "+33(0)6*",
        "+33 (0)6 12*",
        "336*",
        "33612345678",
        "\u202a06 12*",
        "0033 6*",
        "*5678",
        "*56 78",
        "06*78",
        "*1234*",
        "*",
    ],
)
def test_numbers_in_the_filter_are_read_as_they_are_kept(
    api: HubClient, customer_list: CustomerList, asked: str
) -> None:
    with_phones(customer_list, "+33612345678", None)

    assert found(api, customer_list, "phone", phone=asked) == ["+33612345678"]


@pytest.mark.parametrize("asked", ["07*", "0612345679", "+44*", "06*79", "*678*9", "612345678 x"])
def test_other_numbers_are_not_found(
    api: HubClient, customer_list: CustomerList, asked: str
) -> None:
    with_phones(customer_list, "+33612345678", None)

    assert found(api, customer_list, "phone", phone=asked) == []


@pytest.mark.parametrize("asked", ["ext. 12", "ext*", "*12", "*t. 1*", "  ext. 12  "])
def test_a_number_kept_as_it_came_is_found_too(
    api: HubClient, customer_list: CustomerList, asked: str
) -> None:
    with_phones(customer_list, "ext. 12")

    expected = ["ext. 12"] if not asked.startswith(" ") else []
    assert found(api, customer_list, "phone", phone=asked.lstrip()) == ["ext. 12"]
    assert found(api, customer_list, "phone", phone=asked) == expected


def test_a_number_that_only_another_country_could_not_read_is_found_as_it_is_shown(
    api: HubClient, customer_list: CustomerList
) -> None:
    body = api.post(path_of(customer_list), phone="123456789", country="US").json()
    assert body["phone"] == "123456789"

    assert found(api, customer_list, "id", phone="123456789") == [body["id"]]


@pytest.mark.parametrize("asked", ["020 7946 0018", "020*", "+44 20 7946*"])
def test_national_numbers_are_at_home_at_the_lists_location(
    account_api: HubClient, bistro: Connection, asked: str
) -> None:
    bistro.location.country = "GB"
    bistro.location.save()
    customer_list = CustomerListFactory(account=bistro.account, location=bistro.location)
    with_phones(customer_list, "+442079460018", "+33612345678")

    assert found(account_api, customer_list, "phone", phone=asked) == ["+442079460018"]


@pytest.mark.parametrize(
    ("country", "kept", "asked"),
    [
        ("ES", "+34612345678", "612 345 678"),
        ("ES", "+34612345678", "612*"),
        ("IT", "+390612345678", "06 1234*"),
        ("US", "+12125551234", "(212) 555-1234"),
        ("US", "+12125551234", "212*"),
        ("US", "+12125551234", "1212*"),
        ("US", "+33612345678", "011 33 6*"),
        ("FR", "+33612345678", "612*"),
    ],
)
def test_a_national_beginning_is_read_in_each_countrys_way(
    account_api: HubClient, bistro: Connection, country: str, kept: str, asked: str
) -> None:
    bistro.account.country = country
    bistro.account.save()
    customer_list = CustomerListFactory(account=bistro.account)
    with_phones(customer_list, kept)

    assert found(account_api, customer_list, "phone", phone=asked) == [kept]


# --- filters together, empty, or too much -------------------------------------------


def test_filters_hold_together(api: HubClient, customer_list: CustomerList) -> None:
    CustomerFactory(customer_list=customer_list, email="a@x.org", phone="+33612345678")
    CustomerFactory(customer_list=customer_list, email="a@x.org", phone="+33712345678")
    CustomerFactory(customer_list=customer_list, email="b@x.org", phone="+33612345678")

    assert len(found(api, customer_list, "id", email="a*", phone="06*")) == 1


@pytest.mark.parametrize("name", ["private_ref", "email", "phone"])
def test_a_filter_that_is_present_and_empty_matches_nothing_that_has_a_value(
    api: HubClient, customer_list: CustomerList, name: str
) -> None:
    api.post(path_of(customer_list), private_ref="1", email="a@x.org", phone="0612345678")

    assert found(api, customer_list, "id", **{name: ""}) == []


@pytest.mark.parametrize("name", ["email", "phone"])
@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*1" * 9, "has too many stars (maximum is 8)"),
        ("*" * 9, "has too many stars (maximum is 8)"),
        ("1" * 128 + "*", "is too long (maximum is 128 characters)"),
    ],
)
def test_a_pattern_that_costs_too_much_is_refused(
    api: HubClient, customer_list: CustomerList, name: str, pattern: str, message: str
) -> None:
    r = api.get(path_of(customer_list), **{name: pattern})

    assert r.status_code == 422
    assert r.json() == {
        "message": f"{name} {message}",
        "errors": [{"field": name, "message": message}],
        "error_type": "unprocessable_entity",
    }


@pytest.mark.parametrize("name", ["email", "phone"])
@pytest.mark.parametrize("pattern", ["*1" * 8, "1" * 127 + "*"])
def test_a_pattern_at_the_limits_is_taken(
    api: HubClient, customer_list: CustomerList, name: str, pattern: str
) -> None:
    assert found(api, customer_list, "id", **{name: pattern}) == []


@pytest.mark.parametrize("name", ["private_ref", "email", "phone"])
def test_a_nul_in_a_filter_is_refused(
    api: HubClient, customer_list: CustomerList, name: str
) -> None:
    r = api.get(path_of(customer_list), **{name: "a\x00b"})

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": name, "message": "contains characters that cannot be stored"}
    ]


@pytest.mark.parametrize("query", ["email=%ED%A0%80", "phone=%FF*", "private_ref=%C3%28"])
def test_a_filter_that_is_not_utf_8_finds_nothing(
    api: HubClient, customer_list: CustomerList, query: str
) -> None:
    with_emails(customer_list, "a@x.org")

    r = api.request("GET", f"{path_of(customer_list)}?{query}")

    assert r.status_code == 200
    assert r.json() == []


def test_a_large_list_is_searched_the_same_way(api: HubClient, customer_list: CustomerList) -> None:
    Customer.objects.bulk_create(
        Customer(
            account=customer_list.account,
            customer_list=customer_list,
            email=f"{number:04}@x.org",
            phone=f"+336{number:08}",
        )
        for number in range(300)
    )

    assert len(found(api, customer_list, "id", email="00*")) == 100
    assert len(found(api, customer_list, "id", phone="*00*")) == 100
    assert found(api, customer_list, "email", email="*299@X*") == ["0299@x.org"]
