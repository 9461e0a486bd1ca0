"""POST /customer_lists/:id/customers/:id/anonymise (spec 2.5, companion 6)."""

import pytest
from django.db import IntegrityError, transaction

from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from customers.tests.test_update_customer import FULL, OTHER

ERASED = (
    "email first_name last_name gender birth_date company_name phone address_1 address_2"
    " postal_code latitude longitude delivery_notes phone_access_code"
).split()
KEPT = [name for name in FULL if name not in ERASED]
METHODS = pytest.mark.parametrize("method", ["PATCH", "PUT"])


def path_of(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


@pytest.fixture
def charles(api: HubClient, customer: Customer) -> Customer:
    """A customer of whom everything is known."""
    assert api.patch(path_of(customer), FULL).status_code == 200
    return customer


@pytest.fixture
def nobody(api: HubClient, charles: Customer) -> Customer:
    """The same after anonymising."""
    assert api.post(f"{path_of(charles)}/anonymise").status_code == 200
    return charles


def rows(customer: Customer):
    return Customer.objects.for_account(customer.account).filter(pk=customer.pk)


# --- what it erases -----------------------------------------------------------------


def test_the_anonymised_fields_are_null_and_the_others_stay(
    api: HubClient, charles: Customer
) -> None:
    before = api.get(path_of(charles)).json()

    r = api.post(f"{path_of(charles)}/anonymise")

    assert r.status_code == 200
    assert r.json() == {**before, **dict.fromkeys(ERASED), "anonymised": True}
    assert {name: r.json()[name] for name in KEPT} == {name: FULL[name] for name in KEPT}
    assert api.get(path_of(charles)).json() == r.json()


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"first_name": "x", "anonymised": false}'])
def test_a_body_is_not_looked_at(api: HubClient, charles: Customer, raw: bytes) -> None:
    r = api.request("POST", f"{path_of(charles)}/anonymise", raw=raw)

    assert r.status_code == 200
    assert r.json()["anonymised"] is True
    assert r.json()["first_name"] is None


def test_nothing_of_the_person_is_left_in_the_row(nobody: Customer) -> None:
    [row] = rows(nobody).values()

    assert [row[name] for name in ERASED] == [None] * len(ERASED)
    assert row["email_folded"] is None


def test_the_person_is_found_by_no_filter_any_more(api: HubClient, nobody: Customer) -> None:
    index = f"/customer_lists/{nobody.customer_list.public_id}/customers"

    assert api.get(index, email="*").json() == []
    assert api.get(index, phone="*").json() == []
    assert [found["id"] for found in api.get(index).json()] == [nobody.public_id]


def test_a_private_ref_still_finds_it(api: HubClient, nobody: Customer) -> None:
    index = f"/customer_lists/{nobody.customer_list.public_id}/customers"

    [found] = api.get(index, private_ref="2213312").json()

    assert found["id"] == nobody.public_id


def test_a_second_call_changes_nothing(api: HubClient, nobody: Customer) -> None:
    before = api.get(path_of(nobody)).json()

    r = api.post(f"{path_of(nobody)}/anonymise")

    assert r.status_code == 200
    assert r.json() == before


def test_a_customer_without_data_can_be_anonymised(api: HubClient, customer: Customer) -> None:
    rows(customer).update(first_name=None, last_name=None)

    assert api.post(f"{path_of(customer)}/anonymise").json()["anonymised"] is True


def test_other_customers_keep_their_data(api: HubClient, customer: Customer) -> None:
    other = CustomerFactory(customer_list=customer.customer_list, email="a@x.org")

    api.post(f"{path_of(customer)}/anonymise")

    assert api.get(path_of(other)).json()["email"] == "a@x.org"


def test_the_rival_cannot_anonymise_it(rival_api: HubClient, customer: Customer) -> None:
    r = rival_api.post(f"{path_of(customer)}/anonymise")

    assert r.status_code == 404
    assert not rows(customer).get().anonymised


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_anonymises(api: HubClient, customer: Customer, method: str) -> None:
    r = api.request(method, f"{path_of(customer)}/anonymise")

    assert r.status_code == 405
    assert r["Allow"] == "POST"
    assert not rows(customer).get().anonymised


