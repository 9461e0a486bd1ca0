"""Finding customers, cards and operations by their indexes, and finding the right ones.

In a list of 20,000 customers no call reads an account table from end to end, whether
PostgreSQL plans for the values at hand or keeps one plan for all (design section 5).
"""

import re
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from pytest_django.plugin import DjangoDbBlocker

from accounts.factories import ConnectionFactory
from conftest import HubClient
from customers.factories import CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.public_ids import cursor_ids
from hubcustomers.tenancy.tables import ACCOUNT_TABLES, REFERENCE_TABLES
from loyalty.models import LoyaltyCard

pytestmark = pytest.mark.django_db
Call = Callable[[], HttpResponse]
CROWD = 20_000
_FILL = """
INSERT INTO customers_customer (account_id, customer_list_id, anonymised, email, phone,
    custom_fields)
SELECT %(account)s, %(list)s, false, 'Person' || n || '@dummy-mail.org',
    '+336' || lpad((n * 7919 %% 100000000)::text, 8, '0'), '{}'
FROM generate_series(1, %(number)s) n;
INSERT INTO customers_customerprivateref (account_id, customer_list_id, customer_id, client_id, ref)
SELECT account_id, customer_list_id, id, %(client)s, 'ref ' || id FROM customers_customer
WHERE account_id = %(account)s AND customer_list_id = %(list)s;
INSERT INTO loyalty_loyaltycard (account_id, customer_list_id, customer_id, name, ref)
SELECT account_id, customer_list_id, id, '', 'av-' || id FROM customers_customer
WHERE account_id = %(account)s AND customer_list_id = %(list)s;
"""
_FILL_CARD = """
INSERT INTO loyalty_loyaltyoperation (account_id, card_id, sequence, delta, new_balance)
SELECT %(account)s, %(card)s, n, 1, n FROM generate_series(1, %(number)s) n;
UPDATE loyalty_loyaltycard SET balance = %(number)s, last_sequence = %(number)s
WHERE account_id = %(account)s AND id = %(card)s;
"""


class Crowd:
    """A list of 20,000 customers, each with a card and a private ref, beside smaller ones."""

    def __init__(self) -> None:
        till = ConnectionFactory()
        self.list = CustomerListFactory(account=till.account, location=till.location)
        self.api = HubClient(till)
        rival = ConnectionFactory()
        small = [CustomerListFactory(account=account) for account in (till.account, rival.account)]
        with connection.cursor() as cursor:
            # Requests have limits; whoever fills a list of 20,000 on a busy machine needs none.
            cursor.execute("SET LOCAL statement_timeout = 0")

            def run(script: str, values: dict[str, Any]) -> None:
                for sql in script.split(";\n")[:-1]:
                    cursor.execute(sql, values)
                    # Keys are checked by plans, which without figures read whole tables.
                    cursor.execute("ANALYZE customers_customer")

            for made, number in [(self.list, CROWD), *((each, 1000) for each in small)]:
                values = {"account": made.account_id, "list": made.pk, "client": till.client_id}
                run(_FILL, {**values, "number": number})
            self.customer = Customer.objects.for_account(till.account).filter(
                customer_list=self.list
            )[CROWD // 2]
            self.card = LoyaltyCard.objects.for_account(till.account).get(customer=self.customer)
            values = {"account": till.account_id, "card": self.card.pk, "number": 2000}
            run(_FILL_CARD, values)
            for table in ACCOUNT_TABLES | REFERENCE_TABLES:
                cursor.execute(f"ANALYZE {table}")


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Crowd]:
    # Never committed: made once, and gone with the transaction.
    with django_db_blocker.unblock(), transaction.atomic():
        yield Crowd()
        transaction.set_rollback(True)


