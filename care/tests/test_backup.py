"""``manage.py backup``, ``restore_drill`` and ``restore_backup``, with a server that is real."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.factories import ClientFactory
from care import backups, contents, manifests, postgres, restoring
from care.postgres import Address, NoProgram
from customers.factories import CustomerFactory
from customers.models import Customer
from customers.services import anonymise_customers
from loyalty.factories import LoyaltyCardFactory, post

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = {"SECRET_KEY": "only for tests", "HUB_ENCRYPTION_KEY": "only for tests"}


def run(command: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Run a command; return its status and its report."""
    out = StringIO()
    try:
        call_command(command, *words, "--json", stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def refused(command: str, *words: str) -> str:
    with pytest.raises(CommandError) as error:
        call_command(command, *words, stdout=StringIO(), stderr=StringIO())
    assert error.value.returncode == 2
    return str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def person() -> Customer:
    """Somebody with points, in a hub with a client."""
    ClientFactory()
    card = LoyaltyCardFactory(customer=CustomerFactory(phone="+33699887755"))
    for delta in ("10.5", "-0.25"):
        post(card, delta)
    return card.customer


def scratches() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database"
            " WHERE starts_with(datname, current_database() || '_drill_')"
        )
        return [name for (name,) in cursor.fetchall()]


# --- taking -------------------------------------------------------------------------


def test_a_backup_is_five_files_for_their_owner_alone(person: Customer, folder: Path) -> None:
    status, report = run("backup", str(folder))

    assert status == 0
    assert report["with_keys"] is True
    assert report["ledger"] == {
        "operations": 2,
        "deltas": "10.250000",
        "balances": "10.250000",
    }
    dump = Path(report["dump"])
    names = {f"{dump.stem}{suffix}" for suffix in manifests.SUFFIXES} | {"erasures.jsonl"}
    assert {path.name for path in folder.iterdir()} == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads(dump.with_suffix(".keys").read_text()) == KEYS
    assert dump.read_bytes().startswith(b"PGDMP")
    checked = subprocess.run(
        ["sha256sum", "--check", f"{dump.stem}.sha256"], cwd=folder, check=False
    )
    assert checked.returncode == 0


def test_keys_can_be_left_out(folder: Path) -> None:
    out = StringIO()

    call_command("backup", str(folder), "--without-keys", stdout=out)

    assert not list(folder.glob("*.keys"))
    assert "The keys are NOT in it" in out.getvalue()


def test_that_keys_are_beside_it_is_said(folder: Path) -> None:
    out = StringIO()

    call_command("backup", str(folder), stdout=out)

    assert "in clear" in out.getvalue()


def test_only_the_newest_are_kept_and_nothing_else_is_touched(folder: Path) -> None:
    folder.mkdir()
    for day in range(1, 4):
        for suffix in manifests.SUFFIXES:
            (folder / f"hub-2020010{day}T000000Z{suffix}").touch()
    others = [folder / "notes.json", folder / "hub-20200101T000000Z.dump.txt", folder / "x.dump"]
    for other in others:
        other.touch()

    _, report = run("backup", str(folder), "--keep", "2")

    assert report["removed"] == ["hub-20200101T000000Z.dump", "hub-20200102T000000Z.dump"]
    assert len(manifests.whole_backups(folder)) == 2
    assert all(other.exists() for other in others)


def test_a_dump_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_program", lambda name, server: Path("/bin/false"))

    message = refused("backup", str(folder))

    assert "ended with 1" in message
    assert list(folder.iterdir()) == []


def test_a_manifest_that_cannot_be_written_leaves_no_backup(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError("no room")

    monkeypatch.setattr(backups, "write_register", refuse)

    assert "no room" in refused("backup", str(folder))
    assert list(folder.iterdir()) == []


def test_without_a_fitting_program_it_says_what_to_install(folder: Path, settings: Any) -> None:
    settings.POSTGRES_PROGRAMS = "/nowhere"

    message = refused("backup", str(folder))

    assert "needs a pg_dump of version" in message
    assert "Install postgresql-client-" in message
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "server", "here", "taken"),
    [
        ("pg_dump", 15, [14, 16, 18], 16),
        ("pg_dump", 17, [18], 18),
        ("pg_restore", 15, [16, 18], 16),
        ("pg_restore", 15, [17, 18], None),
        ("pg_restore", 18, [18], 18),
        ("pg_dump", 18, [15, 17], None),
    ],
)
def test_the_nearest_program_that_is_not_older_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, server: int, here: list[int], taken: int | None
) -> None:
    folders = [Path(f"/pg/{major}") for major in here]
    monkeypatch.setattr(postgres, "_folders", lambda: iter(folders))
    monkeypatch.setattr(postgres, "_major_of", lambda program: int(program.parent.name))

    if taken is None:
        with pytest.raises(NoProgram):
            postgres.find_program(name, server=server)
    else:
        assert postgres.find_program(name, server=server) == Path(f"/pg/{taken}/{name}")


def test_a_password_is_no_argument_of_a_process() -> None:
    address = Address.read("postgres://hub:sesame@db.internal:5432/hub?sslmode=require")

    assert "sesame" not in address.text
    assert "sslmode=require" in address.text
    assert address.environment()["PGPASSWORD"] == "sesame"


