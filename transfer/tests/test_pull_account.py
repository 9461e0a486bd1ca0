"""``manage.py pull_account``: what a second hub of ours holds is here afterwards, once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.factories import ConnectionFactory
from accounts.models import Account, Client, Connection
from accounts.tokens import issue_token
from conftest import HubClient
from customers import services
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ConsentChange, Customer, CustomerList
from hubcustomers import exact_json
from hubcustomers.public_ids import customer_ids
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from loyalty.proof import Scope, prove
from transfer.models import Pulled
from transfer.tests.archives import at, empty_hub
from transfer.tests.commands import Ended, run
from transfer.tests.servers import hub_on

pytestmark = pytest.mark.django_db(transaction=True)


class Other:
    """The other hub: its address, a token of its whole account, and its database."""

    def __init__(self, database: str, url: str) -> None:
        self.database, self.url = database, url
        with at(database):
            self.connection = ConnectionFactory(account__name="There", account_level=True)
            self.token = issue_token(self.connection)

    def pull(self, *words: Any, token: str | None = None) -> Ended:
        """Move in from it."""
        given = ["--url", self.url, "--token", token or self.token, "--rate", "1000"]
        return run("pull_account", *given, "--account", "Here", "--json", *words)


@pytest.fixture
def other(transactional_db: None) -> Iterator[Other]:
    with (
        empty_hub(f"{connection.settings_dict['NAME']}_other") as database,
        hub_on(database) as url,
    ):
        yield Other(database, url)


@pytest.fixture
def filled(other: Other) -> Other:
    """The other hub with a list of the account and one of a location, and what is in them."""
    with at(other.database):
        fill(other)
    return other


def fill(other: Other, customers: int = 3) -> None:
    account = other.connection.account
    till = ConnectionFactory(account=account, location__name="Lyon", location__country="DE")
    api = HubClient(token=other.token)
    everybody = api.post("/account/customer_lists", name="Everybody é").json()["id"]
    CustomerListFactory(account=account, location=till.location, name="Lyon")
    for number in range(customers):
        made = api.post(
            f"/customer_lists/{everybody}/customers",
            private_ref=f"ref {number}",
            first_name="Zoë \t\n'",
            phone="06 12 34 56 78",
            country="FR",
            latitude="48.8589507",
            birth_date="1999-02-28",
            sms_marketing=True,
            custom_fields={"a": {"b": [1.50, None]}, "n": number},
        ).json()
        customer = Customer.objects.get(pk=customer_ids.decode(made["id"]))
        card = LoyaltyCardFactory(customer=customer, name="", ref=f"av-{number}")
        for step in range(number % 3 + 1):
            post(card, f"{step}.25", reason=f"Step {step}")
        post(card, "-0.000001", reason=None)
    lyon = CustomerList.objects.get(name="Lyon")
    services.anonymise_customer(CustomerFactory(customer_list=lyon, email="a@b", city="Lyon"))
    guest = CustomerFactory(customer_list=lyon, phone="030 123456")
    points = [{"delta": "7", "reason": "Order", "ref": "order-card"}]
    ordered = HubClient(till).post(
        "/location/orders",
        status="new",
        customer_id=guest.public_id,
        loyalty_operations=points,
    )
    assert ordered.status_code == 200, ordered.content


def ledger() -> list[Any]:
    """Return every operation as it reads, card by card; ids are each hub's own."""
    rows = LoyaltyOperation.objects.order_by("card__ref", "card_id", "sequence")
    return [
        (row.card.ref, row.sequence, row.delta, row.new_balance, row.reason, when(row.created_at))
        for row in rows.select_related("card")
    ]


def when(moment: Any) -> int:
    # The API tells times to the second.
    return int(moment.timestamp())


