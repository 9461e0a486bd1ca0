"""``manage.py import_customers``: what a file says is in the list afterwards."""

import errno
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Client
from callbacks.factories import CallbackFactory
from callbacks.models import Event
from customers import services
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers import exact_json
from hubcustomers.tests.desk import settle
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard, LoyaltyOperation
from transfer.models import Job, RefusedRow
from transfer.tests.commands import import_file, told, write_csv, write_jsonl


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def refused(file: Path) -> list[str]:
    """Return the lines of the file of refused rows."""
    path = file.with_name(f"{file.stem}.refused{file.suffix}")
    return path.read_text(encoding="utf-8").splitlines()


def test_it_imports_customers_with_refs_and_cards(customer_list, file) -> None:
    write_csv(
        file,
        "Code client;Prénom;Nom;E-mail;Téléphone;CP;Ville;Pays;Newsletter;N° carte;Solde;Âge",
        "c-1;Élodie;O'Neil;elodie@example.com;06 12 34 56 78;75001;Paris;FR;oui;av-1;13,5;31",
        "c-2;Jo;;;;;;;;;;",
        "c-3;Max;Muster;;0711 123456;;;DE;non;av-3;-2.25;",
    )

    ended = import_file(file, customer_list)

    # 13,5 is no number to the API either.
    assert ended.status == 1
    assert ';"card_balance must be a decimal number in plain notation' in refused(file)[1]
    assert "Columns left out: Âge." in ended.out
    settle()
    jo, maximilian = Customer.objects.order_by("pk")
    assert (jo.first_name, jo.last_name, jo.phone, jo.email_marketing) == ("Jo", None, None, False)
    assert (maximilian.phone, maximilian.country) == ("+49711123456", "DE")
    card = LoyaltyCard.objects.get()
    assert (card.customer, card.name, card.ref, card.balance) == (
        maximilian,
        "",
        "av-3",
        Decimal("-2.25"),
    )
    operation = LoyaltyOperation.objects.get()
    assert (operation.sequence, operation.delta, operation.new_balance, operation.reason) == (
        1,
        Decimal("-2.25"),
        Decimal("-2.25"),
        "Opening balance",
    )
    ref = CustomerPrivateRef.objects.get(customer=jo)
    assert (ref.ref, ref.client) == ("c-2", Client.objects.get(name="import"))


def test_the_corrected_file_of_refused_rows_imports_again(customer_list, file) -> None:
    write_csv(file, "private_ref,gender,email", "a,male,=1+1@x", "b,m,'=2@x", "c,,x@x")
    assert import_file(file, customer_list).status == 1
    path = file.with_name("customers.refused.csv")
    assert refused(file) == [
        "private_ref,gender,email,reason",
        'b,m,\'=2@x,"gender must be one of: male, female"',
    ]
    path.write_text(path.read_text().replace(",m,", ",male,"))

    ended = import_file(path, customer_list)

    assert ended.status == 0
    assert [(row["private_ref"], row["email"]) for row in told(customer_list)] == [
        ("a", "=1+1@x"),
        ("c", "x@x"),
        ("b", "=2@x"),
    ]


def test_the_import_leaves_nothing_of_the_rows_behind(customer_list, file) -> None:
    write_csv(file, "email,gender", "a@example.com,male", "b@example.com,who")

    import_file(file, customer_list)

    job = Job.objects.get()
    assert (job.state, job.done, job.counts["created"], job.counts["refused"]) == ("done", 2, 1, 1)
    assert not RefusedRow.objects.exists()