def plan(call: Call) -> Any:
    """Return how PostgreSQL plans the last statement of a call that was often made before."""
    seen: list[tuple[str, Any, bool]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        keeps_its_plan = context["connection"].connection.prepare_threshold is not None
        seen.append((sql, params, keeps_its_plan))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        answer = call()
    assert answer.status_code == 200
    assert answer.json()
    sql, params, keeps_its_plan = seen[-1]
    numbers = count(1)
    numbered = re.sub("%s", lambda _: f"${next(numbers)}", sql).replace("%%", "%")
    execute = f"EXECUTE looked_at ({', '.join(map(literal, params))})"
    # Past Django's cursor: what is prepared here has its places already.
    session = connection.connection
    session.execute(f"PREPARE looked_at AS {numbered}")
    # From the sixth time on PostgreSQL may keep one plan for all values.
    for _ in range(6 if keeps_its_plan else 0):
        session.execute(execute)
    [(plans,)] = session.execute(f"EXPLAIN (FORMAT JSON) {execute}").fetchall()
    session.execute("DEALLOCATE looked_at")
    return plans[0]["Plan"]


def literal(value: Any) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def indexes(call: Call) -> set[str]:
    """Return the indexes that a call reads; no account table may be read from end to end."""
    read = list(nodes(plan(call)))
    assert {node.get("Relation Name") for node in read if node["Node Type"] == "Seq Scan"} <= {
        # One list and one location, named by their keys; a page of either is all there is.
        "customers_customerlist",
        "accounts_location",
        # There is none here.
        "orders_order",
    }
    return {node["Index Name"] for node in read if "Index Name" in node} - BY_KEY


def customers_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


# What is shown beside a row is looked up by the row's own key.
BY_KEY = {
    "loyalty_card_customer_name_uniq",
    "customers_privateref_customer_uniq",
    "customers_customerlist_pkey",
    "accounts_location_pkey",
}


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"phone": "+3361234*"}, "customers_phone_idx"),
        ({"phone": "*789"}, "customers_phone_end_idx"),
        ({"phone": "*07919"}, "customers_phone_end_idx"),
        ({"phone": "+3360000791*"}, "customers_phone_idx"),
        ({"phone": "+33600007919"}, "customers_phone_idx"),
        ({"phone": "06 00 00 79 19"}, "customers_phone_idx"),
        ({"email": "person77*"}, "customers_email_idx"),
        ({"email": "*77@dummy-mail.org"}, "customers_email_end_idx"),
        ({"email": "PERSON77@dummy-mail.org"}, "customers_email_idx"),
        # Everybody fits: the list in its own order has the first 100 at once.
        ({"email": "person*"}, "customers_customer_list_uniq"),
        ({"email": "*@dummy-mail.org"}, "customers_customer_list_uniq"),
        ({}, "customers_customer_list_uniq"),
    ],
)
def test_customers_are_found_by_an_index(crowd: Crowd, filters: dict[str, str], index: str) -> None:
    assert indexes(lambda: crowd.api.get(customers_url(crowd.list), **filters)) == {index}


def test_a_beginning_and_an_ending_use_the_better_of_two_indexes(crowd: Crowd) -> None:
    used = indexes(lambda: crowd.api.get(customers_url(crowd.list), phone="+3361*89"))

    assert used & {"customers_phone_idx", "customers_phone_end_idx"}


def test_a_private_ref_is_found_by_its_index(crowd: Crowd) -> None:
    ref = f"ref {crowd.customer.pk}"

    used = indexes(lambda: crowd.api.get(customers_url(crowd.list), private_ref=ref))

    assert used - {"customers_customer_list_uniq", "customers_customer_pkey"} == {
        "customers_privateref_ref_uniq"
    }


def test_a_page_is_found_by_an_index_at_any_depth(crowd: Crowd) -> None:
    behind = cursor_ids.encode(crowd.customer.pk)

    used = plan(lambda: crowd.api.get(customers_url(crowd.list), cursor=behind))

    [scan] = [
        node for node in nodes(used) if node.get("Index Name") == "customers_customer_list_uniq"
    ]
    # The index begins behind the cursor; what is before it is not even counted.
    assert "id >" in scan["Index Cond"]
    sorts = [node for node in nodes(used) if node["Node Type"] == "Sort"]
    assert not any(node is scan for sort in sorts for node in nodes(sort))