def test_everything_is_here_afterwards(filled) -> None:
    ended = filled.pull("--client", "My till")

    told = json.loads(ended.out)
    assert (ended.status, told["differences"], told["refused"]) == (0, [], [])
    assert told["here"] == told["there"] == {
        "lists": 2, "customers": 5, "cards": 4, "points": "12.499997"
    }  # fmt: skip
    assert told["counts"]["operations whose order stays there"] == 1
    assert told["counts"]["orders that stay there"] == 1
    with at(filled.database):
        theirs = ledger()
    assert ledger() == theirs
    account = Account.objects.get(name="Here")
    assert (account.currency, account.country) == ("EUR", "FR")
    lyon = CustomerList.objects.get(name="Lyon")
    assert (lyon.location.name, lyon.location.country) == ("Lyon", "DE")
    first = Customer.objects.order_by("pk").first()
    assert (first.phone, str(first.latitude)[:8]) == ("+33612345678", "48.85895")
    ref = first.private_refs.get()
    # The token saw the refs of its own client; here they are those of the client named.
    assert (ref.ref, ref.client.name) == ("ref 0", "My till")
    gone = Customer.objects.get(anonymised=True)
    assert (gone.email, gone.city) == (None, "Lyon")
    assert ConsentChange.objects.filter(source="import").count() == 3
    assert [found for _proof, found in prove(Scope()) if found] == []


def test_a_second_run_copies_nothing_and_a_third_only_what_changed(filled) -> None:
    filled.pull()
    rows = [Customer, LoyaltyCard, LoyaltyOperation, CustomerList, Client, Pulled]
    before = [model.objects.count() for model in rows]

    again = json.loads(filled.pull().out)
    assert set(again["counts"]) == {
        "customers unchanged",
        "orders that stay there",
        "operations",
        "operations whose order stays there",
    }
    assert again["counts"]["operations"] == 0
    assert [model.objects.count() for model in rows] == before

    with at(filled.database):
        card = LoyaltyCard.objects.get(ref="av-0")
        post(card, "100", reason="Later")
        LoyaltyCard.objects.filter(ref="av-1").update(ref="new", name="gold")
        list_id = card.customer_list.public_id
        path = f"/customer_lists/{list_id}/customers/{card.customer.public_id}"
        changes = {"city": "Nice", "custom_fields": {"n": None}, "sms_marketing": False}
        HubClient(token=filled.token).patch(path, **changes)
        HubClient(token=filled.token).put(f"/customer_lists/{list_id}", name="All")
        services.anonymise_customer(LoyaltyCard.objects.get(ref="new").customer)
    third = filled.pull("--quick")

    told = json.loads(third.out)
    assert (third.status, told["differences"]) == (0, [])
    counts = {name: count for name, count in told["counts"].items() if count}
    assert counts == {
        "lists renamed": 1,
        "customers updated": 2,
        "customers anonymised": 1,
        "customers unchanged": 3,
        "cards changed": 1,
        "operations": 1,
        "orders that stay there": 1,
    }
    first = Customer.objects.order_by("pk").first()
    assert (first.city, first.sms_marketing) == ("Nice", False)
    assert exact_json.dumps(first.custom_fields) == b'{"a":{"b":[1.5,null]}}'


def test_a_token_of_a_location_brings_what_it_reaches(filled) -> None:
    with at(filled.database):
        till = Connection.objects.filter(location__name="Lyon").first()
        token = issue_token(till)

    ended = filled.pull(token=token)

    assert ended.status == 0, ended.err + ended.out
    assert json.loads(ended.out)["here"]["customers"] == 5
    assert {row.location.name for row in CustomerList.objects.all()} == {"Lyon"}


def test_verify_changes_nothing_and_says_what_differs(filled) -> None:
    filled.pull()
    customer = Customer.objects.order_by("pk")[0]
    Customer.objects.filter(pk=customer.pk).update(city="Elsewhere")
    post(LoyaltyCard.objects.get(ref="av-1"), "1")
    with at(filled.database):
        CustomerFactory(customer_list=CustomerList.objects.get(name="Lyon"))
    before = Customer.objects.count()

    ended = filled.pull("--verify")

    assert ended.status == 1
    whats = sorted(one["what"] for one in json.loads(ended.out)["differences"])
    assert whats == [
        "differs in city",
        "has another balance: 1.499999 there, 2.499999 here",
        "is not here",
    ]
    assert Customer.objects.count() == before


