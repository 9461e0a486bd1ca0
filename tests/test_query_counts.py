"""How many statements a call takes, and on which tables (design section 5).

BEGIN and COMMIT count as Django logs them. Cold: the token was not seen for a second.
"""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from accounts.tokens import forget_tokens
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.tenancy.tables import ACCOUNT_TABLES, REFERENCE_TABLES
from loyalty.factories import post
from loyalty.models import LoyaltyCard

TOKEN = "SELECT accesstoken account client connection location"
THE_LIST = "SELECT customerlist location"
CUSTOMERS = "SELECT customer customerlist customerprivateref location loyaltycard"
CARDS = "SELECT customerlist loyaltycard"
OPERATIONS = "SELECT customerlist location loyaltycard loyaltyoperation order"
# Who wants to hear of a change: asked within its transaction, nobody does here.
LISTENERS = "SELECT accesstoken callback connection"

_TABLES = re.compile(
    r"\b(" + "|".join(sorted(ACCOUNT_TABLES | REFERENCE_TABLES)) + r")\b", re.IGNORECASE
)
Call = Callable[[], HttpResponse]


def statements(call: Call) -> list[str]:
    """Return what each statement of a successful call does, and to which tables."""
    with CaptureQueriesContext(connection) as queries:
        answer = call()
    assert answer.status_code == 200
    return [summary(query["sql"]) for query in queries.captured_queries]


def summary(sql: str) -> str:
    tables = {name.partition("_")[2] for name in _TABLES.findall(sql)}
    return " ".join([sql.split()[0], *sorted(tables)])


def check_read(call: Call, *expected: str) -> None:
    forget_tokens()
    assert statements(call) == [TOKEN, *expected]
    assert statements(call) == [*expected]


def below(customer_list: CustomerList, path: str) -> str:
    return f"/customer_lists/{customer_list.public_id}/{path}"


def card_url(card: LoyaltyCard) -> str:
    return below(card.customer_list, f"loyalty_cards/{card.public_id}")


# --- reads --------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["api", "account_api"])
def test_a_customer_takes_one_statement(
    request: pytest.FixtureRequest, client: str, card: LoyaltyCard
) -> None:
    caller = request.getfixturevalue(client)
    url = below(card.customer_list, f"customers/{card.customer.public_id}")

    check_read(lambda: caller.get(url), CUSTOMERS)


@pytest.mark.parametrize("number", [1, 100])
@pytest.mark.parametrize(
    "filters", [{}, {"phone": "+336*"}, {"phone": "*8"}, {"email": "*"}, {"count": "3"}]
)
def test_a_page_of_customers_takes_one_statement(
    api: HubClient, customer_list: CustomerList, number: int, filters: dict[str, str]
) -> None:
    customers = Customer.objects.bulk_create(
        Customer(
            account=customer_list.account,
            customer_list=customer_list,
            phone="+33612345678",
            email="a@b.org",
        )
        for _ in range(number)
    )
    LoyaltyCard.objects.bulk_create(
        LoyaltyCard(
            account=customer_list.account,
            customer_list=customer_list,
            customer=customer,
            name=f"{turn}",
        )
        for customer in customers
        for turn in range(3)
    )

    check_read(lambda: api.get(below(customer_list, "customers"), **filters), CUSTOMERS)


def test_a_national_number_also_needs_the_lists_country(
    api: HubClient, customer_list: CustomerList
) -> None:
    CustomerFactory(customer_list=customer_list, phone="+33612345678")

    check_read(lambda: api.get(below(customer_list, "customers"), phone="06*"), THE_LIST, CUSTOMERS)


def test_a_page_without_rows_proves_that_the_list_exists(
    api: HubClient, customer_list: CustomerList
) -> None:
    check_read(lambda: api.get(below(customer_list, "customers")), CUSTOMERS, THE_LIST)


def test_a_list_takes_one_statement(api: HubClient, customer_list: CustomerList) -> None:
    check_read(lambda: api.get(f"/customer_lists/{customer_list.public_id}"), THE_LIST)


@pytest.mark.parametrize("number", [1, 100])
def test_a_page_of_lists_takes_one_statement(
    api: HubClient, customer_list: CustomerList, number: int
) -> None:
    CustomerListFactory.create_batch(number - 1, account=customer_list.account)

    check_read(lambda: api.get("/location/customer_lists"), THE_LIST)


def test_a_card_takes_one_statement(api: HubClient, card: LoyaltyCard) -> None:
    check_read(lambda: api.get(card_url(card)), CARDS)


@pytest.mark.parametrize("number", [1, 100])
@pytest.mark.parametrize("filters", [{}, {"name": ""}, {"ref": "av"}])
def test_a_page_of_cards_takes_one_statement(
    api: HubClient, card: LoyaltyCard, number: int, filters: dict[str, str]
) -> None:
    LoyaltyCard.objects.for_account(card.account).update(ref="av")
    LoyaltyCard.objects.bulk_create(
        LoyaltyCard(
            account=card.account,
            customer_list=card.customer_list,
            customer=card.customer,
            name=f"{turn}",
        )
        for turn in range(number - 1)
    )

    check_read(lambda: api.get(below(card.customer_list, "loyalty_cards"), **filters), CARDS)


@pytest.mark.parametrize("number", [1, 100])
def test_a_page_of_operations_takes_one_statement(
    api: HubClient, card: LoyaltyCard, number: int
) -> None:
    for _ in range(number):
        post(card, "1")

    check_read(lambda: api.get(f"{card_url(card)}/operations"), OPERATIONS)


def test_accounts_and_locations_take_none_once_the_token_is_known(api: HubClient) -> None:
    check_read(lambda: api.get("/accounts"))
    check_read(lambda: api.get("/location"))


# --- writes -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_operation_takes_two_statements_in_its_transaction(
    api: HubClient, card: LoyaltyCard
) -> None:
    def create() -> HttpResponse:
        return api.post(f"{card_url(card)}/operations", delta="4.2", reason="Points earned")

    operation = "WITH customerlist location loyaltycard loyaltyoperation"
    check_read(create, "BEGIN", LISTENERS, operation, "COMMIT")


@pytest.mark.django_db(transaction=True)
def test_a_customer_is_created_in_one_transaction(
    api: HubClient, customer_list: CustomerList
) -> None:
    url = below(customer_list, "customers")
    refs = iter(["1", "2"])

    check_read(
        lambda: api.post(url, first_name="Charles", phone="06 12 34 56 78"),
        *["BEGIN", THE_LIST, "INSERT customer", LISTENERS, "COMMIT"],
    )
    check_read(
        lambda: api.post(url, private_ref=next(refs)),
        *["BEGIN", THE_LIST, "INSERT customer", "INSERT customerprivateref", LISTENERS],
        "COMMIT",
    )


@pytest.mark.django_db(transaction=True)
def test_a_refused_body_costs_no_write(api: HubClient, card: LoyaltyCard) -> None:
    api.get("/accounts")

    with CaptureQueriesContext(connection) as queries:
        answer = api.post(f"{card_url(card)}/operations", delta="NaN")

    assert answer.status_code == 422
    assert [summary(query["sql"]) for query in queries.captured_queries] == ["BEGIN", "ROLLBACK"]
