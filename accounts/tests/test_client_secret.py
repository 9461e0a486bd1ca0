"""Another secret for a client, from the back-office: what breaks, and what does not."""

import re

import pytest

from accounts.models import Client, Connection
from accounts.tokens import issue_token
from conftest import HubClient
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, boss_desk, list_url, member_desk, staff, url


@pytest.fixture
def boss(db: None) -> Desk:
    return boss_desk()


def test_a_new_secret_is_shown_once(boss: Desk, bistro: Connection) -> None:
    client, old = bistro.client, bistro.client.client_secret
    token = issue_token(bistro)
    asked = boss.get(url(client, "rotate"))
    assert "signed with the new one" in asked.content.decode()
    assert asked.context["asked"].counts == [("connection", 1)]
    client.refresh_from_db()
    assert client.client_secret == old

    page = boss.post(url(client, "rotate"))

    client.refresh_from_db()
    new = client.client_secret
    assert new != old
    assert re.fullmatch("[0-9a-f]{48}", new)
    assert new in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    for again in (url(client), url(client, "history"), list_url(Client), url(client, "rotate")):
        assert new not in boss.get(again).content.decode()
    assert AuditEntry.objects.get().action == "rotated"
    # Tokens are none of its business.
    assert HubClient(token=token).get("/location").status_code == 200


@pytest.mark.parametrize("role", Role.values)
def test_members_change_no_secret(role: str, bistro: Connection) -> None:
    old = bistro.client.sealed_secret
    desk = member_desk(bistro.account, role=role)

    assert desk.post(url(bistro.client, "rotate")).status_code in {302, 403, 404}

    assert Client.objects.get().sealed_secret == old


def test_an_unattended_desk_is_asked_first(bistro: Connection) -> None:
    boss = Desk(staff("boss", is_superuser=True), proven=False)

    assert boss.post(url(bistro.client, "rotate")).url.startswith("/admin/security/confirm/")
