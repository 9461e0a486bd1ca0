"""``manage.py export_customers`` and ``export_operations``: what is there, and back again."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import Client
from customers import services
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers.cells import neutralise, restore
from hubcustomers.models import AuditEntry
from loyalty.factories import LoyaltyCardFactory, post
from transfer.tests.commands import import_file, run, told

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = [
    "=1+1", "+33612345678", "-5", "@sum", "\tx", "\rx", "'", "''=1", "'=1", "'quoted'", "a\r\nb",
    '"', ",;\t", "", " ", "\\N", "\\", "é\u202e\U0001f600", "=cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.fixture
def full(customer_list: CustomerList) -> CustomerList:
    """A list with everything that a customer can have."""
    client = Client.objects.create(name="import", client_id="import")
    for number, text in enumerate(HOSTILE):
        customer = CustomerFactory(
            customer_list=customer_list,
            first_name=text,
            address_1=text,
            delivery_notes=text,
            phone=("+33612345678", "none", None)[number % 3],
            email=f"{number}@example.com",
            gender="female",
            birth_date="1999-02-28",
            country="FR",
            latitude=Decimal("-48.8589507"),
            longitude=Decimal("177.2770205"),
            sms_marketing=number % 2 == 0,
            custom_fields={"text": text, "deep": [1, {"a": None}], "n": 1.5},
        )
        CustomerPrivateRef.objects.create(
            account=customer.account,
            customer_list=customer_list,
            customer=customer,
            client=client,
            ref=f"-{text}{number}",
        )
        card = LoyaltyCardFactory(customer=customer, name=text, ref=f"={number}")
        post(card, "-7.25")
        if number % 2:
            post(LoyaltyCardFactory(customer=customer, name="second", ref=None), "0.000001")
    CustomerFactory(customer_list=customer_list, first_name=None, last_name=None)
    services.anonymise_customer(CustomerFactory(customer_list=customer_list, city="Paris"))
    return customer_list


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_imports_again_to_the_same_state(form, full, tmp_path: Path) -> None:
    path = tmp_path / f"customers.{form}"
    exported = run("export_customers", "--list", full.public_id, "--format", form, "--output", path)
    other = CustomerListFactory(account=full.account)

    ended = import_file(path, other)

    assert (exported.status, ended.status) == (0, 0), ended.out
    assert told(other) == told(full)
    again = run("export_customers", "--list", other.public_id, "--format", form).out
    assert _without_ids(again, form) == _without_ids(path.read_bytes().decode(), form)


def _without_ids(text: str, form: str) -> list[Any]:
    if form == "csv":
        return [row[1:] for row in csv.reader(io.StringIO(text, newline=""))]
    return [{**json.loads(line), "id": None} for line in text.splitlines()]


@pytest.mark.parametrize("value", [*HOSTILE, None])
def test_a_cell_is_no_formula_and_comes_back_unchanged(value) -> None:
    cell = neutralise(value)

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert restore(cell) == value


def test_the_filters_are_those_of_the_api(full) -> None:
    def ids(*words: str) -> int:
        ended = run("export_customers", "--list", full.public_id, "--format", "jsonl", *words)
        assert ended.status == 0
        return len(ended.out.splitlines())

    everybody = len(HOSTILE) + 2
    assert ids() == everybody
    assert ids("--email", "1@EXAMPLE.com") == 1
    assert ids("--email", "*@example.com") == len(HOSTILE)
    assert ids("--phone", "06 12 34 56 78") == 7
    assert ids("--private-ref=-=1+10") == 1
    assert ids("--private-ref=-=1+10", "--client", "other") == 0
    assert ids("--anonymised", "yes") == 1
    assert ids("--anonymised", "no", "--sms-marketing") == 10
    assert ids("--after", "2000-01-01", "--before", "2000-01-02T10:00+02:00") == 0
    assert ids("--after", "2000-01-01") == everybody


def test_pages_repeat_and_skip_nobody(customer_list, monkeypatch) -> None:
    monkeypatch.setattr("transfer.exports._PAGE", 3)
    cards = [
        LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list)) for _ in range(7)
    ]
    for number, card in enumerate(cards):
        for _ in range(number):
            post(card, "1")

    customers = run("export_customers", "--list", customer_list.public_id, "--format", "jsonl")
    operations = run("export_operations", "--list", customer_list.public_id, "--format", "jsonl")

    assert len({json.loads(line)["id"] for line in customers.out.splitlines()}) == 7
    found = [json.loads(line) for line in operations.out.splitlines()]
    assert [(row["card_ref"], row["sequence"]) for row in found] == [
        (card.ref, sequence + 1) for number, card in enumerate(cards) for sequence in range(number)
    ]


def test_operations_are_told_whole(full) -> None:
    ended = run(
        "export_operations", "--list", full.public_id, "--format", "jsonl", "--email", "1@*"
    )

    first, second = map(json.loads, ended.out.splitlines())
    customer = Customer.objects.get(email="1@example.com")
    assert (first["customer_id"], first["private_ref"]) == (
        customer.public_id,
        "-+336123456781",
    )
    assert (first["card_ref"], first["delta"], first["new_balance"]) == ("=1", "-7.25", "-7.25")
    assert (second["card_name"], second["delta"]) == ("second", "0.000001")


def test_a_file_is_there_whole_or_as_it_was(full, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("what was there")

    ended = run("export_customers", "--list", full.public_id, "--output", path, "--email", "a\0b*")

    assert ended.status == 2
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]
    assert run("export_customers", "--list", full.public_id, "--output", path).status == 0
    assert path.read_text().startswith("id,private_ref")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_period_of_operations_is_not_that_of_their_customers(full) -> None:
    Customer.objects.update(created_at="2001-01-01T00:00:00Z")

    ended = run(
        "export_operations", "--list", full.public_id, "--email", "1@*", "--after", "2020-01-01"
    )

    assert len(ended.out.splitlines()) == 3


def test_an_export_shows_nothing_of_others_and_is_recorded(full, rival) -> None:
    other = CustomerListFactory(account=rival.account)
    CustomerFactory(customer_list=other, email="rival@example.com")

    ended = run("export_customers", "--list", full.public_id)

    assert "rival" not in ended.out
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.resource_id, entry.user_name) == (full.pk, "(command line)")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--list", "nothere"], "There is no customer list nothere."),
        (["--output", "/nowhere/x.csv"], "/nowhere/x.csv cannot be written"),
        (["--email", "*" * 9], "email has too many stars"),
        (["--after", "yesterday"], "must be a day or a time"),
    ],
)
def test_wrong_usage_is_told(words, sentence, customer_list) -> None:
    given = ["--list", customer_list.public_id, *words]

    ended = run("export_customers", *given)

    # Argparse's own mistakes are told by call_command with status 1.
    assert ended.status in (1, 2)
    assert sentence in ended.err
    assert not connection.in_atomic_block
