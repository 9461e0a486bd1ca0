"""``POST /oauth2/v1/revoke`` (companion, section 10)."""

import json
from typing import Any

import pytest
from django.test import Client as DjangoClient

from accounts.factories import ClientFactory
from accounts.models import AccessToken, Connection
from accounts.tokens import issue_token
from conftest import HubClient

REVOKE = "/oauth2/v1/revoke"


def own(connection: Connection) -> dict[str, str]:
    client = connection.client
    return {"client_id": client.client_id, "client_secret": client.client_secret}


def works(token: str) -> bool:
    return HubClient(token=token).get("/location").status_code == 200


@pytest.mark.parametrize("by", ["form", "json", "query"])
@pytest.mark.parametrize("named", [True, False])
def test_a_token_is_given_back(by: str, named: bool, bistro: Connection) -> None:
    token, other = issue_token(bistro), issue_token(bistro)
    assert works(token)
    given: dict[str, Any] = {"token": token, **(own(bistro) if named else {})}
    http = DjangoClient()

    if by == "form":
        answer = http.post(REVOKE, given)
    elif by == "json":
        answer = http.post(REVOKE, json.dumps(given), content_type="application/json")
    else:
        answer = http.post(REVOKE, query_params=given)

    assert (answer.status_code, answer.json()) == (200, {})
    assert not works(token)
    assert works(other)


def test_a_token_given_back_twice_stays_revoked_since_the_first(bistro: Connection) -> None:
    token = issue_token(bistro)
    DjangoClient().post(REVOKE, {"token": token})
    first = AccessToken.objects.get().revoked_at

    answer = DjangoClient().post(REVOKE, {"token": token})

    assert (answer.status_code, answer.json()) == (200, {})
    assert AccessToken.objects.get().revoked_at == first


@pytest.mark.parametrize("token", ["nonsense", "é", "a\x00b", "0" * 40])
def test_an_unknown_token_is_no_mistake(db: None, token: str) -> None:
    answer = DjangoClient().post(REVOKE, {"token": token})

    assert (answer.status_code, answer.json()) == (200, {})


def test_a_missing_token_is_refused(bistro: Connection) -> None:
    answer = DjangoClient().post(REVOKE, own(bistro))

    assert answer.status_code == 400
    assert answer.json() == {"message": "The token is missing.", "error_type": "bad_request"}


def test_wrong_credentials_revoke_nothing(bistro: Connection) -> None:
    token = issue_token(bistro)

    answer = DjangoClient().post(REVOKE, {**own(bistro), "client_secret": "x", "token": token})

    assert answer.status_code == 401
    assert works(token)


def test_another_client_revokes_nothing(bistro: Connection, rival: Connection) -> None:
    token = issue_token(bistro)
    stranger = ClientFactory()
    credentials = {"client_id": stranger.client_id, "client_secret": stranger.client_secret}

    answer = DjangoClient().post(REVOKE, {**credentials, "token": token})

    assert answer.status_code == 400
    assert works(token)


@pytest.mark.parametrize("name", ["token", "client_id", "client_secret"])
def test_what_is_no_text_is_refused(name: str, bistro: Connection) -> None:
    given = {"token": issue_token(bistro), name: 7}

    answer = DjangoClient().post(REVOKE, json.dumps(given), content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["message"] == f"The {name} must be a text."
    assert AccessToken.objects.filter(revoked_at=None).exists()
