"""manage.py rotate_token: another token, and the end of the old ones (issue 5, item 7)."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from accounts import tokens
from accounts.factories import ConnectionFactory
from accounts.models import AccessToken, Connection
from conftest import HubClient
from hubcustomers.models import AuditEntry

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_token", *arguments, stdout=out)
    return out.getvalue()


def rotate(*arguments: str) -> dict[str, object]:
    return json.loads(run(*arguments, "--json"))


def refusal(*arguments: str) -> str:
    before = list(AccessToken.objects.order_by("pk").values())
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 1
    assert list(AccessToken.objects.order_by("pk").values()) == before
    assert not AuditEntry.objects.exists()
    return str(caught.value)


def works(token: object) -> bool:
    return HubClient(token=str(token)).get("/location").status_code == 200


def test_a_new_token_takes_the_place_of_the_old_ones(bistro: Connection, rival: Connection) -> None:
    old = [tokens.issue_token(bistro), tokens.issue_token(bistro)]
    spared = tokens.issue_token(rival)

    done = rotate(bistro.public_id)

    assert works(done.pop("access_token"))
    assert [works(token) for token in (*old, spared)] == [False, False, True]
    assert done == {
        "connection_id": bistro.public_id,
        "client_name": bistro.client.name,
        "account_id": bistro.account.public_id,
        "location_id": bistro.location.public_id,
        "scope": bistro.scope,
        "revoked": 2,
        "working": 1,
    }
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user_name) == ("replaced", "(command line)")


def test_old_tokens_are_kept_until_the_change_is_finished(bistro: Connection) -> None:
    old = tokens.issue_token(bistro)

    new = rotate(bistro.public_id, "--keep-old")
    assert (new["revoked"], new["working"]) == (0, 2)
    assert works(old)
    assert works(new["access_token"])

    done = rotate(bistro.public_id, "--finish")
    assert (done["access_token"], done["revoked"], done["working"]) == (None, 1, 1)
    assert not works(old)
    assert works(new["access_token"])
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["issued", "revoked_old"]

    assert rotate(bistro.public_id, "--finish")["revoked"] == 0
    assert works(new["access_token"])
    assert AuditEntry.objects.count() == 2


def test_names_do_as_well_as_the_id(bistro: Connection) -> None:
    account_wide = ConnectionFactory(
        account=bistro.account, client=bistro.client, account_level=True
    )
    names = ("--account", "Bistro", "--client", bistro.client.name)

    assert rotate(*names, "--location", "Paris")["connection_id"] == bistro.public_id
    assert rotate(*names)["connection_id"] == account_wide.public_id


def test_a_device_is_named_too(bistro: Connection) -> None:
    Connection.objects.filter(pk=bistro.pk).update(device_id="kiosk 7")
    names = ("--account", "Bistro", "--location", "Paris", "--client", bistro.client.name)

    assert "no such connection" in refusal(*names)
    assert rotate(*names, "--device-id", "kiosk 7")["connection_id"] == bistro.public_id


def test_readable_output_says_that_the_token_is_shown_once(bistro: Connection) -> None:
    out = run(bistro.public_id)

    token = out.split()[1]
    assert works(token)
    assert out.endswith("The access token is not kept and cannot be shown again.\n")
    assert "not kept" not in run(bistro.public_id, "--finish")


def test_several_of_the_same_names_are_told_apart_by_their_ids(bistro: Connection) -> None:
    twin = ConnectionFactory(account=bistro.account, location=bistro.location, client=bistro.client)

    sentence = refusal("--account", "Bistro", "--location", "Paris", "--client", bistro.client.name)

    assert f"Give the id of one: {bistro.public_id}, {twin.public_id}" in sentence


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("",),
        ("--account", "Nobody", "--client", "x"),
        ("--account", "Bistro", "--location", "", "--client", "x"),
    ],
)
def test_what_does_not_exist_is_refused(arguments: tuple[str, ...], bistro: Connection) -> None:
    assert refusal(*arguments) == "There is no such connection."


def test_a_connection_must_be_named_in_one_way(bistro: Connection) -> None:
    assert "--account and --client" in refusal()
    assert "--account and --client" in refusal("--client", "x")
    assert "not both" in refusal(bistro.public_id, "--client", "x")


def test_a_blocked_connection_gets_no_token(bistro: Connection) -> None:
    tokens.issue_token(bistro)
    tokens.set_blocked(bistro, blocked=True)

    assert "is blocked" in refusal(bistro.public_id)


def test_the_help_explains_itself_and_wrong_arguments_end_with_two() -> None:
    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", "rotate_token", *arguments]
        environment = {**os.environ, "COLUMNS": "200"}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    told = manage("--help")
    assert told.returncode == 0
    for words in ("--keep-old", "--finish", "--json", "within a second", "Exit status"):
        assert words in told.stdout

    wrong = manage("abcde", "--keep-old", "--finish")
    assert wrong.returncode == 2
    assert "not allowed with argument" in wrong.stderr


@pytest.mark.xdist_group("many connections")
@pytest.mark.django_db(transaction=True)
def test_of_rotations_that_race_the_last_ones_token_works_alone(bistro: Connection) -> None:
    racers = 6
    start = Barrier(racers)

    def race(_number: int) -> object:
        try:
            start.wait()
            return rotate(bistro.public_id)["access_token"]
        finally:
            database.close()

    with ThreadPoolExecutor(racers) as threads:
        issued = list(threads.map(race, range(racers)))

    assert sum(works(token) for token in issued) == 1