def test_a_card_that_went_on_here_keeps_its_own_operations(filled) -> None:
    filled.pull()
    card = LoyaltyCard.objects.get(ref="av-0")
    post(card, "1", reason="Here")
    with at(filled.database):
        post(LoyaltyCard.objects.get(ref="av-0"), "5", reason="There")

    ended = filled.pull()

    told = json.loads(ended.out)
    assert ended.status == 1
    assert told["refused"][0]["reason"] == (
        "has operations of its own here; 1 from there are left out"
    )
    card.refresh_from_db()
    assert card.balance == Decimal("1.249999")


def test_what_cannot_be_kept_is_refused_and_the_rest_copied(filled) -> None:
    with at(filled.database):
        first = Customer.objects.order_by("pk").values_list("pk", flat=True)[0]
        Customer.objects.filter(pk=first).update(country="XX")

    ended = filled.pull()

    told = json.loads(ended.out)
    assert ended.status == 1
    assert [one["kind"] for one in told["refused"]] == ["customer"]
    assert "country must be a two-letter country code" in told["refused"][0]["reason"]
    assert told["here"]["customers"] == 4


def test_who_was_merged_here_is_left_as_it_is(filled) -> None:
    filled.pull()
    one, other = Customer.objects.filter(phone="+33612345678").order_by("pk")[:2]
    Customer.objects.filter(pk=other.pk).update(merged_into=one)

    ended = filled.pull()

    told = json.loads(ended.out)
    assert ended.status == 1
    assert f"was merged here into {one.public_id}" in told["refused"][0]["reason"]
    assert [found["what"] for found in told["differences"]] == ["was merged here"]


def test_what_went_there_is_told(filled) -> None:
    filled.pull()
    with at(filled.database):
        services.delete_list(CustomerList.objects.get(name="Lyon"))

    ended = filled.pull()

    assert ended.status == 1
    assert [found["what"] for found in json.loads(ended.out)["differences"]] == [
        "2 that were copied are not there now",
        "1 that were copied are not there now",
    ]
    # What was moved in is the shop's own: nothing that goes there goes here.
    assert Customer.objects.count() == 5


def test_anonymising_forgets_what_was_copied(filled) -> None:
    filled.pull()
    customer = Customer.objects.filter(email=None, anonymised=False).order_by("pk")[0]

    services.anonymise_customer(customer)

    assert Pulled.objects.get(kind="customer", local_id=customer.pk).fingerprint == ""
    # And what is still known there does not come back.
    filled.pull()
    customer.refresh_from_db()
    assert (customer.anonymised, customer.first_name) == (True, None)


# --- killed in the middle ---------------------------------------------------------------

_CALL = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv.pop(1)
django.setup()
from django.core.management import execute_from_command_line
from transfer.pulling import client
client.PAGE = 2
execute_from_command_line(sys.argv)
"""


def test_a_run_that_is_killed_twice_goes_on_with_nothing_twice(other) -> None:
    with at(other.database):
        fill(other, customers=12)
        theirs = ledger()
    for enough in (3, 8):
        child = subprocess.Popen(
            [
                sys.executable, "-c", _CALL, connection.settings_dict["NAME"], "pull_account",
                "--url", other.url, "--account", "Here", "--rate", "25",
            ],
            cwd=Path(__file__).resolve().parents[2],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "HUB_PULL_TOKEN": other.token,
            },
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while Customer.objects.count() < enough and time.monotonic() < deadline:
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert enough <= Customer.objects.count() < 14

    ended = other.pull()

    told = json.loads(ended.out)
    assert (ended.status, told["differences"]) == (0, [])
    # It went on at the page where the last run was, not at the first one.
    assert told["counts"]["customers created"] + told["counts"]["customers unchanged"] < 14
    assert ledger() == theirs
    assert Customer.objects.count() == 14
