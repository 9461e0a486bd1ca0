"""``manage.py prove_erasure``: whatever still shows an anonymised person is found."""

import io
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Connection, IdempotentAnswer
from callbacks.models import DeliveryAttempt, Event
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer
from loyalty.factories import LoyaltyCardFactory, post
from orders.models import Order
from signin.sessions import SessionStore

pytestmark = pytest.mark.django_db(transaction=True)

PERSON: dict[str, Any] = {
    "email": "É.Oneil+1@dummy-mail.org",
    "first_name": "Élodie",
    "last_name": "O'Neil",
    "gender": "female",
    "birth_date": date(1999, 1, 1),
    "company_name": 'Chez "Élo"',
    "phone": "+33612345678",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": "Flat 7",
    "postal_code": "75001",
    "latitude": Decimal("48.8589507"),
    "longitude": Decimal("2.2770205"),
    "delivery_notes": "Ring twice,\nthen wait",
    "phone_access_code": "1234",
}


@pytest.fixture
def person(customer_list: Any) -> Customer:
    return CustomerFactory(customer_list=customer_list, country="FR", city="Paris", **PERSON)


@pytest.fixture
def values(person: Customer, tmp_path: Path) -> Path:
    """The file of the values before; the person is anonymised afterwards."""
    file = tmp_path / "values.json"
    out = io.StringIO()
    call_command("prove_erasure", person.public_id, "--snapshot", stdout=out)
    file.write_text(out.getvalue())
    return file


@pytest.fixture
def erased(api: HubClient, person: Customer, values: Path) -> Customer:
    url = f"/customer_lists/{person.customer_list.public_id}/customers/{person.public_id}"
    assert api.post(f"{url}/anonymise").status_code == 200
    return person


def prove(customer: Customer, values: Path, *words: str) -> tuple[int, str]:
    """Run the command; return its status and what it printed."""
    out = io.StringIO()
    status = 0
    try:
        call_command(
            "prove_erasure", customer.public_id, "--values", str(values), *words, stdout=out
        )
    except SystemExit as end:
        status = int(end.code or 0)
    return status, out.getvalue()


def places(customer: Customer, values: Path) -> dict[str, set[str]]:
    """Return ``table.column`` of each place, with the fields found there."""
    status, printed = prove(customer, values, "--json")
    report = json.loads(printed)
    assert status == (1 if report["places"] else 0)
    check_secrecy(printed)
    found: dict[str, set[str]] = {}
    for place in report["places"]:
        assert place["key"]
        found.setdefault(f"{place['table']}.{place['column']}", set()).update(place["fields"])
    return found


def check_secrecy(printed: str) -> None:
    for value in ("dummy-mail", "612345678", "Élodie", "Champs", "Ring twice"):
        assert value not in printed


# --- nothing is left ----------------------------------------------------------------


def test_nothing_is_found_of_an_anonymised_customer(erased: Customer, values: Path) -> None:
    status, printed = prove(erased, values)

    assert status == 0
    assert "Nothing was found in" in printed
    assert "Many people share first_name" in printed
    check_secrecy(printed)


def test_before_anonymising_every_field_is_found(person: Customer, values: Path) -> None:
    found = places(person, values)

    row = {key.split(".")[1]: fields for key, fields in found.items()}
    assert set(row) == {*PERSON, "email_folded"}
    assert all({name} <= row[name] for name in PERSON)
    assert "is not anonymised" in prove(person, values)[1]


def test_a_namesake_is_no_trace(erased: Customer, values: Path) -> None:
    shared = ("first_name", "gender", "birth_date", "postal_code", "company_name")
    CustomerFactory(
        customer_list=erased.customer_list,
        last_name="Moore",
        **{name: PERSON[name] for name in shared},
    )

    assert places(erased, values) == {}


# --- planted leaks ------------------------------------------------------------------


def test_it_finds_an_order_with_its_snapshot_and_notes(
    bistro: Connection, erased: Customer, values: Path
) -> None:
    order = Order.objects.create(
        account=bistro.account,
        location=bistro.location,
        customer=erased,
        status="new",
        customer_snapshot={"first_name": "ÉLODIE", "gender": "female"},
        customer_notes="Call 06 12 34 56 78",
        items=[{"product_name": "A female coat", "options": [{"name": "x Élodie x"}]}],
    )

    assert places(erased, values) == {
        "orders_order.customer_snapshot": {"first_name", "gender"},
        "orders_order.customer_notes": {"phone"},
        "orders_order.items": {"first_name", "gender"},
    }
    assert f"orders_order.customer_notes (id {order.pk}" in prove(erased, values)[1]