# --- restoring ----------------------------------------------------------------------


def test_a_drill_proves_the_newest_backup_and_leaves_no_database(
    person: Customer, folder: Path
) -> None:
    run("backup", str(folder))
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{connection.settings_dict["NAME"]}_drill_killed"')

    status, report = run("restore_drill", "--folder", str(folder))

    assert (status, report["status"], report["faults"]) == (0, "proven", [])
    assert report["check_ledger"] == "proven"
    assert Decimal(report["ledger"]["balances"]) == Decimal("10.25")
    assert report["client_secrets"] >= 1
    assert scratches() == []


def test_who_was_erased_since_is_erased_again(person: Customer, folder: Path) -> None:
    run("backup", str(folder))
    anonymise_customers([person])
    backups.write_register(folder)

    status, report = run("restore_drill", "--folder", str(folder))

    assert (status, report["erased_again"]) == (0, 1)


def test_a_copy_that_differs_is_told(person: Customer, folder: Path) -> None:
    run("backup", str(folder))
    backup = manifests.newest(folder)
    told = backup.manifest()
    told["tables"]["customers_customer"] += 1
    told["rules"]["triggers"] += 1
    told["ledger"]["balances"] = "11.250000"
    backup.manifest_path.write_text(json.dumps(told))
    backup.dump.with_suffix(".keys").write_text(json.dumps({"HUB_ENCRYPTION_KEY": "another"}))

    status, report = run("restore_drill", str(backup.dump))

    assert (status, report["status"]) == (1, "broken")
    text = "\n".join(report["faults"])
    assert "tables: customers_customer is 1 in the copy and was 2." in text
    assert "rules: triggers is" in text
    assert "ledger: balances is 10.250000 in the copy and was 11.250000." in text
    assert "client secrets not" in text
    assert scratches() == []


def test_a_damaged_file_is_not_restored(folder: Path) -> None:
    run("backup", str(folder))
    dump = manifests.newest(folder).dump
    with dump.open("r+b") as file:
        file.seek(1000)
        file.write(b"\0" * 100)

    assert "is damaged" in refused("restore_drill", "--folder", str(folder))
    assert scratches() == []


def test_one_that_was_cut_off_is_no_backup(folder: Path) -> None:
    folder.mkdir()
    (folder / "hub-20200101T000000Z.dump").touch()

    assert "There is no whole backup" in refused("restore_drill", "--folder", str(folder))
    assert "cannot be read as a backup" in refused(
        "restore_drill", str(folder / "hub-20200101T000000Z.dump")
    )


def test_two_drills_do_not_meet(folder: Path) -> None:
    run("backup", str(folder))

    with Address.of_hub().connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [restoring._LOCK])

        assert "Another drill" in refused("restore_drill", "--folder", str(folder))


def test_a_hub_with_data_is_never_restored_into(person: Customer, folder: Path) -> None:
    run("backup", str(folder))
    before = contents_now()

    message = refused("restore_backup", str(manifests.newest(folder).dump))

    assert message == "The database is not empty: nothing was touched."
    assert contents_now() == before


def test_two_backups_of_one_second_do_not_undo_each_other(folder: Path) -> None:
    folder.mkdir()
    with time_machine.travel("2026-11-25T10:00:00Z", tick=False):
        other = folder / "hub-20261125T100000Z.draft"
        other.write_text("the other one's")

        assert "another backup" in refused("backup", str(folder))

    assert other.read_text() == "the other one's"
    assert list(folder.iterdir()) == [other]


def test_a_restore_that_was_interrupted_is_told(
    folder: Path, empty: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", str(folder))
    monkeypatch.setattr(Address, "of_hub", lambda: empty)
    real = restoring._restore_section

    def stop_at_data(program: Path, section: str, *rest: Any) -> None:
        if section == "data":
            raise KeyboardInterrupt
        real(program, section, *rest)

    monkeypatch.setattr(restoring, "_restore_section", stop_at_data)
    with pytest.raises(KeyboardInterrupt):
        run("restore_backup", str(manifests.newest(folder).dump))
    monkeypatch.setattr(restoring, "_restore_section", real)

    message = refused("restore_backup", str(manifests.newest(folder).dump))

    assert "was interrupted" in message
    assert "Drop the database" in message


@pytest.fixture
def empty() -> Iterator[Address]:
    """An empty database, for a hub that lost everything."""
    with restoring.scratch_database(Address.of_hub()) as address:
        yield address


def test_an_empty_hub_is_filled(person: Customer, folder: Path, empty: Address) -> None:
    run("backup", str(folder))
    anonymise_customers([person])
    backups.write_register(folder)

    ended = subprocess.run(
        [sys.executable, "manage.py", "restore_backup", str(manifests.newest(folder).dump)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            **KEYS,
            "DATABASE_URL": empty.secret_text,
            "DJANGO_SETTINGS_MODULE": "hubcustomers.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("The copy is whole.\n")
    with empty.connect() as restored:
        row = restored.execute("SELECT anonymised, phone FROM customers_customer").fetchone()
    assert row == (True, None)


def contents_now() -> dict[str, Any]:
    with connection.cursor() as cursor:
        return contents.count_everything(cursor)
