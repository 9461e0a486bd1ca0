"""GET /customer_lists/:id/customers/:id (spec 2.1)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerPrivateRef


def path_of(customer: Customer) -> str:
    return f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"


def test_it_shows_every_field_of_the_customer(api: HubClient, customer: Customer) -> None:
    r = api.get(path_of(customer))

    assert r.status_code == 200
    body = r.json()
    assert body.pop("created_at")
    assert body == {
        "id": customer.public_id,
        "customer_list_id": customer.customer_list.public_id,
        "anonymised": False,
        "private_ref": None,
        "email": None,
        "first_name": "Jimmy",
        "last_name": "Watson",
        "gender": None,
        "birth_date": None,
        "company_name": None,
        "phone": None,
        "address_1": None,
        "address_2": None,
        "postal_code": None,
        "city": None,
        "state": None,
        "country": None,
        "latitude": None,
        "longitude": None,
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


def test_it_writes_values_as_in_the_specs_example(api: HubClient, bistro: Connection) -> None:
    bistro.account.currency = "GBP"
    bistro.account.save()
    jimmy = {
        "email": "jimmy.watson@dummy-mail.org",
        "first_name": "Jimmy",
        "last_name": "Watson",
        "gender": "male",
        "phone": "+44123456789",
        "address_1": "1 Town Road",
        "postal_code": "N9 0HL",
        "city": "London",
        "country": "GB",
        "sms_marketing": False,
        "email_marketing": True,
        "nb_orders": 2,
    }
    customer = CustomerFactory(
        **jimmy,
        customer_list=CustomerListFactory(account=bistro.account, location=bistro.location),
        birth_date=date(1999, 1, 1),
        latitude=Decimal("45.7571206"),
        longitude=Decimal("4.8307575"),
        order_total=Decimal("28.4"),
        first_order_date=datetime(2020, 1, 18, 16, 15, 11, tzinfo=UTC),
        last_order_date=datetime(2020, 1, 23, 9, 13, 21, tzinfo=UTC),
        created_at=datetime(2019, 7, 1, 10, 0, 0, 999_999, tzinfo=UTC),
    )

    body = api.get(path_of(customer)).json()

    assert body == {
        **jimmy,
        "id": customer.public_id,
        "customer_list_id": customer.customer_list.public_id,
        "anonymised": False,
        "private_ref": None,
        "birth_date": "1999-01-01",
        "company_name": None,
        "address_2": None,
        "state": None,
        "latitude": "45.7571206",
        "longitude": "4.8307575",
        "delivery_notes": None,
        "order_total": "28.40 GBP",
        "first_order_date": "2020-01-18T17:15:11+01:00",
        "last_order_date": "2020-01-23T10:13:21+01:00",
        "loyalty_cards": [],
        "custom_fields": {},
        "phone_access_code": None,
        "created_at": "2019-07-01T12:00:00+02:00",
    }


@pytest.mark.parametrize(
    ("at_location", "hour"), [(True, "20:00:00+09:00"), (False, "12:00:00+01:00")]
)
def test_times_are_in_the_zone_of_the_lists_location_or_the_account(
    account_api: HubClient, bistro: Connection, at_location: bool, hour: str
) -> None:
    tokyo = LocationFactory(account=bistro.account, timezone="Asia/Tokyo")
    customer = CustomerFactory(
        customer_list__account=bistro.account,
        customer_list__location=tokyo if at_location else None,
        created_at=datetime(2020, 1, 1, 11, tzinfo=UTC),
    )

    assert account_api.get(path_of(customer)).json()["created_at"] == f"2020-01-01T{hour}"


def test_each_client_sees_its_own_private_ref(
    api: HubClient, account_api: HubClient, customer: Customer
) -> None:
    api.patch(path_of(customer), private_ref="till-1")
    account_api.patch(path_of(customer), private_ref="web-1")

    assert api.get(path_of(customer)).json()["private_ref"] == "till-1"
    assert account_api.get(path_of(customer)).json()["private_ref"] == "web-1"
    assert CustomerPrivateRef.objects.for_account(customer.account).count() == 2


def test_custom_fields_come_back_with_exact_numbers(api: HubClient, customer: Customer) -> None:
    text = (
        b'{"custom_fields": {"a": 0.1000000000000000055511151231257827, "b": 12345678901234567890}}'
    )
    api.request("PATCH", path_of(customer), raw=text)

    r = api.get(path_of(customer))

    assert b"0.1000000000000000055511151231257827" in r.content
    assert b"12345678901234567890" in r.content


def test_the_rival_finds_nothing(rival_api: HubClient, customer: Customer) -> None:
    r = rival_api.get(path_of(customer))

    assert r.status_code == 404
    assert r.json()["error_type"] == "not_found"


@pytest.mark.parametrize("odd", ["asdf2", "1", "ASDF2", "%00", "%F0%9F%8D%95aaaa", "9" * 50])
def test_an_id_of_nothing_is_not_found(api: HubClient, customer: Customer, odd: str) -> None:
    list_id = customer.customer_list.public_id

    assert api.get(f"/customer_lists/{list_id}/customers/{odd}").status_code == 404
    assert api.get(f"/customer_lists/{odd}/customers/{customer.public_id}").status_code == 404


def test_an_id_with_capitals_is_another_id(api: HubClient, customer: Customer) -> None:
    list_id, shouted = customer.customer_list.public_id, customer.public_id.upper()

    assert api.get(f"/customer_lists/{list_id}/customers/{shouted}").status_code == 404


def test_there_is_no_delete(api: HubClient, customer: Customer) -> None:
    r = api.delete(path_of(customer))

    assert r.status_code == 405
    assert r.json()["error_type"] == "method_not_allowed"
    assert "DELETE" not in r["Allow"]
    customer.refresh_from_db()


def test_a_warm_read_is_one_query(
    api: HubClient, customer: Customer, django_assert_num_queries
) -> None:
    api.get(path_of(customer))

    with django_assert_num_queries(1):
        api.get(path_of(customer))