# --- afterwards ---------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("name", ERASED)
def test_an_update_of_an_anonymised_field_is_silently_ignored(
    api: HubClient, nobody: Customer, method: str, name: str
) -> None:
    before = api.get(path_of(nobody)).json()

    r = api.request(method, path_of(nobody), {name: OTHER[name]})

    assert r.status_code == 200
    assert r.json() == before


@METHODS
@pytest.mark.parametrize("value", ["x" * 5000, 5, [], "\x00", "not valid"])
def test_what_is_ignored_is_not_even_validated(
    api: HubClient, nobody: Customer, method: str, value: object
) -> None:
    body = {**dict.fromkeys(ERASED, value), "city": "Lyon"}

    r = api.request(method, path_of(nobody), body)

    assert r.status_code == 200
    assert {r.json()[name] for name in ERASED} == {None}
    assert r.json()["city"] == "Lyon"


@METHODS
@pytest.mark.parametrize("name", KEPT)
def test_the_other_fields_can_still_be_updated(
    api: HubClient, nobody: Customer, method: str, name: str
) -> None:
    before = api.get(path_of(nobody)).json()

    r = api.request(method, path_of(nobody), {name: OTHER[name]})

    assert r.status_code == 200
    assert r.json() == {**before, name: OTHER[name]}


@METHODS
@pytest.mark.parametrize(
    ("name", "value"), [("country", "ZZ"), ("sms_marketing", "x"), ("custom_fields", [])]
)
def test_the_other_fields_are_still_validated(
    api: HubClient, nobody: Customer, method: str, name: str, value: object
) -> None:
    r = api.request(method, path_of(nobody), {name: value, "email": 5})

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == [name]


@METHODS
@pytest.mark.parametrize("value", [False, None, "false"])
def test_it_cannot_be_reverted(
    api: HubClient, nobody: Customer, method: str, value: object
) -> None:
    r = api.request(method, path_of(nobody), {"anonymised": value})

    assert r.status_code == 200
    assert r.json()["anonymised"] is True


# --- held by the database, past every function of ours ------------------------------


@pytest.mark.parametrize("name", ERASED)
def test_the_database_nulls_what_a_late_writer_sets(nobody: Customer, name: str) -> None:
    value = "m" if name == "gender" else OTHER[name]

    assert rows(nobody).update(**{name: value}) == 1

    assert rows(nobody).values_list(name, flat=True).get() is None


def test_the_database_lets_the_other_columns_be_set(nobody: Customer) -> None:
    rows(nobody).update(email="x", city="Lyon", sms_marketing=False)

    assert rows(nobody).values_list("email", "city", "sms_marketing").get() == (None, "Lyon", False)


def test_the_database_allows_no_way_back(nobody: Customer) -> None:
    with pytest.raises(IntegrityError, match="stays anonymised"), transaction.atomic():
        rows(nobody).update(anonymised=False)

    assert rows(nobody).get().anonymised


@pytest.mark.parametrize("name", ERASED)
def test_the_database_keeps_no_private_field_of_a_new_anonymised_customer(
    customer: Customer, name: str
) -> None:
    value = "m" if name == "gender" else OTHER[name]
    fields = {"first_name": None, "last_name": None, name: value}

    with (
        pytest.raises(IntegrityError, match="customers_customer_anonymised_chk"),
        transaction.atomic(),
    ):
        CustomerFactory(customer_list=customer.customer_list, anonymised=True, **fields)


def test_the_database_wants_the_fields_cleared_with_the_flag(charles: Customer) -> None:
    with (
        pytest.raises(IntegrityError, match="customers_customer_anonymised_chk"),
        transaction.atomic(),
    ):
        rows(charles).update(anonymised=True)

    assert rows(charles).get().email == FULL["email"]
