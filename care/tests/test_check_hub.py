"""``manage.py check_hub``: what it finds, what it says, and how it ends."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from accounts.factories import ClientFactory
from accounts.models import Client, Connection
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.models import Event
from care import findings, schema
from care.management.commands import check_hub
from hubcustomers.observing.pulse import Pulse
from transfer.factories import JobFactory
from transfer.models import Job, State

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def made() -> schema.Made:
    """What the migrations make, read once."""
    return schema.Made()


@pytest.fixture(autouse=True)
def _well(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, made: schema.Made
) -> None:
    """Make everything fine that is not in a test database."""
    settings.SECRET_KEY = settings.ENCRYPTION_KEY = "k" * 50
    settings.DATA_DIR = tmp_path
    settings.CALLBACK_ALLOW_PRIVATE = False
    monkeypatch.setattr(findings, "MUST_BE_ON", ("enable_seqscan",))
    if not made.by:
        read = schema.made_by_migrations()
        made.by, made.bodies = read.by, read.bodies
    monkeypatch.setattr(schema, "made_by_migrations", lambda: made)
    for kind in ("deliver_events", "run_jobs"):
        Pulse(kind).beat()
    name = "hub-20991231T000000Z"
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / f"{name}.dump").touch()
    (tmp_path / "backups" / f"{name}.json").touch()


def run(tmp_path: Path, *words: str) -> tuple[int, str]:
    """Return the exit status and what was printed."""
    out = StringIO()
    try:
        call_command("check_hub", f"--backups={tmp_path / 'backups'}", *words, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def not_fine(tmp_path: Path) -> list[dict[str, str]]:
    """Return what is not fine."""
    status, text = run(tmp_path, "--json")
    report = json.loads(text)
    assert status == {"fine": 0, "warning": 1, "broken": 2}[report["status"]]
    return [found for found in report["findings"] if found["level"] != "fine"]


def the_one(tmp_path: Path, level: str) -> dict[str, str]:
    (found,) = not_fine(tmp_path)
    assert found["level"] == level
    assert found["todo"]
    return found


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_hub_that_is_well(tmp_path: Path, bistro: Connection) -> None:
    status, text = run(tmp_path)

    assert status == 0, text
    assert {line.split()[0] for line in text.splitlines()} == {"ok"}
    assert "tables, triggers, constraints and indexes are in place" in text


# --- the database -------------------------------------------------------------------


def test_a_setting_that_loses_points_is_broken(tmp_path: Path) -> None:
    execute("SET LOCAL enable_seqscan = off")

    assert "enable_seqscan = off" in the_one(tmp_path, "broken")["text"]


def test_so_is_a_role_whose_triggers_do_not_run(tmp_path: Path) -> None:
    execute("SET LOCAL session_replication_role = replica")

    assert "no trigger of the hub runs" in the_one(tmp_path, "broken")["text"]


def test_a_migration_that_waits_is_named_and_tables_are_not_asked(tmp_path: Path) -> None:
    execute("DELETE FROM django_migrations WHERE name = '0002_guards' AND app = 'loyalty'")

    found = the_one(tmp_path, "broken")
    assert "loyalty.0002_guards" in found["text"]
    assert found["todo"] == "Run manage.py migrate."


def test_an_empty_database_is_told(tmp_path: Path) -> None:
    execute("ALTER TABLE django_migrations RENAME TO elsewhere")

    assert the_one(tmp_path, "broken")["text"] == "The database is empty."


def test_a_newer_database_is_a_warning(tmp_path: Path) -> None:
    execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('loyalty', '9999_new', now())"
    )

    assert "loyalty.9999_new" in the_one(tmp_path, "warning")["text"]


def test_a_database_that_is_away_ends_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Any:
        raise OperationalError("nobody answers")

    monkeypatch.setattr(
        check_hub, "all_checks", lambda backups: [("database", refuse), ("disk", refuse)]
    )

    assert the_one(tmp_path, "broken")["check"] == "database"


# --- rules that somebody took out ---------------------------------------------------


def test_the_migrations_make_what_is_there_and_nothing_else(made: schema.Made) -> None:
    there = set(schema._things(schema._THINGS))

    strange = {
        str(thing)
        for thing in there - made.by.keys()
        # Django's own table, what PostgreSQL keeps triggers with, and keys' indexes.
        if "django_migrations" not in str(thing) and thing.kind != "index"
        if not thing.name.endswith("_trg")
    }
    assert strange == set()
    assert made.by.keys() - there == set()


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (
            "DROP TRIGGER loyalty_operation_update_trg ON loyalty_loyaltyoperation",
            "The trigger loyalty_operation_update_trg on loyalty_loyaltyoperation is missing.",
        ),
        (
            "ALTER TABLE loyalty_loyaltyoperation DISABLE TRIGGER loyalty_operation_update_trg",
            "The trigger loyalty_operation_update_trg on loyalty_loyaltyoperation is switched off.",
        ),
        (
            "CREATE OR REPLACE FUNCTION loyalty_operation_append_only() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "The function loyalty_operation_append_only is not as the migrations make it.",
        ),
        (
            "ALTER TABLE loyalty_loyaltycard DROP CONSTRAINT loyalty_card_customer_name_uniq",
            "The constraint loyalty_card_customer_name_uniq on loyalty_loyaltycard is missing.",
        ),
        (
            "ALTER TABLE customers_customerlist DROP CONSTRAINT customers_customerlist_name_excl",
            "The constraint customers_customerlist_name_excl on customers_customerlist is missing.",
        ),
        (
            "DROP INDEX loyalty_operation_voids_uniq",
            "The index loyalty_operation_voids_uniq on loyalty_loyaltyoperation is missing.",
        ),
    ],
)
def test_a_rule_that_nobody_keeps_is_found_by_name(tmp_path: Path, sql: str, text: str) -> None:
    execute(sql)

    found = the_one(tmp_path, "broken")
    assert found["text"] == text
    assert "check_ledger" in found["todo"]


def test_the_migration_that_makes_it_is_named(tmp_path: Path) -> None:
    execute("DROP TRIGGER loyalty_operation_delete_trg ON loyalty_loyaltyoperation")

    assert "loyalty.0004_keep_by_statement" in the_one(tmp_path, "broken")["todo"]


def test_a_foreign_trigger_is_a_warning(tmp_path: Path) -> None:
    execute(
        "CREATE TRIGGER theirs BEFORE UPDATE ON loyalty_loyaltycard"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )

    text = the_one(tmp_path, "warning")["text"]
    assert text == "The trigger theirs on loyalty_loyaltycard is not the hub's."


# --- settings and keys --------------------------------------------------------------


def test_debugging_is_broken(tmp_path: Path, settings: Any) -> None:
    settings.DEBUG = True

    assert "DEBUG is on" in the_one(tmp_path, "broken")["text"]


def test_callbacks_to_private_networks_are_a_warning(tmp_path: Path, settings: Any) -> None:
    settings.CALLBACK_ALLOW_PRIVATE = True

    assert "private networks" in the_one(tmp_path, "warning")["text"]


@pytest.mark.parametrize("key", ["short", "changeme" * 10, "django-insecure-" + "x" * 50])
def test_a_weak_key_is_broken(tmp_path: Path, settings: Any, key: str) -> None:
    settings.SECRET_KEY = key

    assert the_one(tmp_path, "broken")["check"] == "key"


def test_so_is_a_key_file_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch(0o644)

    assert "Others on this machine can read" in the_one(tmp_path, "broken")["text"]


def test_so_is_a_key_that_opens_nothing(tmp_path: Path) -> None:
    Client.objects.filter(pk=ClientFactory().pk).update(sealed_secret="sealed by another")

    assert "encrypted with another key" in the_one(tmp_path, "broken")["text"]


# --- workers ------------------------------------------------------------------------


def test_a_silent_worker_is_a_warning(tmp_path: Path) -> None:
    execute(
        "UPDATE hubcustomers_workerpulse SET seen_at = now() - interval '2 minutes'"
        " WHERE kind = 'run_jobs'"
    )

    assert the_one(tmp_path, "warning")["text"] == "Nobody runs run_jobs."


def test_it_is_broken_where_work_waits(tmp_path: Path, customer_list: Any) -> None:
    execute("DELETE FROM hubcustomers_workerpulse WHERE kind = 'run_jobs'")
    JobFactory(customer_list=customer_list, state=State.QUEUED)
    assert Job.objects.count() == 1

    assert the_one(tmp_path, "broken")["text"] == "Nobody runs run_jobs, and 1 wait for it."


def test_events_that_are_late_are_told(tmp_path: Path) -> None:
    callback = CallbackFactory(url="https://till.example/")
    issue_token(callback.connection)
    late = EventFactory(connection=callback.connection)
    Event.objects.filter(pk=late.pk).update(due_at=late.created_at)
    execute("UPDATE callbacks_event SET due_at = now() - interval '10 minutes'")

    assert the_one(tmp_path, "warning")["text"].startswith("1 events should have been sent 10 min")


def test_events_of_a_blocked_connection_are_not(tmp_path: Path) -> None:
    callback = CallbackFactory(url="https://till.example/")
    EventFactory(connection=callback.connection)
    execute("UPDATE callbacks_event SET due_at = now() - interval '10 minutes'")

    assert not_fine(tmp_path) == []


# --- the machine --------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "level"), [(10, "warning"), (-100, "broken")])
def test_clocks_that_differ_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: float, level: str
) -> None:
    now = findings.time.time

    class Shifted:
        time = staticmethod(lambda: now() + apart)

    monkeypatch.setattr(findings, "time", Shifted)

    assert the_one(tmp_path, level)["check"] == "clock"


@pytest.mark.parametrize(("free", "level"), [(10**8, "broken"), (8 * 10**8, "warning")])
def test_a_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    usage = findings.shutil._ntuple_diskusage(10**11, 10**11 - free, free)
    monkeypatch.setattr(findings.shutil, "disk_usage", lambda folder: usage)

    assert the_one(tmp_path, level)["check"] == "disk"


def test_no_backup_is_a_warning(tmp_path: Path) -> None:
    for file in (tmp_path / "backups").iterdir():
        file.unlink()

    assert "There is no backup" in the_one(tmp_path, "warning")["text"]


def test_so_is_an_old_one(tmp_path: Path) -> None:
    for file in (tmp_path / "backups").iterdir():
        file.rename(file.with_stem("hub-20200101T000000Z"))

    assert "hub-20200101T000000Z.dump" in the_one(tmp_path, "warning")["text"]
