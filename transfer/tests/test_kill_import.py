"""kill -9 in the middle of an import: the same command goes on, and nothing is there twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.models import Client
from customers.models import Customer, CustomerList
from loyalty.models import LoyaltyOperation
from transfer.models import Job
from transfer.tests.commands import import_file, told

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS = 900

pytestmark = pytest.mark.django_db(transaction=True)

# The command in small batches, on the database of the tests.
_CALL = """
import sys
import django
from django.conf import settings
name = sys.argv.pop(1)
settings.DATABASES["default"]["NAME"] = name
django.setup()
from django.core.management import execute_from_command_line
from transfer import imports
imports.BATCH_ROWS = 100
execute_from_command_line(sys.argv)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Customers with refs and cards; every hundredth breaks a rule."""
    path = tmp_path / "customers.csv"
    with path.open("w") as out:
        out.write("private_ref,first_name,delivery_notes,gender,card_ref,card_balance\n")
        for number in range(ROWS):
            gender = "who" if number % 100 == 50 else "male"
            out.write(f'r{number},N{number},"Ring\n{number}",{gender},card-{number},{number}.5\n')
    return path


def start(file: Path, customer_list: CustomerList) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _CALL, connection.settings_dict["NAME"], "import_customers"]
    return subprocess.Popen(
        [*command, str(file), "--list", customer_list.public_id],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(customer_list: CustomerList) -> int:
    rows = Job.objects.filter(customer_list=customer_list).values_list("done", flat=True)
    return sum(rows)


def wait_until_more_than(before: int, customer_list: CustomerList, child: Any) -> None:
    deadline = time.monotonic() + 120
    while done(customer_list) <= before and time.monotonic() < deadline:
        assert child.poll() is None, child.communicate()
        time.sleep(0.001)


def test_an_import_that_is_killed_twice_goes_on_with_nothing_twice(customer_list, file) -> None:
    Client.objects.create(name="import", client_id="import")
    somebody = _somebody(customer_list)
    before = [0]
    for barrier in (450, 750):
        killed_at(barrier, file, customer_list, somebody)
        before.append(done(customer_list))
        assert before[-2] < before[-1] <= barrier - 50

    again = start(file, customer_list)
    out, err = again.communicate(timeout=300)

    assert again.returncode == 1, err
    assert f"Going on after {before[-1]} of {ROWS} rows." in err
    assert f"{ROWS} rows of customers.csv" in out
    rows = told(customer_list)[1:]
    expected = [number for number in range(ROWS) if number % 100 != 50]
    assert [row["private_ref"] for row in rows] == [f"r{number}" for number in expected]
    assert [row["loyalty_cards"] for row in rows] == [
        [{"name": "", "ref": f"card-{number}", "balance": f"{number}.5"}] for number in expected
    ]
    assert LoyaltyOperation.objects.count() == len(expected)
    refused = file.with_name("customers.refused.csv").read_text()
    assert refused.count("gender must be one of") == ROWS // 100
    assert Job.objects.get().state == "done"


def killed_at(row: int, file: Path, customer_list: CustomerList, somebody: Customer) -> None:
    """Let an import run as far as this row, and kill it."""
    # A lock that only the import of that row waits for holds the import in the middle.
    parameters = connection.get_connection_params()
    with psycopg.connect(**{k: parameters[k] for k in ("dbname", "user", "host", "port")}) as other:
        other.execute(
            "INSERT INTO loyalty_loyaltycard (account_id, customer_list_id, customer_id, name, ref)"
            " VALUES (%s, %s, %s, '', %s)",
            [customer_list.account_id, customer_list.pk, somebody.pk, f"card-{row}"],
        )
        before = done(customer_list)
        child = start(file, customer_list)
        wait_until_more_than(before, customer_list, child)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        other.rollback()


def _somebody(customer_list: CustomerList) -> Customer:
    return Customer.objects.create(account=customer_list.account, customer_list=customer_list)


def interrupted(customer_list: CustomerList, file: Path, monkeypatch: Any, *words: str) -> None:
    """Import the first batch only."""
    monkeypatch.setattr("transfer.imports.BATCH_ROWS", 100)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hubcustomers.progress.Progress.tell", stop)
        ended = import_file(file, customer_list, *words)
    assert (ended.status, done(customer_list)) == (1, 100)


def test_other_options_do_not_go_on_with_an_interrupted_run(
    customer_list, file, monkeypatch
) -> None:
    interrupted(customer_list, file, monkeypatch)

    ended = import_file(file, customer_list, "--map", "first_name=last_name")

    assert ended.status == 2
    assert "An interrupted run has imported 100 rows of this file, with other options." in ended.err
    assert Customer.objects.count() == 99


def test_restart_begins_anew(customer_list, file, monkeypatch) -> None:
    interrupted(customer_list, file, monkeypatch)

    ended = import_file(file, customer_list, "--restart", "--on-duplicate", "skip")

    assert ended.status == 1
    assert Customer.objects.count() == ROWS - ROWS // 100
    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "failed"]


def test_a_file_that_changed_is_another_one(customer_list, file, monkeypatch) -> None:
    interrupted(customer_list, file, monkeypatch)
    file.write_text("private_ref\nnew\n")

    assert import_file(file, customer_list).status == 0

    assert Customer.objects.count() == 100


def test_a_run_that_another_one_took_over_writes_no_more(customer_list, file, monkeypatch) -> None:
    monkeypatch.setattr("transfer.imports.BATCH_ROWS", 100)
    taken: list[int] = []

    def take_over(*_: Any) -> None:
        if not taken:
            taken.append(1)
            with monkeypatch.context() as patch:
                patch.setattr("hubcustomers.progress.Progress.tell", lambda *_: None)
                assert import_file(file, customer_list).status == 1

    monkeypatch.setattr("hubcustomers.progress.Progress.tell", take_over)

    ended = import_file(file, customer_list)

    assert "Another process goes on with this import." in ended.err
    assert Customer.objects.count() == ROWS - ROWS // 100
