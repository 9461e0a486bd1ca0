"""``manage.py dump_account`` and ``load_account``: there and back again, or not at all."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from accounts.factories import AccountFactory
from accounts.models import Account, Client, Connection
from accounts.tokens import issue_token
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ConsentChange, Customer
from hubcustomers.models import AuditEntry
from hubcustomers.tenancy.tables import ACCOUNT_TABLES, LOCAL_TABLES, REFERENCE_TABLES
from loyalty.models import LoyaltyCard, LoyaltyOperation
from transfer.archive import manifest
from transfer.archive.parts import LEFT_OUT, PARTS
from transfer.tests.archives import at, empty_hub, full_account
from transfer.tests.commands import Ended, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def second(transactional_db: None) -> Iterator[str]:
    """The database of a second hub."""
    with empty_hub(f"{connection.settings_dict['NAME']}_second") as name:
        yield name


@pytest.fixture
def dumped(second: str, bistro: Connection, tmp_path: Path) -> Path:
    """An archive of a full account."""
    path = tmp_path / "bistro.hub"
    full_account(bistro)
    assert run("dump_account", "Bistro", path).status == 0
    return path


def load(path: Path, second: str, *words: Any) -> Ended:
    with at(second):
        return run("load_account", path, *words)


def nothing_is_in(second: str) -> bool:
    with at(second):
        return not (
            Account.objects.exists() or Client.objects.exists() or Customer.objects.exists()
        )


def test_each_table_of_an_account_is_in_the_archive_or_left_out_with_a_reason() -> None:
    told = {part.table for part in PARTS} | set(LEFT_OUT)

    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        assert table in REFERENCE_TABLES | ACCOUNT_TABLES | LOCAL_TABLES
        owned = any(field.column == "account_id" for field in model._meta.local_concrete_fields)
        if owned or table in REFERENCE_TABLES | ACCOUNT_TABLES:
            assert table in told, f"Is {table} in archives? See transfer/archive/parts.py."
    assert not {part.table for part in PARTS} & set(LEFT_OUT)
    assert len({part.table for part in PARTS}) == len(PARTS)
    assert all(part.columns[0] == "id" for part in PARTS)


def test_the_full_account_has_a_row_in_every_part(dumped) -> None:
    with zipfile.ZipFile(dumped) as file:
        told = json.loads(file.read("manifest.json"))

    assert [part["table"] for part in told["parts"] if not part["rows"]] == []


def test_an_account_comes_back_the_same(dumped, second, tmp_path, bistro) -> None:
    token = issue_token(bistro)
    assert run("dump_account", "Bistro", dumped, "--force").status == 0
    cards = list(LoyaltyCard.objects.values_list("pk", "balance"))
    before = HubClient(token=token).get("/location/customer_lists").json()
    secret = bistro.client.client_secret
    taken = highest_ids(dumped)

    ended = load(dumped, second)

    assert ended.status == 0, ended.err
    assert "Loaded, and the ledger is proven: 1 cards, 3 operations." in ended.out
    with at(second):
        again = run("dump_account", Account.objects.get().public_id, tmp_path / "again.hub")
        assert list(LoyaltyCard.objects.values_list("pk", "balance")) == cards
        assert HubClient(token=token).get("/location/customer_lists").json() == before
        assert Client.objects.get(pk=bistro.client_id).client_secret == secret
        assert AuditEntry.objects.filter(action="loaded", account=None).count() == 1
        # What comes next has an id of its own, in every table.
        for part in PARTS:
            assert next_id(part.table) > max(taken[part.table], 0), part.table
    assert again.status == 0
    with zipfile.ZipFile(dumped) as old, zipfile.ZipFile(tmp_path / "again.hub") as new:
        for part in PARTS:
            assert old.read(f"{part.table}.copy") == new.read(f"{part.table}.copy"), part.table


def next_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        return int(cursor.fetchone()[0])


def highest_ids(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as file:
        told = json.loads(file.read("manifest.json"))
    return {part["table"]: part["last_id"] for part in told["parts"]}


def test_what_is_dumped_is_told_and_only_its_owner_reads_it(bistro, tmp_path) -> None:
    path = tmp_path / "x.hub"

    ended = run("dump_account", bistro.account.public_id, path, "--json")

    told = json.loads(ended.out)
    assert (told["account"], told["rows"]["accounts_location"]) == (bistro.account.public_id, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert run("dump_account", "Bistro", path).status == 2
    assert run("dump_account", "Nobody", tmp_path / "y").err == "There is no account Nobody."
    assert run("dump_account", "Bistro", "/nowhere/x").status == 2


def test_nothing_of_another_account_is_in_it(bistro, rival, tmp_path) -> None:
    CustomerFactory(customer_list=CustomerListFactory(account=rival.account), first_name="qzrival")
    path = tmp_path / "x.hub"

    run("dump_account", "Bistro", path)

    with zipfile.ZipFile(path) as file:
        for info in file.infolist():
            text = file.read(info).decode()
            assert "qzrival" not in text
            assert rival.client.client_id not in text


def test_a_file_is_told_from_any_other_by_its_hash(bistro, tmp_path) -> None:
    path = tmp_path / "x.hub"
    told = json.loads(run("dump_account", "Bistro", path, "--json").out)

    right = run("load_account", path, "--check", "--sha256", told["file_sha256"])
    wrong = run("load_account", path, "--check", "--sha256", told["content_sha256"])

    assert (right.status, wrong.status) == (0, 2)
    assert wrong.err == f"This is another file: its SHA-256 is {told['file_sha256']}."


# --- files that are refused -------------------------------------------------------------


def test_a_damaged_file_is_refused_wherever_it_is_damaged(dumped, second) -> None:
    whole = dumped.read_bytes()
    with at(second):
        for place in range(5, len(whole), max(1, len(whole) // 60)):
            broken = bytearray(whole)
            broken[place] ^= 0x55
            dumped.write_bytes(broken)
            ended = run("load_account", dumped, "--check")
            # A bit in a field that nobody reads (like a time in the zip's index) hurts nobody.
            if ended.status == 0:
                assert "The archive is whole" in ended.out
                continue
            assert ended.status == 2, place
        for length in (0, 10, len(whole) // 2, len(whole) - 1):
            dumped.write_bytes(whole[:length])
            assert run("load_account", dumped).status == 2, length
    assert nothing_is_in(second)


def rewrite(path: Path, change: Any) -> None:
    """Write the archive anew, each of its files as ``change(name, content)`` says."""
    with zipfile.ZipFile(path) as old:
        files = {info.filename: old.read(info) for info in old.infolist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in files.items():
            changed = change(name, content)
            if changed is not None:
                new.writestr(name, changed)


def retold(change: Any) -> Any:
    """Return a change of the manifest alone."""

    def changed(name: str, content: bytes) -> bytes:
        if name != "manifest.json":
            return content
        told = json.loads(content)
        change(told)
        return json.dumps(told).encode()

    return changed


def newer(told: Any) -> None:
    told["schema"]["customers"] = "9999_tomorrow"
    told["key"] = "another"


CHANGES = {
    "a row": (
        lambda name, text: text.replace(b"Paris", b"Lyons"),
        "accounts_account is not what its manifest says",
    ),
    "a part is missing": (
        lambda name, text: None if name == "orders_order.copy" else text,
        "The archive has other parts than its manifest says.",
    ),
    "no manifest": (
        lambda name, text: None if name == "manifest.json" else text,
        "This is not an archive of an account.",
    ),
    "a manifest that is none": (
        lambda name, text: b"[]" if name == "manifest.json" else text,
        "The archive's manifest is damaged.",
    ),
    "another account": (
        retold(lambda told: told["account"].update(name="Rival")),
        "The archive was changed after it was written.",
    ),
    "another format": (
        retold(lambda told: told.update(version=2)),
        "The archive is of version 2, this hub reads version 1.",
    ),
    "a newer hub": (retold(newer), "A newer hub made the archive: this one does not know"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_refused(name, dumped, second) -> None:
    change, sentence = CHANGES[name]
    rewrite(dumped, change)

    ended = load(dumped, second)

    assert (ended.status, sentence in ended.err) == (2, True), ended.err
    assert nothing_is_in(second)


def forge(path: Path, table: str, change: Any) -> None:
    """Change a part and everything that proves it, as only who has the key can."""
    with zipfile.ZipFile(path) as old:
        told = manifest.Manifest.read(old.read("manifest.json"), key="only for tests")
        text = change(old.read(f"{table}.copy"))
    parts = [
        replace(
            part,
            bytes=len(text),
            rows=text.count(b"\n"),
            sha256=hashlib.sha256(text).hexdigest(),
        )
        if part.table == table
        else part
        for part in told.parts
    ]
    forged = replace(told, parts=parts).as_bytes()
    rewrite(
        path,
        lambda name, content: {"manifest.json": forged, f"{table}.copy": text}.get(name, content),
    )


FORGED = {
    "a balance": (
        "loyalty_loyaltycard",
        lambda text: text.replace(b"\t13.500000\t", b"\t14.500000\t"),
        "the balance of a card is that of its last operation",
    ),
    "an operation is missing": (
        "loyalty_loyaltyoperation",
        lambda text: b"".join(text.splitlines(keepends=True)[:-1]),
        "The database refuses the archive",
    ),
    "consent without history": (
        "customers_consentchange",
        lambda text: b"",
        "The history of consent does not say what the customers say.",
    ),
    "not a number": (
        "loyalty_loyaltycard",
        lambda text: b"x" + text,
        "The database refuses the archive: invalid input syntax",
    ),
    "an end in the middle": (
        "customers_customer",
        lambda text: b"\\.\n" + text,
        "The database refuses the archive",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_breaks_the_rules_of_the_database_is_refused(name, dumped, second) -> None:
    table, change, sentence = FORGED[name]
    forge(dumped, table, change)

    ended = load(dumped, second)

    assert ended.status == 2
    assert sentence in ended.err
    assert nothing_is_in(second)


def test_what_the_hub_has_already_is_refused(dumped, second, bistro) -> None:
    here = run("load_account", dumped)
    assert (here.status, here.err) == (2, "This hub has the account Bistro already.")

    with at(second):
        AccountFactory(name="Somebody", id=bistro.account_id)
    ended = load(dumped, second)
    assert ended.status == 2
    assert "is taken in this hub, by the account Somebody. Load the archive into" in ended.err


def test_ids_of_another_account_are_not_shared(dumped, second, bistro) -> None:
    taken = Customer.objects.order_by("pk").values_list("pk", flat=True)[0]
    with at(second):
        other = AccountFactory(name="Somebody", id=bistro.account_id + 1000)
        theirs = CustomerListFactory(account=other, id=bistro.account_id + 1000)
        CustomerFactory(customer_list=theirs, id=taken)

    ended = load(dumped, second)

    assert ended.status == 2
    assert "are taken in this hub, by rows of customers_customer of another account" in ended.err
    with at(second):
        assert Customer.objects.count() == 1


@pytest.mark.parametrize("knows", [True, False])
def test_with_another_key_clients_get_new_secrets_unless_the_old_key_is_told(
    knows, dumped, second, settings, tmp_path, bistro
) -> None:
    secret = bistro.client.client_secret
    key = tmp_path / "key"
    key.write_text(f"{settings.ENCRYPTION_KEY}\n")
    settings.ENCRYPTION_KEY = "a new hub's"

    ended = load(dumped, second, "--json", *(["--old-key-file", key] if knows else []))

    made = json.loads(ended.out)["new_secrets"]
    with at(second):
        client = Client.objects.get(pk=bistro.client_id)
        assert client.client_secret == (secret if knows else made[client.name])
    assert (client.client_secret == secret) is knows
    assert len(made) == (0 if knows else 2)


# --- killed in the middle ---------------------------------------------------------------

_CALL = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv.pop(1)
django.setup()
from django.core.management import execute_from_command_line
from transfer.archive import loading
check = loading._check
def wait(*args):
    check(*args)
    print("everything is copied", flush=True)
    import time
    time.sleep(600)
loading._check = wait
execute_from_command_line(sys.argv)
"""


def test_kill_in_the_middle_leaves_nothing(dumped, second) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CALL, second, "load_account", str(dumped)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert "everything is copied" in child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.5)

    assert nothing_is_in(second)
    assert load(dumped, second).status == 0
    with at(second):
        assert LoyaltyOperation.objects.count() == 3
        assert ConsentChange.objects.exists()
