"""manage.py register_client: a client and its redirect URIs (companion, section 10)."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Client
from hubcustomers.models import AuditEntry

pytestmark = pytest.mark.django_db
BACK = "https://till.example/connected"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("register_client", "--client", "Till", *arguments, stdout=out)
    return out.getvalue()


def test_a_client_is_made_with_its_redirect_uris() -> None:
    told = json.loads(run("--redirect-uri", BACK, "--redirect-uri", "mytill://done", "--json"))

    client = Client.objects.get()
    assert told == {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "client_name": "Till",
        "redirect_uris": [BACK, "mytill://done"],
    }
    assert client.may_redirect_to(BACK)


def test_a_second_call_adds_to_the_first() -> None:
    first = json.loads(run("--redirect-uri", BACK, "--json"))

    second = json.loads(run("--redirect-uri", "mytill://done", "--redirect-uri", BACK, "--json"))

    assert second == {**first, "redirect_uris": [BACK, "mytill://done"]}
    assert AuditEntry.objects.count() == 2
    assert json.loads(run("--json")) == second
    assert AuditEntry.objects.count() == 2


def test_readable_output_names_everything() -> None:
    lines = dict(line.split(": ", 1) for line in run().splitlines())

    assert lines["redirect_uris"].strip() == "-"
    assert lines["client_id"].strip() == Client.objects.get().client_id


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "till.example", "", "a b", f"{BACK}#x"])
def test_a_wrong_uri_changes_nothing(uri: str) -> None:
    with pytest.raises(CommandError):
        run("--redirect-uri", BACK, "--redirect-uri", uri)

    assert not Client.objects.exists()
    assert not AuditEntry.objects.exists()