def test_columns_are_named_by_hand_and_remembered(customer_list, file) -> None:
    write_csv(file, "Who=is,Mail,When", "Jo,jo@example.com,2000-02-29")
    words = ["--map", "Who=is=first_name", "--map", "When=birth_date", "--map", "Mail=-"]
    assert import_file(file, customer_list, *words).status == 0

    write_csv(file, "When,Who=is,City,custom_fields.vip", "1999-01-01,Al,Lyon,yes")
    assert import_file(file, customer_list).status == 0

    first, second = Customer.objects.order_by("pk")
    assert (first.first_name, first.email, str(first.birth_date)) == ("Jo", None, "2000-02-29")
    assert (second.first_name, str(second.birth_date), second.city) == ("Al", "1999-01-01", "Lyon")
    assert second.custom_fields == {"vip": "yes"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--map", "Nope=email"], "The file has no column 'Nope'."),
        (["--map", "Mail=mail_box"], "There is no field 'mail_box'."),
        (["--map", "Mail"], "--map must be COLUMN=FIELD, not 'Mail'."),
        (["--map", "Mail=phone", "--map", "Tel=phone"], "Two columns cannot both be phone."),
        (["--map", "Mail=-", "--map", "Tel=-"], "Nothing would be imported."),
        (["--match", "private_ref"], "No column is private_ref, by which"),
        (["--on-duplicate", "skip"], "By what are customers found?"),
        (["--client", ""], "--client: "),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_written(words, sentence, customer_list, file) -> None:
    write_csv(file, "Mail,Tel", "a@example.com,0612345678")

    ended = import_file(file, customer_list, *words)

    assert ended.status == 2
    assert sentence in ended.err
    assert not Customer.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_would_fail_at_the_end_is_told_at_the_beginning(more, customer_list, file) -> None:
    write_csv(file, "private_ref,gender", "c-1,x", "c-2,")
    before = file.read_text()

    for words, sentence in (
        (["--refused", file], "--refused must name another file"),
        (["--refused", file.parent / "nowhere" / "x.csv"], "cannot be written"),
        (["--reason", "x" * 1001], "--reason is too long (maximum is 1000 characters)"),
        (["--reason", "a\0b"], "--reason contains characters that cannot be stored"),
    ):
        ended = import_file(file, customer_list, *words, *more)

        assert (ended.status, sentence in ended.err) == (2, True), ended
        assert file.read_text() == before
        assert not Customer.objects.exists()


def test_the_refused_rows_are_written_before_anything_is_said(customer_list, file) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    write_csv(file, "private_ref,gender", "c-1,x", "c-2,")

    with pytest.raises(OSError, match="No space"):
        call_command("import_customers", str(file), list=customer_list.public_id, stdout=Gone())

    assert "gender" in refused(file)[1]


def test_an_unknown_list_or_file_is_told(customer_list, file, db) -> None:
    ended = import_file(file, customer_list)
    assert (ended.status, "cannot be read: No such file" in ended.err) == (2, True)

    write_csv(file, "email", "a@example.com")
    ended = import_file(file, CustomerList(pk=customer_list.pk + 1))
    assert (ended.status, "There is no customer list" in ended.err) == (2, True)


# --- rows that break rules --------------------------------------------------------------

FAULTS = [
    ({"email": "x" * 256}, "email is too long (maximum is 255 characters)"),
    ({"email": "a\nb"}, "email contains characters that cannot be stored"),
    ({"first_name": 7}, "first_name must be a string"),
    ({"gender": "man"}, "gender must be one of: male, female"),
    ({"birth_date": "31/12/1999"}, "birth_date must be a date in the form YYYY-MM-DD"),
    ({"country": "XX"}, "country must be a two-letter country code of ISO 3166-1"),
    ({"latitude": "91"}, "latitude must be between -90 and 90"),
    ({"sms_marketing": "maybe"}, "sms_marketing must be true or false"),
    ({"custom_fields": {"a": "x" * 8190}}, "custom_fields is too large (maximum is 8 KB as JSON)"),
    ({"created_at": "yesterday"}, "created_at must be a time in the form"),
    ({"card_ref": "x" * 256}, "card_ref is too long (maximum is 255 characters)"),
    ({"card_balance": "1e3"}, "card_balance must be a decimal number in plain notation"),
    ({"card_balance": "1" * 15}, "card_balance has more digits than are kept"),
    ({"loyalty_cards": "x"}, "loyalty_cards must be an array of objects"),
    (
        {"card_name": "a", "loyalty_cards": [{"name": "a"}]},
        "loyalty_cards.name has already been taken",
    ),
    ({"unknown": "x"}, "the row says nothing about a customer"),
    ("no JSON", "the line is not a JSON object"),
]


def test_every_fault_is_told_in_the_words_of_the_api(customer_list, tmp_path) -> None:
    good = {"email": "good@example.com"}
    path = write_jsonl(tmp_path / "x.jsonl", [good, *(row for row, _ in FAULTS)])

    ended = import_file(path, customer_list)

    assert ended.status == 1
    assert Customer.objects.get().email == "good@example.com"
    reasons = [exact_json.loads(line)["reason"] for line in refused(path)]
    for reason, (row, sentence) in zip(reasons, FAULTS, strict=True):
        assert sentence in reason, row


def test_rows_with_too_many_or_too_few_cells_are_refused(customer_list, file) -> None:
    write_csv(file, "email,city", "a@example.com,Paris,extra", "b@example.com", "c@x,Lyon,", "")

    assert import_file(file, customer_list).status == 1

    assert refused(file)[1:] == [
        'a@example.com,Paris,"has 3 cells, the header has 2",extra',
        'b@example.com,,"has 1 cells, the header has 2"',
    ]
    assert Customer.objects.get().city == "Lyon"


# --- customers that exist ---------------------------------------------------------------


@pytest.fixture
def known(customer_list: CustomerList) -> Customer:
    """A customer with a ref of the import's, and what is to be changed or kept."""
    customer = CustomerFactory(
        customer_list=customer_list,
        email="Jo@Example.com",
        phone="+33612345678",
        city="Paris",
        custom_fields={"a": 1, "b": 2},
    )
    client = Client.objects.create(name="import", client_id="import")
    CustomerPrivateRef.objects.create(
        account=customer.account,
        customer_list=customer_list,
        customer=customer,
        client=client,
        ref="c-1",
    )
    return customer


MATCHING = [("private_ref", "c-1"), ("email", "jo@example.COM"), ("phone", "06 12 34 56 78")]


@pytest.mark.parametrize(("match", "value"), MATCHING)
def test_a_customer_that_exists_is_updated(match, value, known, customer_list, tmp_path) -> None:
    row = {"city": "Lyon", "address_1": None, "custom_fields": {"a": None, "c": "3"}}
    path = write_jsonl(tmp_path / "x.jsonl", [{match: value, **row}])

    ended = import_file(path, customer_list, "--match", match, "--on-duplicate", "update")

    assert ended.status == 0
    known.refresh_from_db()
    assert (known.city, known.custom_fields) == ("Lyon", {"b": 2, "c": "3"})
    assert known.first_name == "Jimmy"
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(("match", "value"), MATCHING)
def test_a_customer_that_exists_is_skipped(match, value, known, customer_list, file) -> None:
    write_csv(file, f"{match},city", f"{value},Lyon", "new,Nice")

    ended = import_file(file, customer_list, "--match", match, "--on-duplicate", "skip")

    assert ended.status == 0
    assert [row["city"] for row in told(customer_list)] == ["Paris", "Nice"]


@pytest.mark.parametrize(("match", "value"), MATCHING)
def test_a_customer_that_exists_is_an_error(match, value, known, customer_list, file) -> None:
    write_csv(file, f"{match},city", f"{value},Lyon", "new,Nice")

    ended = import_file(file, customer_list, "--match", match)

    assert ended.status == 1
    assert [row["city"] for row in told(customer_list)] == ["Paris", "Nice"]
    taken = "has already been taken" if match == "private_ref" else "belongs to a customer"
    assert taken in refused(file)[1]


def test_empty_cells_change_nothing_and_an_apostrophe_empties(known, customer_list, file) -> None:
    write_csv(file, "private_ref,city,email,phone", "c-1,,',0612345679")

    assert import_file(file, customer_list, "--on-duplicate", "update").status == 0

    known.refresh_from_db()
    assert (known.city, known.email, known.phone) == ("Paris", None, "+33612345679")


def test_an_anonymised_customer_keeps_nothing_of_an_update(known, customer_list, file) -> None:
    services.anonymise_customer(known)
    write_csv(file, "private_ref,city,email", "c-1,Lyon,jo@example.com")

    assert import_file(file, customer_list, "--on-duplicate", "update").status == 0

    known.refresh_from_db()
    assert (known.anonymised, known.city, known.email) == (True, "Lyon", None)


def test_an_import_does_not_anonymise_who_exists(known, customer_list, file) -> None:
    write_csv(file, "private_ref,anonymised", "c-1,true")

    assert import_file(file, customer_list, "--on-duplicate", "update").status == 1

    known.refresh_from_db()
    assert not known.anonymised
    assert "can only be imported with a new customer" in refused(file)[1]


def test_an_update_gives_cards_and_moves_no_balance(known, customer_list, tmp_path) -> None:
    LoyaltyCardFactory(customer=known, name="old", ref="av-1")
    cards = [
        {"name": "old", "ref": "av-1", "balance": "100"},
        {"name": "new", "ref": "av-2", "balance": "5"},
    ]
    path = write_jsonl(tmp_path / "x.jsonl", [{"private_ref": "c-1", "loyalty_cards": cards}])

    assert import_file(path, customer_list, "--on-duplicate", "update").status == 0

    settle()
    kept = LoyaltyCard.objects.order_by("pk").values_list("name", "balance")
    assert list(kept) == [("old", 0), ("new", 5)]


def test_rows_of_one_file_follow_each_other(customer_list, tmp_path) -> None:
    rows: list[Any] = [
        {"private_ref": "a", "city": "Paris", "card_ref": "1"},
        {"private_ref": "b", "card_ref": "1"},
        {"private_ref": "a", "city": "Lyon", "card_name": "second", "card_ref": "2"},
        {"private_ref": "b", "card_ref": "3", "card_balance": "7"},
        {"private_ref": "a", "first_name": "Al"},
    ]
    path = write_jsonl(tmp_path / "x.jsonl", rows)

    ended = import_file(path, customer_list, "--on-duplicate", "update")

    settle()
    assert ended.status == 1
    assert [
        (row["private_ref"], row["city"], row["first_name"], row["loyalty_cards"])
        for row in told(customer_list)
    ] == [
        (
            "a",
            "Lyon",
            "Al",
            [
                {"name": "", "ref": "1", "balance": "0.0"},
                {"name": "second", "ref": "2", "balance": "0.0"},
            ],
        ),
        ("b", None, None, [{"name": "", "ref": "3", "balance": "7.0"}]),
    ]
    assert '"reason":"card_ref has already been taken"' in refused(path)[0]


def test_a_ref_of_somebody_else_is_refused(known, customer_list, file) -> None:
    write_csv(file, "private_ref,email", "c-1,other@example.com", "c-2,jo@example.com")

    ended = import_file(file, customer_list, "--match", "email", "--on-duplicate", "update")

    assert ended.status == 1
    assert "private_ref has already been taken" in refused(file)[1]
    assert told(customer_list)[0]["private_ref"] == "c-2"


def test_what_several_customers_share_updates_none(known, customer_list, file) -> None:
    CustomerFactory(customer_list=customer_list, email="jo@example.com")
    write_csv(file, "email,city", "jo@example.com,Lyon")

    ended = import_file(file, customer_list, "--match", "email", "--on-duplicate", "update")

    assert ended.status == 1
    assert "email belongs to several customers of the list" in refused(file)[1]


def test_other_lists_and_clients_are_no_matter(known, rival, file) -> None:
    other = CustomerListFactory(account=rival.account)
    write_csv(file, "private_ref,email", "c-1,jo@example.com")

    assert import_file(file, other).status == 0
    assert import_file(file, known.customer_list, "--client", "other").status == 0

    assert Customer.objects.filter(customer_list=other).count() == 1
    assert known.private_refs.count() == 1


# --- dry run, events --------------------------------------------------------------------


def test_a_dry_run_counts_and_writes_nothing(known, customer_list, tmp_path) -> None:
    rows = [
        {"private_ref": "c-1", "city": "Lyon"},
        {"private_ref": "c-2", "card_ref": "1"},
        {"private_ref": "c-2", "city": "Nice"},
        {"private_ref": "c-3", "card_ref": "1"},
        {"private_ref": "c-4", "gender": "x"},
    ]
    path = write_jsonl(tmp_path / "x.jsonl", rows)
    before = told(customer_list)

    ended = import_file(path, customer_list, "--on-duplicate", "update", "--dry-run")

    assert ended.status == 1
    counts = [line.split()[-1] for line in ended.out.splitlines()[1:6]]
    assert counts == ["1", "2", "0", "1", "2"]
    assert told(customer_list) == before
    assert len(refused(path)) == 2
    assert not Job.objects.exists()


@pytest.mark.parametrize("events", [True, False])
def test_events_are_told_where_asked(events, known, customer_list, account_api, file) -> None:
    CallbackFactory(connection=account_api.connection, events={"customer": ["create", "update"]})
    write_csv(file, "private_ref,city,card_ref", "c-1,Lyon,av-1", "c-2,Nice,", "c-1,Paris,")

    words = ["--on-duplicate", "update", *(["--events"] if events else [])]
    assert import_file(file, customer_list, *words).status == 0

    settle()
    expected = [("update", "Lyon"), ("create", "Nice"), ("update", "Paris")] if events else []
    told_of = Event.objects.order_by("pk").values_list("event_type", "new_state__city")
    assert sorted(told_of) == sorted(expected)


def test_the_planner_hears_of_tables_that_grow(customer_list, file, monkeypatch) -> None:
    monkeypatch.setattr("transfer.imports._FIRST_COUNT", 3)
    write_csv(file, "private_ref,card_ref", *(f"{n},{n}" for n in range(5)))

    assert import_file(file, customer_list).status == 0

    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'loyalty_loyaltycard'")
        assert cursor.fetchone()[0] >= 5


# --- batches that are tried without looking first ---------------------------------------


def statements(captured: CaptureQueriesContext, beginning: str) -> int:
    """Return how many statements begin so."""
    return sum(query["sql"].lstrip().startswith(beginning) for query in captured)


def test_batches_of_new_customers_are_written_without_looking_first(
    customer_list, file, monkeypatch
) -> None:
    monkeypatch.setattr("transfer.imports.BATCH_ROWS", 3)
    write_csv(file, "private_ref,card_ref", *(f"c-{n},av-{n}" for n in range(9)))

    with CaptureQueriesContext(connection) as captured:
        assert import_file(file, customer_list).status == 0

    assert statements(captured, "INSERT INTO customers_customer\n") == 3
    assert statements(captured, "UPDATE transfer_row") == 0


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param(("c-2,av-x", "private_ref has already been taken"), id="private-ref"),
        pytest.param(("c-x,av-2", "card_ref has already been taken"), id="card-ref"),
    ],
)
def test_once_a_ref_was_taken_the_rest_is_looked_up_first(
    taken, customer_list, file, monkeypatch
) -> None:
    monkeypatch.setattr("transfer.imports.BATCH_ROWS", 3)
    row, reason = taken
    lines = [f"c-{n},av-{n}" for n in range(8)]
    # In the second batch and in the third; what they repeat is in the first.
    lines[4:4], lines[8:8] = [row], [row]
    write_csv(file, "private_ref,card_ref", *lines)

    with CaptureQueriesContext(connection) as captured:
        ended = import_file(file, customer_list)

    settle()
    assert ended.status == 1
    assert [row["private_ref"] for row in told(customer_list)] == [f"c-{n}" for n in range(8)]
    assert [line.rpartition(",")[2] for line in refused(file)[1:]] == [reason, reason]
    # Four batches, one of them twice.
    assert statements(captured, "INSERT INTO customers_customer\n") == 5
    assert statements(captured, "UPDATE transfer_row") > 0
