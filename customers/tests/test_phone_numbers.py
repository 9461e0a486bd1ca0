"""How phone numbers are kept (companion 6)."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import Customer, CustomerList


def kept(
    client: HubClient, customer_list: CustomerList, phone: str, **fields: object
) -> str | None:
    r = client.post(f"/customer_lists/{customer_list.public_id}/customers", phone=phone, **fields)
    assert r.status_code == 200
    return r.json()["phone"]


@pytest.mark.parametrize(
    "phone",
    [
        "+33612345678",
        "0612345678",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "06-12-34-56-78",
        "06/12/34/56/78",
        "(0)6 12 34 56 78",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "0033 6 12 34 56 78",
        "  0612345678  ",
        "06\u00a012\u00a034\u00a056\u00a078",
        "06\u201112\u201134\u201156\u201178",
        "(+33) 6 12 34 56 78",
        "[06] 12345678",
        # As telephones copy them, and as wide keyboards write.
        "\u202a+33 6 12 34 56 78\u202c",
        "\u200e0612345678",
        "\uff0b33612345678",
        "\uff0806\uff0912345678",
        "06\u221212\u221234\u221256\u221278",
        "06\uff0d12\uff0d34\uff0d56\uff0d78",
    ],
)
def test_a_number_that_can_be_read_is_kept_in_e_164(
    api: HubClient, customer_list: CustomerList, phone: str
) -> None:
    assert kept(api, customer_list, phone) == "+33612345678"


def test_a_number_that_is_possible_but_not_assigned_is_kept(
    api: HubClient, customer_list: CustomerList
) -> None:
    assert kept(api, customer_list, "+44123456789") == "+44123456789"


@pytest.mark.parametrize(
    ("phone", "as_kept"),
    [
        ("12", "12"),
        ("  ext. 12  ", "ext. 12"),
        ("0612345678 (mum)", "0612345678 (mum)"),
        ("call me", "call me"),
        ("+", "+"),
        ("+999 12345", "+999 12345"),
        ("++33612345678", "++33612345678"),
        ("06123456789012345678", "06123456789012345678"),
        ("tel:0612345678", "tel:0612345678"),
        ("0800 FLOWERS", "0800 FLOWERS"),
        ("06*", "06*"),
    ],
)
def test_a_number_that_cannot_be_read_is_kept_as_it_came_but_trimmed(
    api: HubClient, customer_list: CustomerList, phone: str, as_kept: str
) -> None:
    assert kept(api, customer_list, phone) == as_kept


@pytest.mark.parametrize("phone", ["   ", " \u00a0 "])
def test_blanks_alone_are_no_number(
    api: HubClient, customer_list: CustomerList, phone: str
) -> None:
    assert kept(api, customer_list, phone) is None


# --- where a national number is at home ---------------------------------------------


def test_the_customers_country_comes_first(api: HubClient, customer_list: CustomerList) -> None:
    assert kept(api, customer_list, "020 7946 0018", country="gb") == "+442079460018"


def test_the_lists_location_comes_next(account_api: HubClient, bistro: Connection) -> None:
    bistro.location.country = "BE"
    bistro.location.save()
    customer_list = CustomerListFactory(account=bistro.account, location=bistro.location)

    assert kept(account_api, customer_list, "0470 12 34 56") == "+32470123456"
    assert kept(account_api, customer_list, "0470 12 34 56", country="") == "+32470123456"


def test_then_the_location_that_writes(api: HubClient, bistro: Connection) -> None:
    bistro.location.country = "BE"
    bistro.location.save()
    shared = CustomerListFactory(account=bistro.account)

    assert kept(api, shared, "0470 12 34 56") == "+32470123456"


def test_then_the_account(account_api: HubClient, bistro: Connection) -> None:
    bistro.account.country = "GB"
    bistro.account.save()
    shared = CustomerListFactory(account=bistro.account)

    assert kept(account_api, shared, "020 7946 0018") == "+442079460018"


def test_an_international_number_needs_no_country(
    api: HubClient, customer_list: CustomerList
) -> None:
    assert kept(api, customer_list, "+1 (212) 555-1234", country="GB") == "+12125551234"


# --- on an update -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_update_reads_numbers_the_same_way(
    api: HubClient, customer: Customer, method: str
) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"

    assert api.request(method, path, {"phone": "06 12 34 56 78"}).json()["phone"] == "+33612345678"
    body = api.request(method, path, {"phone": "020 7946 0018", "country": "GB"}).json()
    assert body["phone"] == "+442079460018"
    assert api.request(method, path, {"phone": "020 7946 0019"}).json()["phone"] == "+442079460019"
    body = api.request(method, path, {"phone": "0612345678", "country": None}).json()
    assert body["phone"] == "+33612345678"


def test_a_new_country_alone_leaves_the_number(api: HubClient, customer: Customer) -> None:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    api.patch(path, phone="0612345678")

    assert api.patch(path, country="GB").json()["phone"] == "+33612345678"
