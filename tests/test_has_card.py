"""A customer notes whether it has a card, whoever makes, moves or loads cards."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList
from desk.merging.factories import merge, undo
from loyalty.factories import LoyaltyCardFactory
from tests.test_races import together
from transfer.tests.archives import at, empty_hub
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = """
SELECT count(*) FROM customers_customer AS customer WHERE has_card <> EXISTS (
    SELECT FROM loyalty_loyaltycard AS card
    WHERE card.account_id = customer.account_id AND card.customer_id = customer.id)
"""


def wrong() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WRONG)
        return int(cursor.fetchone()[0])


def noted() -> dict[str, bool]:
    """Return what is noted, by first name."""
    return dict(Customer.with_merged.values_list("first_name", "has_card"))


@pytest.fixture
def second(transactional_db: None) -> Iterator[str]:
    """The database of a second hub, made while there is nothing in this one."""
    with empty_hub(f"{connection.settings_dict['NAME']}_second") as name:
        yield name


@pytest.fixture
def anna(customer_list: CustomerList) -> Customer:
    return CustomerFactory(customer_list=customer_list, first_name="Anna")


@pytest.fixture
def bob(customer_list: CustomerList) -> Customer:
    return CustomerFactory(customer_list=customer_list, first_name="Bob")


def test_a_card_of_the_api(api: HubClient, anna: Customer, bob: Customer) -> None:
    assert noted() == {"Anna": False, "Bob": False}

    r = api.post(
        f"/customer_lists/{anna.customer_list.public_id}/loyalty_cards",
        {"customer_id": anna.public_id, "name": "stamps"},
    )

    assert r.status_code == 200
    assert noted() == {"Anna": True, "Bob": False}


def test_many_cards_of_one_customer_at_once(api: HubClient, anna: Customer) -> None:
    path = f"/customer_lists/{anna.customer_list.public_id}/loyalty_cards"

    answers = together(
        *(
            lambda name=name: api.post(path, {"customer_id": anna.public_id, "name": f"s{name}"})
            for name in range(12)
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    assert noted() == {"Anna": True}


def test_a_merge_and_its_undo(anna: Customer, bob: Customer) -> None:
    LoyaltyCardFactory(customer=bob, name="stamps")
    assert noted() == {"Anna": False, "Bob": True}

    kept = merge(anna, bob)
    assert Customer.objects.get().has_card
    assert wrong() == 0

    undo(kept)
    assert noted() == {"Anna": False, "Bob": True}


def test_a_merge_of_two_with_cards_and_its_undo(anna: Customer, bob: Customer) -> None:
    for customer in (anna, bob):
        LoyaltyCardFactory(customer=customer, name="stamps")

    kept = merge(anna, bob)
    assert wrong() == 0
    undo(kept)

    assert noted() == {"Anna": True, "Bob": True}


def test_an_import_of_some_with_cards_and_some_without(
    bistro: Connection, customer_list: CustomerList, tmp_path: Path
) -> None:
    file = tmp_path / "people.jsonl"
    rows: list[dict[str, Any]] = [
        {"private_ref": "1", "first_name": "With", "loyalty_cards": [{"name": "stamps"}]},
        {"private_ref": "2", "first_name": "Without"},
        {"private_ref": "3", "first_name": "Later"},
    ]
    again = [{"private_ref": "3", "loyalty_cards": [{"name": "stamps", "balance": "3"}]}]
    words = ["--list", customer_list.public_id, "--client", bistro.client.name]

    for content, options in ((rows, []), (again, ["--on-duplicate", "update"])):
        file.write_text("".join(f"{json.dumps(row)}\n" for row in content))
        call_command("import_customers", str(file), *words, *options, stdout=io.StringIO())

    assert noted() == {"With": True, "Without": False, "Later": True}


def test_an_archive_of_a_hub_that_noted_nothing_yet(
    second: str, anna: Customer, bob: Customer, tmp_path: Path
) -> None:
    for customer in (anna, bob):
        LoyaltyCardFactory(customer=customer)
    CustomerFactory(customer_list=anna.customer_list, first_name="Carl")
    Customer.with_merged.update(has_card=False)
    file = tmp_path / "bistro.hub"
    assert run("dump_account", "Bistro", file).status == 0

    with at(second):
        assert run("load_account", file).status == 0

        assert noted() == {"Anna": True, "Bob": True, "Carl": False}