@pytest.mark.parametrize(
    ("path", "parameters", "index"),
    [
        ("", {}, {"loyalty_card_list_idx"}),
        ("", {"cursor": True}, {"loyalty_card_list_idx"}),
        (
            "",
            {"name": "", "ref": True},
            {"loyalty_card_ref_idx", "loyalty_card_list_name_ref_uniq"},
        ),
        ("", {"ref": True}, {"loyalty_card_ref_idx"}),
        ("", {"name": ""}, {"loyalty_card_list_idx"}),
        ("", {"customer_id": True}, set()),
        ("/card", {}, {"loyalty_card_list_idx", "loyalty_loyaltycard_pkey"}),
        ("/card/operations", {}, {"loyalty_operation_sequence_uniq"}),
        ("/card/operations", {"cursor": True}, {"loyalty_operation_sequence_uniq"}),
    ],
)
def test_cards_and_operations_are_found_by_an_index(
    crowd: Crowd, path: str, parameters: dict[str, Any], index: set[str]
) -> None:
    own = {
        "cursor": cursor_ids.encode(1000),
        "ref": crowd.card.ref,
        "customer_id": crowd.customer.public_id,
    }
    given = {name: own[name] if value is True else value for name, value in parameters.items()}
    place = path.replace("card", crowd.card.public_id)
    url = f"/customer_lists/{crowd.list.public_id}/loyalty_cards{place}"

    used = indexes(lambda: crowd.api.get(url, **given))

    # The card of the operations, and their orders, are themselves found by keys.
    keys = {"loyalty_card_list_idx", "loyalty_loyaltycard_pkey", "orders_order_account_idx"}
    assert used <= index | keys


# --- the right ones -----------------------------------------------------------------

ALPHABET = r"aaAbB@.%_\é*'"
DIGITS = "1122+(a"


def made_up(random: Random, alphabet: str, longest: int) -> str:
    return "".join(random.choices(alphabet, k=random.randint(0, longest)))


def fits(value: str | None, pattern: str) -> bool:
    """Tell, the slow way, whether a text matches a pattern with stars."""
    parts = ".*".join(map(re.escape, pattern.split("*")))
    return value is not None and re.fullmatch(parts, value, re.DOTALL) is not None


def find(api: HubClient, url: str, **filters: str) -> list[str]:
    """Return the ids on all pages, in their order."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(url, **filters, **cursor)
        assert answer.status_code == 200
        found += [row["id"] for row in answer.json()]
        if "X-Cursor-Next" not in answer.headers:
            return found
        cursor = {"cursor": answer.headers["X-Cursor-Next"]}


@pytest.fixture
def motley(customer_list: CustomerList) -> list[Customer]:
    """Return 150 customers with odd e-mails and phones."""
    random = Random(7)
    return Customer.objects.bulk_create(
        Customer(
            account=customer_list.account,
            customer_list=customer_list,
            email=random.choice([None, made_up(random, ALPHABET, 6)]),
            phone=random.choice([None, made_up(random, DIGITS, 6)]),
        )
        for _ in range(150)
    )


def test_patterns_of_emails_find_what_a_slow_matcher_finds(
    api: HubClient, customer_list: CustomerList, motley: list[Customer]
) -> None:
    random = Random(11)
    met = 0
    for _ in range(300):
        pattern = made_up(random, ALPHABET + "****", 6)

        found = find(api, customers_url(customer_list), email=pattern)

        assert found == [
            row.public_id
            for row in motley
            if fits(row.email and row.email.lower(), pattern.lower())
        ], pattern
        met += bool(found)
    # Otherwise nothing was shown.
    assert met > 50


def test_patterns_of_phones_find_what_a_slow_matcher_finds(
    api: HubClient, customer_list: CustomerList, motley: list[Customer]
) -> None:
    random = Random(13)
    met = 0
    for _ in range(300):
        # A beginning that is no number's, so that it is not read as a national one.
        pattern = random.choice("+*") + made_up(random, "12+*", 4) + "*"

        found = find(api, customers_url(customer_list), phone=pattern)

        assert found == [row.public_id for row in motley if fits(row.phone, pattern)], pattern
        met += bool(found)
    assert met > 50


def test_a_plus_that_became_a_space_is_a_plus(
    api: HubClient, customer_list: CustomerList, motley: list[Customer]
) -> None:
    with_plus = find(api, customers_url(customer_list), phone="+1*")

    assert with_plus
    assert find(api, customers_url(customer_list), phone=" 1*") == with_plus
