"""Anonymising who was merged reaches everybody who was, and what the merge kept."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from customers.services import anonymise_customers
from desk.merging.factories import merge
from desk.merging.models import Merge
from desk.merging.tests.conftest import below, listen, told
from orders.factories import place_order

pytestmark = pytest.mark.django_db(transaction=True)

KEPT: dict[str, Any] = {
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs",
    "birth_date": "1999-01-01",
}
OTHER: dict[str, Any] = {
    "email": "charly@other-mail.org",
    "first_name": "Charly",
    "last_name": "Moore-Watson",
    "phone": "+44123999999",
    "address_1": "77 Sunset Boulevard",
    "delivery_notes": "Ring at the neighbours",
}


def snapshot(customer: Customer, tmp_path: Path) -> Path:
    file = tmp_path / f"{customer.public_id}.json"
    out = io.StringIO()
    call_command("prove_erasure", customer.public_id, "--snapshot", stdout=out)
    file.write_text(out.getvalue())
    return file


def places(customer: Customer, values: Path) -> list[str]:
    """Return where something of the person is found."""
    out = io.StringIO()
    try:
        call_command(
            "prove_erasure", customer.public_id, "--values", str(values), "--json", stdout=out
        )
    except SystemExit:
        pass
    return sorted(
        {f"{one['table']}.{one['column']}" for one in json.loads(out.getvalue())["places"]}
    )


@pytest.mark.parametrize("which", ["survivor", "merged"])
def test_nothing_of_either_is_found(
    bistro: Connection, api: HubClient, customer_list: CustomerList, tmp_path: Path, which: str
) -> None:
    crm = listen(ConnectionFactory(account=bistro.account, account_level=True))
    issue_token(crm)
    survivor, merged, first = (
        CustomerFactory(customer_list=customer_list, **fields)
        for fields in (KEPT, OTHER, {"first_name": "Chas", "email": "chas@third-mail.org"})
    )
    for one in (survivor, merged):
        place_order(bistro, one)
    files = [(one, snapshot(one, tmp_path)) for one in (survivor, merged, first)]
    merge(merged, first)
    kept = merge(survivor, merged, email="other", first_name="other", address_1="other")
    assert kept.changes["email"] == ["charles.moore@dummy-mail.org", "charly@other-mail.org"]
    found = {place for one, file in files for place in places(one, file)}
    assert {"desk_merge.changes", "customers_customer.email", "callbacks_event.new_state"} <= found

    named = survivor if which == "survivor" else merged
    r = api.post(below(customer_list, f"customers/{named.public_id}/anonymise"))

    assert (r.json()["id"], r.json()["anonymised"]) == (survivor.public_id, True)
    for one, file in files:
        assert places(one, file) == []
    rows = Customer.with_merged.for_account(bistro.account)
    assert list(rows.values_list("anonymised", flat=True)) == [True] * 3
    assert [event.resource_id for event in told(crm) if event.new_state.get("anonymised")] == [
        survivor.pk
    ]
    assert set(Merge.objects.values_list("survivor_id", flat=True)) == {survivor.pk, merged.pk}


def test_many_at_once_are_erased_with_whom_they_stand_for(customer_list: CustomerList) -> None:
    pairs = [
        (
            CustomerFactory(customer_list=customer_list, **KEPT),
            CustomerFactory(customer_list=customer_list, **OTHER),
        )
        for _ in range(3)
    ]
    for survivor, merged in pairs:
        merge(survivor, merged)
    rows = Customer.with_merged.for_account(customer_list.account)

    # As the register of erasures gives them after a restore: the hidden ones among them.
    assert anonymise_customers(list(rows)) == 6

    for row in rows.all():
        assert [getattr(row, name) for name in ANONYMISED_FIELDS] == [None] * 14
    assert not Merge.objects.exclude(changes={}).exists()


def test_the_snapshot_has_the_values_of_both_and_rows_of_both_are_searched(
    customer_list: CustomerList, tmp_path: Path
) -> None:
    survivor: Any = CustomerFactory(customer_list=customer_list, **KEPT)
    merged: Any = CustomerFactory(customer_list=customer_list, **OTHER)
    merge(survivor, merged)

    values = snapshot(survivor, tmp_path)

    told = json.loads(values.read_text())
    assert told["email"] == [KEPT["email"], OTHER["email"]]
    assert told["birth_date"] == KEPT["birth_date"]
    # Many people have such a first name: it counts because the row is one of the person's.
    survivor.refresh_from_db()
    anonymise_customers([survivor])
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE customers_customer SET custom_fields = \'{"called": "Charly"}\''
            " WHERE id = %s AND account_id = %s",
            [merged.pk, merged.account_id],
        )
    assert places(survivor, values) == ["customers_customer.custom_fields"]
