"""Imports in the back-office: upload, name the columns, try, import, correct what was refused."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone

from accounts.factories import ConnectionFactory
from customers.factories import CustomerFactory
from customers.models import Customer
from customers.services import anonymise_customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, in_french, member_desk, staff, url
from loyalty.models import LoyaltyOperation
from transfer import jobs
from transfer.imports import saved_mapping, write
from transfer.jobs import Worker
from transfer.models import Job, RefusedRow, StagedRow

pytestmark = pytest.mark.django_db(transaction=True)

CSV = (
    "Code client;Prénom;Bonus;Sexe;<b>bold\n"
    "c-1;Élodie;13.5;female;\n"
    "c-2;<script>alert(1)</script>;;;\n"
    "c-3;=1+1;2;unknown;\n"
)


@pytest.fixture
def desk(bistro: Any) -> Desk:
    return member_desk(bistro.account)


def upload(desk: Desk, customer_list: Any, content: Any = CSV, name: str = "guests.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, data)
    return desk.post(url(customer_list)[:-7] + "import_file/", file=file)


def page_of(job: Job, page: str) -> str:
    return f"{url(job)[:-7]}{page}/"


def try_rows(desk: Desk, job: Job, **changes: Any) -> Any:
    form = {
        "column_0": "private_ref",
        "column_1": "first_name",
        "column_2": "card_balance",
        "column_3": "gender",
        "on_duplicate": "error",
        "client": "import",
        "reason": "Old points",
    }
    answer = desk.post(page_of(job, "columns"), **{**form, **changes})
    Worker().run(once=True)
    return answer


def test_a_file_is_uploaded_tried_and_imported(desk, customer_list) -> None:
    answer = upload(desk, customer_list)
    job = Job.objects.get()
    assert answer["Location"] == page_of(job, "columns")
    page = desk.get(answer["Location"]).content.decode()
    assert "Élodie" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>bold" not in page
    # Guessed from the names; "Bonus" may become a custom field.
    assert page.count("selected") >= 4
    assert "custom field “Bonus”" in page

    try_rows(desk, job)
    page = desk.get(url(job)).content.decode()
    assert not Customer.objects.exists()
    assert "this is what would happen" in page
    assert "“gender” must be one of: male, female" in page
    assert "Columns left out: &lt;b&gt;bold." in page
    assert "customers would be created" in page
    assert "customers would be created" in desk.get(page_of(job, "begin")).content.decode()
    Worker().run(once=True)
    assert not Customer.objects.exists()
    desk.post(page_of(job, "begin"))
    Worker().run(once=True)

    page = desk.get(url(job)).content.decode()
    assert "Import now" not in page
    assert "customers created" in page
    assert "would be" not in page
    assert "Columns left out: &lt;b&gt;bold." in page
    assert list(Customer.objects.order_by("pk").values_list("first_name", flat=True)) == [
        "Élodie",
        "<script>alert(1)</script>",
    ]
    assert LoyaltyOperation.objects.get().reason == "Old points"
    assert not StagedRow.objects.exists()
    assert saved_mapping(customer_list)["Bonus"] == "card_balance"
    entry = AuditEntry.objects.get(action="imported")
    assert (entry.resource_id, entry.user_name) == (customer_list.pk, desk.user.username)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "gender must be one of: male, female; city must be a string",
            "« sexe » doit être l’un de : male, female ; « ville » doit être un texte",
        ),
        ("private_ref has already been taken", "« référence privée » existe déjà"),
        ("loyalty_cards.name can't be blank", "« autres cartes (JSON) » ne peut pas être vide"),
        ("has 3 cells, the header has 5", "a 3 cellules, l’en-tête en a 5"),
        ("the row says nothing about a customer", "la ligne ne dit rien d’un client"),
        ("what nobody ever said; not even here", "what nobody ever said ; not even here"),
    ],
)
def test_why_rows_were_refused_is_read_in_french_by_the_names_of_the_page(
    reason, told, desk, customer_list
) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    try_rows(desk, job)
    RefusedRow.objects.update(reason=reason)

    page = html.unescape(in_french(desk).get(url(job)).content.decode())

    assert told in page.replace("\u00a0", " ")
    answer = desk.post(page_of(job, "refused"))
    assert reason.partition(";")[0] in b"".join(answer.streaming_content).decode()


def test_refused_rows_come_as_a_file_that_imports_again(desk, customer_list) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    try_rows(desk, job)
    desk.post(page_of(job, "begin"))
    Worker().run(once=True)

    assert "Download" in desk.get(page_of(job, "refused")).content.decode()
    answer = desk.post(page_of(job, "refused"))

    assert 'filename="guests.refused.csv"' in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[1].startswith("c-3;'=1+1;2;unknown;;")
    upload(desk, customer_list, text.replace("unknown", "male"), "again.csv")
    again = Job.objects.latest("pk")
    # The saved mapping names the columns.
    fields = {f"column_{n}": name for n, name in enumerate(again.options["layout"]["columns"])}
    assert fields["column_5"] == "reason"
    try_rows(desk, again, column_5="")
    desk.post(page_of(again, "begin"))
    Worker().run(once=True)
    assert Customer.objects.filter(first_name="=1+1").count() == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"email\n\xe9\n", "not UTF-8"),
        (b"email,email\na,b\n", "appears twice"),
        (b"email\na\0b\n", "NUL"),
        (b'email\n"open\n', "never closed"),
        (b"", "empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(content, sentence, desk, customer_list) -> None:
    answer = upload(desk, customer_list, content)

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Job.objects.exists()


def test_faults_of_a_file_are_told_in_the_language_of_the_page(desk, customer_list) -> None:
    desk.http.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"

    assert (
        "deux fois dans la première ligne"
        in upload(desk, customer_list, b"email,email\na,b\n").content.decode()
    )
    upload(desk, customer_list)
    answer = try_rows(desk, Job.objects.get(), column_1="private_ref")
    assert "Deux colonnes ne peuvent pas" in answer.content.decode()


def test_a_file_above_the_limit_is_told(desk, customer_list, settings) -> None:
    settings.IMPORT_MAX_BYTES = 10

    assert "larger than 0 MB" in upload(desk, customer_list).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"column_1": "private_ref"}, "Two columns cannot both be private_ref."),
        ({f"column_{n}": "" for n in range(5)}, "Nothing would be imported."),
        ({"column_0": "", "on_duplicate": "skip"}, "By what are customers found?"),
        ({"match": "email"}, "No column is email"),
        ({"column_0": "nonsense"}, "Select a valid choice"),
        ({"client": "somebody else"}, "Select a valid choice"),
    ],
)
def test_what_does_not_go_together_is_told(changes, sentence, desk, customer_list) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()

    answer = try_rows(desk, job, **changes)

    assert sentence in answer.content.decode()
    job.refresh_from_db()
    assert job.state == "draft"


def test_a_worker_that_lost_its_import_takes_nothing_from_the_next(desk, customer_list) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    Job.objects.update(state="queued")
    first = jobs.claim()
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = jobs.claim()
    assert (first.pk, second.pk) == (job.pk, job.pk)
    rows = StagedRow.objects.count()

    jobs.fail(first, "The disk is full.")

    job.refresh_from_db()
    assert (job.state, job.error, StagedRow.objects.count()) == ("running", "", rows)
    jobs.fail(second, "The disk is full.")
    job.refresh_from_db()
    assert (job.state, StagedRow.objects.count()) == ("failed", 0)


def test_only_what_was_tried_is_imported_and_only_once(desk, customer_list) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    desk.post(page_of(job, "begin"))
    Worker().run(once=True)
    assert not Customer.objects.exists()

    try_rows(desk, job)
    desk.post(page_of(job, "begin"))
    desk.post(page_of(job, "begin"))
    Worker().run(once=True)

    assert Customer.objects.count() == 2
    assert AuditEntry.objects.filter(action="imported").count() == 1


def test_clients_of_other_accounts_are_not_offered(desk, customer_list, rival, bistro) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    ConnectionFactory(account=bistro.account, client__name="Our till")

    page = desk.get(page_of(job, "columns")).content.decode()

    assert "Our till" in page
    assert rival.client.name not in page


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_import(role, customer_list, bistro, desk) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    other = member_desk(bistro.account, role=role)

    assert upload(other, customer_list).status_code == 403
    for page in ("columns", "begin", "refused"):
        assert other.http.post(page_of(job, page)).status_code == 403
    assert Job.objects.count() == 1


def test_staff_of_another_account_reach_nothing(customer_list, rival, desk) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    stranger = Desk(staff("stranger", rival.account))

    assert upload(stranger, customer_list).status_code in (403, 404)
    for page in ("columns", "begin", "refused"):
        assert stranger.http.post(page_of(job, page)).status_code in (403, 404)


def test_refused_rows_are_sent_only_to_who_proved_who_they_are(customer_list, bistro, desk) -> None:
    upload(desk, customer_list)
    job = Job.objects.get()
    try_rows(desk, job)
    unproven = Desk(desk.user, proven=False)

    answer = unproven.post(page_of(job, "refused"))

    assert "security/confirm" in answer["Location"]
    assert RefusedRow.objects.count() == 1


def test_no_cursor_stays_open_while_a_batch_is_written(desk, customer_list, monkeypatch) -> None:
    """One that garbage collection closes later blocks the worker in the middle of a statement."""
    monkeypatch.setattr("transfer.imports.BATCH_ROWS", 3)
    rows = [f"c-{number},Ann" for number in range(8)]
    upload(desk, customer_list, "\n".join(["Code client,Prénom", *rows, "c-1,Bea", ""]))
    opened = []

    def noting(*args: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors WHERE name <> ''")
            opened.append(cursor.fetchone()[0])
        write(*args)

    monkeypatch.setattr("transfer.uploaded.write", noting)
    columns = {"column_2": "", "column_3": ""}
    job = Job.objects.get()
    try_rows(desk, job, **columns)
    desk.post(page_of(job, "begin"))
    Worker().run(once=True)

    job.refresh_from_db()
    assert (job.state, job.counts["created"], job.counts["refused"]) == ("done", 8, 1)
    assert opened == [0] * 6


# --- a file without a header ------------------------------------------------------------


@pytest.mark.parametrize("cell", ["marie@example.com", "06 12 34 56 78", "+33612345678"])
def test_a_first_line_that_is_a_customer_is_told(cell, desk, customer_list) -> None:
    answer = upload(desk, customer_list, f"Marie,Dupont,{cell}\nPaul,Petit,\n")

    assert "it is a customer already" in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("cancelled", [True, False])
def test_columns_that_are_called_like_somebody_go_with_the_person(
    cancelled, desk, customer_list
) -> None:
    upload(desk, customer_list, "Mail,Marie,Dupont,Anything\na@b.fr,Paul,Petit,1\n")
    job = Job.objects.get()
    fields = {"column_0": "email", "column_1": "first_name", "column_2": "last_name"}
    try_rows(desk, job, **fields, column_3="")
    if cancelled:
        jobs.cancel(job)
    person = CustomerFactory(customer_list=customer_list, first_name="Marie", last_name="Dupont")

    with transaction.atomic():
        anonymise_customer(person)

    job.refresh_from_db()
    names = ["Mail", "(erased 2)", "(erased 3)", "(erased 4)"]
    assert job.options["layout"]["columns"] == names
    assert job.options["fields"] == dict(
        zip(names, ["email", "first_name", "last_name", ""], strict=True)
    )
    assert saved_mapping(customer_list) == {"Mail": "email"}
    assert desk.get(url(job)).status_code == 200
    assert desk.get(page_of(job, "columns")).status_code == 200
    assert "Dupont" not in desk.get(url(job)).content.decode()
