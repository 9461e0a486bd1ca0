"""Access tokens: sent in X-Access-Token, kept as a hash, revoked and blocked (companion 3)."""

import time
from collections.abc import Callable
from hashlib import sha256

import pytest
from django.db import connection as database
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import AccessToken, Connection
from accounts.tokens import issue_token, revoke_tokens, set_blocked
from conftest import HubClient

BLOCKED = "The connection of this access token is blocked."
REVOKED = "The access token has been revoked."


def refused(message: str) -> dict[str, str]:
    return {"message": message, "error_type": "unauthorized"}


def test_a_missing_token_is_refused(db: None) -> None:
    r = HubClient().get("/location")

    assert r.status_code == 401
    assert r.json() == refused("The X-Access-Token header is missing.")


@pytest.mark.parametrize("token", ["nonsense", "0" * 40, "é", " ", "x" * 5000, "a\x00b", "' or 1"])
def test_an_unknown_token_is_refused(db: None, token: str) -> None:
    r = HubClient(token=token).get("/location")

    assert r.status_code == 401
    assert r.json() == refused("The access token is unknown.")


def test_an_empty_token_counts_as_missing(db: None) -> None:
    r = HubClient(token="").get("/location")

    assert r.status_code == 401
    assert r.json() == refused("The X-Access-Token header is missing.")


def test_a_revoked_token_is_refused(api: HubClient, bistro: Connection) -> None:
    revoke_tokens(bistro)

    r = api.get("/location")

    assert r.status_code == 401
    assert r.json() == refused(REVOKED)


def test_a_token_of_a_blocked_connection_is_refused(api: HubClient, bistro: Connection) -> None:
    set_blocked(bistro, blocked=True)

    r = api.get("/location")

    assert r.status_code == 401
    assert r.json() == refused(BLOCKED)


def test_an_unblocked_connection_is_let_in_again(api: HubClient, bistro: Connection) -> None:
    set_blocked(bistro, blocked=True)

    set_blocked(bistro, blocked=False)

    assert api.get("/location").status_code == 200


def test_a_new_token_works_beside_the_old_one(api: HubClient, bistro: Connection) -> None:
    second = HubClient(token=issue_token(bistro))

    assert second.get("/location").json() == api.get("/location").json()


def test_revoking_leaves_other_connections_alone(
    api: HubClient, account_api: HubClient, bistro: Connection
) -> None:
    revoke_tokens(bistro)

    assert api.get("/location").status_code == 401
    assert account_api.get("/account").status_code == 200


def test_only_a_hash_of_the_token_is_stored(bistro: Connection) -> None:
    token = issue_token(bistro)

    with database.cursor() as cursor:
        cursor.execute("SELECT t::text, token_hash FROM accounts_accesstoken t")
        [(row, token_hash)] = cursor.fetchall()

    assert token not in row
    assert token.encode().hex() not in row
    assert bytes(token_hash) == sha256(token.encode()).digest()


def test_the_client_secret_is_not_stored_in_the_clear(bistro: Connection) -> None:
    secret = bistro.client.client_secret

    with database.cursor() as cursor:
        cursor.execute("SELECT c::text FROM accounts_client c")
        rows = cursor.fetchall()

    assert len(secret) >= 32
    assert all(secret not in row for (row,) in rows)


def test_tokens_differ_and_cannot_be_guessed(bistro: Connection) -> None:
    tokens = {issue_token(bistro) for _ in range(20)}

    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 32


# What another process does: this one's memory is not told.


def _revoke(connection: Connection) -> None:
    rows = AccessToken.objects.for_account(connection.account_id)
    rows.filter(connection=connection).update(revoked_at=timezone.now())


def _block(connection: Connection) -> None:
    rows = Connection.objects.for_account(connection.account_id)
    rows.filter(pk=connection.pk).update(blocked_at=timezone.now())


@pytest.mark.parametrize(("refuse", "message"), [(_revoke, REVOKED), (_block, BLOCKED)])
def test_a_process_that_remembers_the_token_refuses_it_within_a_second(
    bistro: Connection, refuse: Callable[[Connection], None], message: str
) -> None:
    api = HubClient(bistro)
    assert api.get("/location").status_code == 200

    refuse(bistro)
    time.sleep(1.05)

    r = api.get("/location")
    assert r.status_code == 401
    assert r.json() == refused(message)


def test_calling_all_the_time_does_not_lengthen_the_memory(bistro: Connection) -> None:
    api = HubClient(bistro)
    assert api.get("/location").status_code == 200
    _revoke(bistro)

    until = time.monotonic() + 1.05
    while time.monotonic() < until:
        api.get("/location")

    assert api.get("/location").status_code == 401


def test_a_token_never_expires(db: None) -> None:
    connection = ConnectionFactory()
    api = HubClient(connection)
    AccessToken.objects.for_account(connection.account_id).update(created_at="1999-01-01T00:00Z")

    assert api.get("/location").status_code == 200
