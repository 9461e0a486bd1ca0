"""A connection in the back-office: its scope in words, single tokens, last use."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.signals import request_finished
from django.utils import timezone

from accounts import last_used, tokens
from accounts.factories import ConnectionFactory
from accounts.models import AccessToken, Connection, ConnectionUse
from conftest import HubClient
from hubcustomers.backoffice.display import local
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, add_url, errors_of, list_url, member_desk, url


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def granted(desk: Desk, bistro: Connection, **choices: Any) -> Connection:
    """Return the connection that the form makes of these choices."""
    given = {"account": bistro.account.pk, "client": bistro.client.pk, "location": ""}
    page = desk.post(add_url(Connection), **{**given, **choices})
    assert "no-store" in page["Cache-Control"], errors_of(page)
    return Connection.objects.latest("pk")


# --- what it may do ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "scope"),
    [
        (
            {"customers": "write", "lists": "all", "orders": "write"},
            "all_customer_lists.write,orders.write",
        ),
        ({"customers": "read"}, "all_customer_lists.read"),
        ({"orders": "read"}, "orders.read"),
        ({"customers": "", "lists": "one", "orders": "write"}, "orders.write"),
    ],
)
@pytest.mark.parametrize("level", ["account", "location"])
def test_a_scope_is_made_of_choices(
    level: str, choices: dict[str, str], scope: str, desk: Desk, bistro: Connection
) -> None:
    place = {"location": bistro.location.pk} if level == "location" else {}

    assert granted(desk, bistro, **choices, **place).scope == f"{level}[{scope}]"


def test_one_list_is_chosen(desk: Desk, bistro: Connection, customer_list: Any) -> None:
    choices = {"customers": "write", "lists": "one", "location": bistro.location.pk}
    missing = desk.post(
        add_url(Connection), account=bistro.account.pk, client=bistro.client.pk, **choices
    )
    assert list(errors_of(missing)) == ["customer_list"]

    made = granted(desk, bistro, **choices, customer_list=customer_list.pk)

    assert made.scope == "location[customer_list.write]"
    assert made.customer_list_id == customer_list.pk
    shown = desk.get(url(made)).content.decode()
    assert f"Read and write the customers of the list “{customer_list.name}”" in shown


def test_a_written_scope_counts_before_the_choices(desk: Desk, bistro: Connection) -> None:
    by_hand = "account[orders.read, catalog.write]"

    made = granted(desk, bistro, customers="write", scope=by_hand)

    assert made.scope == "account[orders.read,catalog.write]"


def test_a_connection_that_may_do_nothing_is_refused(desk: Desk, bistro: Connection) -> None:
    answer = desk.post(
        add_url(Connection),
        account=bistro.account.pk,
        client=bistro.client.pk,
        customers="",
        lists="all",
        orders="",
    )

    assert errors_of(answer) == {"scope": ["Choose above what the connection may do."]}


def test_the_page_tells_in_words_what_it_may_do(desk: Desk, bistro: Connection) -> None:
    shown = desk.get(url(bistro)).content.decode()

    assert "Read and write all customer lists of Paris" in shown
    assert "Read and write all orders of Paris" in shown
    assert bistro.scope in shown
    assert bistro.public_id in shown


def test_the_page_names_the_device(desk: Desk, bistro: Connection) -> None:
    Connection.objects.filter(pk=bistro.pk).update(device_id="kiosk 7")

    assert "kiosk 7" in desk.get(url(bistro)).content.decode()


# --- one token --------------------------------------------------------------------------


def revoke_url(connection: Connection, token: AccessToken) -> str:
    return f"{url(connection, 'revoke_token')}?token={token.pk}"


def test_one_token_is_revoked(desk: Desk, bistro: Connection) -> None:
    first, second = HubClient(bistro), HubClient(bistro)
    row = AccessToken.objects.order_by("pk").first()
    assert revoke_url(bistro, row) in desk.get(url(bistro)).content.decode()
    assert revoke_url(bistro, row) in desk.get(url(bistro, "revoke_token")).content.decode()
    assert desk.get(revoke_url(bistro, row)).status_code == 200
    assert first.get("/location").status_code == 200

    assert desk.post(revoke_url(bistro, row)).status_code == 302

    assert first.get("/location").status_code == 401
    assert second.get("/location").status_code == 200
    assert AuditEntry.objects.get().action == "revoked_one"
    assert revoke_url(bistro, row) not in desk.get(url(bistro)).content.decode()


def test_a_token_revoked_twice_stays_revoked_since_the_first(
    desk: Desk, bistro: Connection
) -> None:
    tokens.issue_token(bistro)
    row = AccessToken.objects.get()
    desk.post(revoke_url(bistro, row))
    since = AccessToken.objects.get().revoked_at

    desk.post(revoke_url(bistro, row))

    assert AccessToken.objects.get().revoked_at == since
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("named", ["", "x", "0", "-1", "9" * 30, "1\x00"])
def test_a_token_that_is_none_is_not_found(named: str, desk: Desk, bistro: Connection) -> None:
    assert desk.http.get(url(bistro, "revoke_token"), {"token": named}).status_code == 404


def test_another_connections_token_is_not_found(
    desk: Desk, bistro: Connection, rival: Connection
) -> None:
    api = HubClient(rival)
    token = AccessToken.objects.get()

    for connection in (bistro, rival):
        assert desk.post(revoke_url(connection, token)).status_code == 404
    assert api.get("/location").status_code == 200


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY])
def test_who_may_not_manage_connections_revokes_nothing(role: str, bistro: Connection) -> None:
    api = HubClient(bistro)

    answer = member_desk(bistro.account, role=role).post(
        revoke_url(bistro, AccessToken.objects.get())
    )

    assert answer.status_code in {403, 404}
    assert api.get("/location").status_code == 200


# --- when it was last used --------------------------------------------------------------


@pytest.fixture
def written(transactional_db: None) -> Any:
    """Write uses behind each answer, as the web server does."""
    request_finished.connect(last_used.write_uses)
    yield
    request_finished.disconnect(last_used.write_uses)


def used_at(connection: Connection) -> Any:
    return ConnectionUse.objects.values_list("last_used_at", flat=True).get(connection=connection)


def test_a_call_is_noted_once_a_minute(written: None, bistro: Connection, desk: Desk) -> None:
    assert ">-<" in "".join(desk.get(list_url(Connection)).content.decode().split())
    api = HubClient(bistro)

    api.get("/location")
    first = used_at(bistro)
    tokens.forget_tokens()
    api.get("/location")

    assert timezone.now() - first < timedelta(minutes=1)
    assert used_at(bistro) == first
    shown = desk.get(url(bistro)).content.decode()
    assert local(first, bistro.location) in shown
    assert local(first, bistro.location) in desk.get(list_url(Connection)).content.decode()


def test_a_later_call_moves_it(written: None, bistro: Connection) -> None:
    old = timezone.now() - timedelta(hours=1)
    ConnectionUse.objects.create(account=bistro.account, connection=bistro, last_used_at=old)

    HubClient(bistro).get("/location")

    assert used_at(bistro) > old


def test_another_process_that_noted_it_just_now_is_enough(
    written: None, bistro: Connection
) -> None:
    recent = timezone.now() - timedelta(seconds=30)
    ConnectionUse.objects.create(account=bistro.account, connection=bistro, last_used_at=recent)

    HubClient(bistro).get("/location")

    assert used_at(bistro) == recent


def test_a_call_of_a_blocked_connection_is_noted_as_refused(
    written: None, bistro: Connection
) -> None:
    api = HubClient(bistro)
    tokens.set_blocked(bistro, blocked=True)

    api.get("/location")
    use = ConnectionUse.objects.get()
    api.get("/location")

    assert (use.connection_id, use.last_used_at) == (bistro.pk, None)
    assert use.refused_at is not None
    assert ConnectionUse.objects.get().refused_at == use.refused_at

    tokens.set_blocked(bistro, blocked=False)
    api.get("/location")
    assert ConnectionUse.objects.get().last_used_at is not None


def test_a_note_that_cannot_be_written_harms_nobody(written: None, bistro: Connection) -> None:
    connection = ConnectionFactory(account=bistro.account)
    last_used.note_use(connection)
    last_used.note_use(bistro)
    connection.delete()

    assert HubClient(bistro).get("/location").status_code == 200
    last_used.write_uses()

    assert ConnectionUse.objects.count() <= 1
