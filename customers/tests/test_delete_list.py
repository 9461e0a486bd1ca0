"""DELETE /customer_lists/:id (spec 1.5)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef


def path_of(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}"


def test_it_answers_with_an_empty_object(api: HubClient, customer_list: CustomerList) -> None:
    r = api.delete(path_of(customer_list))

    assert r.status_code == 200
    assert r["Content-Type"] == "application/json"
    assert r.content == b"{}"


def test_the_list_is_gone_for_every_call(api: HubClient, customer_list: CustomerList) -> None:
    api.delete(path_of(customer_list))

    answers = [
        api.get(path_of(customer_list)),
        api.put(path_of(customer_list), name="x"),
        api.delete(path_of(customer_list)),
        api.get(f"{path_of(customer_list)}/customers"),
        api.post(f"{path_of(customer_list)}/customers"),
        api.get(f"{path_of(customer_list)}/loyalty_cards"),
    ]
    assert [r.status_code for r in answers] == [404] * 6
    assert api.get("/location/customer_lists").json() == []


def test_its_customers_and_their_private_refs_are_deleted_too(
    api: HubClient, customer_list: CustomerList
) -> None:
    api.post(f"{path_of(customer_list)}/customers", private_ref="1")
    CustomerFactory(customer_list=customer_list)

    api.delete(path_of(customer_list))

    assert not Customer.objects.for_account(customer_list.account).exists()
    assert not CustomerPrivateRef.objects.for_account(customer_list.account).exists()


def test_other_lists_keep_their_customers(api: HubClient, customer: Customer) -> None:
    other = CustomerFactory(customer_list__account=customer.account)

    api.delete(path_of(customer.customer_list))

    assert Customer.objects.for_account(customer.account).get() == other


def test_the_name_can_be_used_again_and_the_id_is_new(
    api: HubClient, customer_list: CustomerList
) -> None:
    api.delete(path_of(customer_list))

    r = api.post("/location/customer_lists", name=customer_list.name)

    assert r.status_code == 200
    assert r.json()["id"] != customer_list.public_id


def test_an_account_token_deletes_an_account_level_list(
    account_api: HubClient, bistro: Connection
) -> None:
    shared = CustomerListFactory(account=bistro.account)

    assert account_api.delete(path_of(shared)).status_code == 200
    assert not CustomerList.objects.for_account(bistro.account).exists()


@pytest.mark.parametrize("body", [b"{}", b'{"name": "x"}', b"no json [", b""])
def test_a_body_is_ignored(api: HubClient, customer_list: CustomerList, body: bytes) -> None:
    r = api.request("DELETE", path_of(customer_list), raw=body)

    assert r.status_code == 200
    assert r.json() == {}


def test_the_rival_cannot_delete_it(rival_api: HubClient, customer: Customer) -> None:
    r = rival_api.delete(path_of(customer.customer_list))

    assert r.status_code == 404
    customer.refresh_from_db()


def test_a_large_list_takes_no_more_queries(
    api: HubClient, customer_list: CustomerList, django_assert_max_num_queries
) -> None:
    CustomerFactory.create_batch(30, customer_list=customer_list)

    with django_assert_max_num_queries(10):
        assert api.delete(path_of(customer_list)).status_code == 200