def test_it_finds_an_order_that_lost_its_customer(
    bistro: Connection, erased: Customer, values: Path
) -> None:
    Order.objects.create(
        account=bistro.account,
        location=bistro.location,
        status="new",
        customer_snapshot={"first_name": "Élodie", "last_name": "O'Neil"},
    )

    assert places(erased, values) == {"orders_order.customer_snapshot": {"first_name", "last_name"}}


def event(bistro: Connection, **fields: Any) -> Event:
    return Event.objects.create(
        account=bistro.account,
        connection=bistro,
        event_type="update",
        version=1,
        **{"new_state": {}, "previous_state": None, **fields},
    )


def test_it_finds_states_of_events(bistro: Connection, erased: Customer, values: Path) -> None:
    event(
        bistro,
        resource_type="customer",
        resource_id=erased.pk,
        new_state={"postal_code": "75001"},
        previous_state={"delivery_notes": "Ring twice,\nthen wait", "company_name": 'Chez "Élo"'},
        acknowledged_at=timezone.now(),
    )

    assert places(erased, values) == {
        "callbacks_event.new_state": {"postal_code"},
        "callbacks_event.previous_state": {"delivery_notes", "company_name"},
    }


def test_it_finds_events_of_orders_and_their_attempts(
    bistro: Connection, erased: Customer, values: Path
) -> None:
    order = Order.objects.create(
        account=bistro.account, location=bistro.location, customer=erased, status="new"
    )
    told = event(
        bistro,
        resource_type="order",
        resource_id=order.pk,
        new_state={"customer": {"birth_date": "1999-01-01"}},
    )
    DeliveryAttempt.objects.create(
        account=bistro.account,
        event=told,
        started_at=timezone.now(),
        duration_ms=1,
        error="refused female",
    )

    assert places(erased, values) == {
        "callbacks_event.new_state": {"birth_date"},
        "callbacks_deliveryattempt.error": {"gender"},
    }


def test_it_finds_kept_answers(bistro: Connection, erased: Customer, values: Path) -> None:
    IdempotentAnswer.objects.create(
        account=bistro.account,
        connection=bistro,
        key="1",
        fingerprint=b"x" * 32,
        status=200,
        body=json.dumps({"id": erased.public_id, "first_name": "Élodie", "latitude": "48.8589507"}),
    )

    assert places(erased, values) == {"accounts_idempotentanswer.body": {"first_name", "latitude"}}


def test_it_finds_the_admins_log(erased: Customer, values: Path) -> None:
    LogEntry.objects.create(
        user=User.objects.create(username="boss"),
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=str(erased.pk),
        object_repr="Élodie O'Neil",
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"fields": [PERSON["address_1"]]}}]),
    )

    assert places(erased, values) == {
        "django_admin_log.object_repr": {"first_name", "last_name"},
        "django_admin_log.change_message": {"address_1"},
    }


@pytest.mark.parametrize("padding", ["", "x" * 2000])
def test_it_finds_sessions_packed_or_not(erased: Customer, values: Path, padding: str) -> None:
    session = SessionStore()
    session["draft"] = {"mail": PERSON["email"].upper(), "padding": padding}
    session.save()

    assert places(erased, values) == {"signin_session.session_data": {"email"}}


def test_it_finds_what_an_operation_says(erased: Customer, values: Path) -> None:
    post(LoyaltyCardFactory(customer=erased), "1", reason="Bonus for Élodie")

    assert places(erased, values) == {"loyalty_loyaltyoperation.reason": {"first_name"}}


def test_it_finds_the_same_person_in_another_list(
    rival: Connection, erased: Customer, values: Path
) -> None:
    CustomerFactory(customer_list__account=rival.account, email=PERSON["email"].lower())

    assert places(erased, values) == {
        "customers_customer.email": {"email"},
        "customers_customer.email_folded": {"email"},
    }


