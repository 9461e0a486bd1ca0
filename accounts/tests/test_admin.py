"""The back-office of accounts, locations, clients and connections (issue 2, item 8)."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from accounts import tokens
from accounts.factories import ClientFactory, ConnectionFactory, LocationFactory
from accounts.models import AccessToken, Account, Client, Connection, Location, Membership
from accounts.tokens import TokenRefused, find_connection
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    boss_desk,
    errors_of,
    list_url,
    member_desk,
    staff,
    url,
)


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


@pytest.fixture
def boss(db: None) -> Desk:
    return boss_desk()


def grant(bistro: Connection, **changes: Any) -> dict[str, Any]:
    """Return what the form of a new connection takes."""
    return {
        "account": bistro.account.pk,
        "location": bistro.location.pk,
        "client": bistro.client.pk,
        "scope": "location[orders.write, all_customer_lists.read]",
        "customer_list": "",
        **changes,
    }


def token_on(page: Any) -> str:
    """Return the one token that the page shows."""
    shown = re.findall(r'value="([0-9a-f]{40})"', page.content.decode())
    assert len(shown) == 1
    return str(shown[0])


def assert_kept_nowhere(token: str, desk: Desk, connection: Connection) -> None:
    """Fail where the token can be read once more."""
    for page in (url(connection), url(connection, "history"), list_url(Connection), "/admin/"):
        assert token not in desk.get(page).content.decode()
    assert token not in str(list(AuditEntry.objects.values()))
    sessions = apps.get_model("signin.Session")._default_manager.all()
    assert token not in str([session.get_decoded() for session in sessions])
    assert token not in str(desk.http.cookies)


# --- connections ------------------------------------------------------------------------


def test_a_new_connections_token_is_shown_once(desk: Desk, bistro: Connection) -> None:
    page = desk.post(add_url(Connection), **grant(bistro))

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    token = token_on(page)
    made = find_connection(token)
    assert made.pk != bistro.pk
    assert (made.account, made.location, made.client) == (
        bistro.account,
        bistro.location,
        bistro.client,
    )
    assert made.scope == "location[orders.write,all_customer_lists.read]"
    assert_kept_nowhere(token, desk, made)


def test_a_further_token_is_shown_once(desk: Desk, bistro: Connection) -> None:
    first = tokens.issue_token(bistro)

    assert desk.get(url(bistro, "issue")).status_code == 200
    assert bistro.tokens.count() == 1
    token = token_on(desk.post(url(bistro, "issue")))

    assert find_connection(token) == find_connection(first) == bistro
    assert_kept_nowhere(token, desk, bistro)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scope": "everything"}, "scope"),
        ({"scope": "location[]"}, "scope"),
        ({"scope": ""}, "scope"),
        ({"scope": "account[orders.write]"}, "scope"),
        ({"location": "", "scope": "location[orders.write]"}, "scope"),
        ({"scope": "location[customer_list.write]"}, "customer_list"),
        ({"client": ""}, "client"),
        ({"account": ""}, "account"),
    ],
)
def test_a_connection_that_makes_no_sense_is_refused(
    changes: dict[str, Any], field: str, desk: Desk, bistro: Connection
) -> None:
    answer = desk.post(add_url(Connection), **grant(bistro, **changes))

    assert list(errors_of(answer)) == [field]
    assert Connection.objects.count() == 1
    assert not AccessToken.objects.exists()


def test_a_connection_reaches_a_whole_account(desk: Desk, bistro: Connection) -> None:
    scope = "account[all_customer_lists.write]"

    page = desk.post(add_url(Connection), **grant(bistro, location="", scope=scope))

    assert find_connection(token_on(page)).location is None


def test_a_connection_is_blocked_and_unblocked(desk: Desk, bistro: Connection) -> None:
    token = tokens.issue_token(bistro)

    assert desk.get(url(bistro, "block")).status_code == 200
    assert find_connection(token) == bistro

    assert desk.post(url(bistro, "block")).status_code == 302
    with pytest.raises(TokenRefused):
        find_connection(token)
    assert "Unblock" in desk.get(url(bistro)).content.decode()

    assert desk.post(url(bistro, "unblock")).status_code == 302
    assert find_connection(token) == bistro
    log = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(log) == ["blocked", "unblocked"]


def test_all_tokens_are_revoked(desk: Desk, bistro: Connection) -> None:
    issued = [tokens.issue_token(bistro), tokens.issue_token(bistro)]

    assert desk.get(url(bistro, "revoke")).context["asked"].counts == [("tokens that work now", 2)]
    assert desk.post(url(bistro, "revoke")).status_code == 302

    for token in issued:
        with pytest.raises(TokenRefused):
            find_connection(token)


@pytest.mark.parametrize("action", ["block_selected", "revoke_selected"])
def test_several_connections_are_shut_at_once(
    action: str, desk: Desk, bistro: Connection, rival: Connection
) -> None:
    other = ConnectionFactory(account=bistro.account)
    issued = [tokens.issue_token(connection) for connection in (bistro, other)]
    spared = tokens.issue_token(rival)

    chosen = [bistro.pk, other.pk, rival.pk]
    desk.post(list_url(Connection), action=action, _selected_action=chosen)

    for token in issued:
        with pytest.raises(TokenRefused):
            find_connection(token)
    assert find_connection(spared) == rival


def test_a_connection_is_neither_edited_nor_deleted(boss: Desk, bistro: Connection) -> None:
    before = Connection.objects.values().get()

    assert boss.post(url(bistro), scope="account[orders.write]").status_code == 403
    assert boss.post(url(bistro, "delete"), post="yes").status_code == 403

    assert Connection.objects.values().get() == before


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_page_takes_few_queries(
    rows: int, desk: Desk, bistro: Connection, django_assert_num_queries: Any
) -> None:
    ConnectionFactory.create_batch(rows, account=bistro.account, location=bistro.location)

    # Session, user, memberships; choices of two filters; count and rows.
    with django_assert_num_queries(7):
        assert desk.get(list_url(Connection)).status_code == 200


def test_a_member_chooses_among_the_clients_of_their_accounts(
    desk: Desk, bistro: Connection, rival: Connection
) -> None:
    shown = desk.get(add_url(Connection)).content.decode()

    assert bistro.client.name in shown
    assert rival.client.name not in shown


# --- superusers -------------------------------------------------------------------------


def test_a_superuser_opens_an_account_with_a_location(boss: Desk) -> None:
    place = {"timezone": "Europe/Paris", "country": "FR"}
    boss.post(add_url(Account), name="Bistro", currency="EUR", **place)
    account = Account.objects.get()

    for name in ("Paris", "Lyon"):
        boss.post(add_url(Location), account=account.pk, name=name, **place)

    numbers = Location.objects.order_by("number").values_list("name", "number")
    assert list(numbers) == [("Paris", 1), ("Lyon", 2)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Bistro"), ("currency", "eur"), ("timezone", "Mars/One"), ("country", "XX")],
)
def test_a_wrong_account_is_refused_at_the_field(
    field: str, value: str, boss: Desk, bistro: Connection
) -> None:
    data = {"name": "New", "currency": "EUR", "timezone": "Europe/Paris", "country": "FR"}

    assert list(errors_of(boss.post(add_url(Account), **{**data, field: value}))) == [field]


def test_a_taken_location_name_is_refused_at_the_field(boss: Desk, bistro: Connection) -> None:
    other = LocationFactory(account=bistro.account)
    place = {"timezone": "Europe/Paris", "country": "FR"}

    created = boss.post(add_url(Location), account=bistro.account.pk, name="Paris", **place)
    renamed = boss.save(url(other), name="Paris")

    assert list(errors_of(created)) == ["name"]
    assert list(errors_of(renamed)) == ["name"]


def test_a_new_clients_secret_is_shown_once(boss: Desk) -> None:
    page = boss.post(add_url(Client), name="Till")

    client = Client.objects.get()
    shown = page.content.decode()
    assert client.client_id in shown
    assert client.client_secret in shown
    assert "no-store" in page["Cache-Control"]
    for again in (url(client), url(client, "history"), list_url(Client)):
        assert client.client_secret not in boss.get(again).content.decode()


def test_a_client_keeps_its_id_when_renamed(boss: Desk) -> None:
    client = ClientFactory(name="Till")

    boss.save(url(client), name="New till", client_id="mine", sealed_secret="mine")

    renamed = Client.objects.get()
    assert renamed.name == "New till"
    assert (renamed.client_id, renamed.client_secret) == (client.client_id, client.client_secret)


def test_a_clients_redirect_uris_are_registered(boss: Desk) -> None:
    client = ClientFactory(name="Till")

    boss.save(url(client), redirect_uris="https://till.example/connected\r\nmytill://done\r\n")
    refused = boss.save(url(client), redirect_uris="https://till.example/\njavascript:alert(1)")

    client.refresh_from_db()
    assert client.may_redirect_to("https://till.example/connected")
    assert client.may_redirect_to("mytill://done")
    assert errors_of(refused) == {
        "redirect_uris": ["javascript:alert(1) must not begin with javascript:"]
    }
    assert AuditEntry.objects.get().changed_fields == ["redirect_uris"]


def test_a_superuser_makes_a_member(boss: Desk, bistro: Connection) -> None:
    marie = staff("marie")

    given = {"user": marie.pk, "account": bistro.account.pk, "role": "operator"}
    boss.post(add_url(Membership), **given)
    again = boss.post(add_url(Membership), **{**given, "role": "manager"})

    assert errors_of(again) == {"account": ["has this member already"]}
    membership = marie.memberships.get()
    assert Desk(marie).get(list_url(Connection)).status_code == 200

    boss.post(url(membership, "delete"), post="yes")
    assert Desk(marie).get(list_url(Connection)).status_code == 403


def test_a_superuser_makes_staff(boss: Desk) -> None:
    password = {"password1": "correct horse battery", "password2": "correct horse battery"}
    answer = boss.post(add_url(User), username="marie", usable_password="true", **password)
    marie = User.objects.get(username="marie")

    # Where she works is the next thing to say.
    assert answer["Location"] == f"{add_url(Membership)}?user={marie.pk}"
    assert boss.form(answer["Location"])["user"] == str(marie.pk)
    assert marie.is_staff
    boss.http.post(url(marie), {k: v for k, v in boss.form(url(marie)).items() if k != "is_staff"})
    marie.refresh_from_db()
    assert not marie.is_staff
    assert marie.check_password("correct horse battery")
    assert boss.post(url(marie, "delete"), post="yes").status_code == 403


def test_a_member_makes_nobody_a_superuser(desk: Desk) -> None:
    for page in (add_url(User), url(desk.user), add_url(Membership), add_url(Account)):
        assert desk.post(page, username="x", is_superuser="on", is_staff="on").status_code in {
            302,
            403,
        }

    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize("model", [Account, Location, Client, Membership, User])
def test_the_lists_of_superusers_take_few_queries(
    model: Any,
    boss: Desk,
    bistro: Connection,
    rival: Connection,
    django_assert_max_num_queries: Any,
) -> None:
    staff("marie", bistro.account, rival.account)

    with django_assert_max_num_queries(6):
        assert boss.get(list_url(model)).status_code == 200