def test_it_searches_tables_that_are_not_ours(erased: Customer, values: Path) -> None:
    number = "0033 (6) 12-34.56/78"
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TABLE "Odd table"'
            ' (a bytea, b text[], c json, d char(90), "e %%" varchar, f varchar)'
        )
        try:
            cursor.execute(
                'INSERT INTO "Odd table" VALUES (%s, %s, %s, %s, %s, %s)',
                [
                    PERSON["email"].encode(),
                    ["x", number],
                    json.dumps({"a": json.dumps(PERSON["address_1"])}),
                    "https://x.org/?mail=%C3%89.Oneil%2B1%40dummy-mail.org",
                    PERSON["delivery_notes"],
                    f"<a>{PERSON['address_1'].upper()}</a>",
                ],
            )
            found = places(erased, values)
        finally:
            cursor.execute('DROP TABLE "Odd table"')

    assert found == {
        '"Odd table".a': {"email"},
        '"Odd table".b': {"phone"},
        '"Odd table".c': {"address_1"},
        '"Odd table".d': {"email"},
        '"Odd table".e %%': {"delivery_notes"},
        '"Odd table".f': {"address_1"},
    }


@pytest.mark.parametrize(
    "written",
    ["+33612345678", "33612345678", "0612345678", "06 12 34 56 78", "+33 (0)6.12.34.56.78"],
)
def test_a_phone_is_found_however_it_is_written(
    erased: Customer, tmp_path: Path, written: str
) -> None:
    given = tmp_path / "phone.json"
    given.write_text(json.dumps({"phone": "06 12 34 56 78"}))
    Customer.objects.filter(pk=erased.pk).update(custom_fields={"mobile": written})

    assert places(erased, given) == {"customers_customer.custom_fields": {"phone"}}


# --- the command --------------------------------------------------------------------


def test_the_snapshot_holds_what_will_be_erased_and_nothing_else(
    person: Customer, values: Path
) -> None:
    kept = json.loads(values.read_text())

    assert set(kept) == set(PERSON)
    assert kept["birth_date"] == "1999-01-01"
    assert kept["latitude"] == "48.8589507"


def test_a_customer_that_has_gone_can_still_be_searched_for(
    api: HubClient, person: Customer, values: Path
) -> None:
    api.delete(f"/customer_lists/{person.customer_list.public_id}")

    status, printed = prove(person, values)

    assert status == 0
    assert f"There is no customer {person.public_id} (any more)." in printed


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "must be one JSON object"),
        ('{"email": {"a": 1}}', "must be one JSON object"),
        ('{"email": ["a", ["b"]]}', "must be one JSON object"),
        ('{"email": null, "phone": "", "city": "Paris"}', "no value to search for"),
    ],
)
def test_wrong_values_end_with_status_2(
    person: Customer, tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)

    with pytest.raises(CommandError, match=sentence) as refused:
        prove(person, file)
    assert refused.value.returncode == 2


def test_wrong_names_end_with_status_2(person: Customer, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read") as unread:
        prove(person, tmp_path / "nowhere")
    with pytest.raises(CommandError, match="not the id of a customer") as unknown:
        call_command("prove_erasure", "ASDF", "--snapshot")

    assert unread.value.returncode == unknown.value.returncode == 2


def test_an_anonymised_customer_has_no_snapshot(erased: Customer) -> None:
    with pytest.raises(CommandError, match="nothing to keep") as refused:
        call_command("prove_erasure", erased.public_id, "--snapshot")

    assert refused.value.returncode == 2


def test_the_command_line_speaks_by_its_status(person: Customer, values: Path) -> None:
    names = ("dbname", "user", "password", "host", "port")
    words = {
        name: str(value)
        for name, value in connection.get_connection_params().items()
        if name in names and value
    }

    def run(*words_after: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "prove_erasure", *words_after],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "DATABASE_URL": url, "SECRET_KEY": "x", "DJANGO_SETTINGS_MODULE": s},
            input=values.read_text(),
            capture_output=True,
            text=True,
            check=False,
        )

    url, s = psycopg.conninfo.make_conninfo(**words), "hubcustomers.settings"
    found, usage = run(person.public_id, "--values", "-"), run(person.public_id)

    assert found.returncode == 1
    assert "customers_customer.email (id " in found.stdout
    assert usage.returncode == 2
    assert "--snapshot" in usage.stderr


def test_a_long_search_says_how_far_it_is(
    erased: Customer, values: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    monkeypatch.setattr(
        "customers.management.commands.prove_erasure.time.monotonic",
        iter(range(0, 10**6, 60)).__next__,
    )

    call_command("prove_erasure", erased.public_id, "--values", str(values), stderr=told)

    assert "searching customers_customer, 0 % done" in told.getvalue()
