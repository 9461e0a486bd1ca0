"""``POST /oauth2/v1/token``: a code becomes a token, once (companion, section 10)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client as DjangoClient
from django.utils import timezone

from accounts import tokens
from accounts.factories import ClientFactory
from accounts.grants import issue_code
from accounts.models import AuthorizationCode, Client, Connection
from conftest import HubClient
from hubcustomers.models import AuditEntry
from hubcustomers.public_ids import user_ids
from hubcustomers.tests.desk import staff

TOKEN = "/oauth2/v1/token"
BACK = "https://till.example/connected"


@pytest.fixture
def marie(db: None) -> User:
    return staff("marie")


@pytest.fixture
def client(db: None) -> Client:
    return ClientFactory(name="Web shop")


@pytest.fixture
def code(bistro: Connection, client: Client, marie: User) -> str:
    return allow(bistro, client, marie)


def allow(place: Connection, client: Client, user: User, **changes: Any) -> str:
    """Return a code as the page would issue it, for the place of that connection."""
    given = {"location": place.location, "scope": "location[orders.read]", "redirect_uri": BACK}
    return issue_code(place.account, client, user, **{**given, **changes})


def exchange(client: Client, code: str, **more: str) -> HttpResponse:
    credentials = {"client_id": client.client_id, "client_secret": client.client_secret}
    return DjangoClient().post(TOKEN, {**credentials, "code": code, **more})


def basic(client_id: str, secret: str) -> dict[str, str]:
    value = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {value}"}


def message(answer: HttpResponse) -> str:
    """Return the sentence of an answer in the envelope."""
    body = answer.json()
    assert set(body) == {"message", "error_type"}
    return body["message"]


# --- it works ---------------------------------------------------------------------------


def test_a_code_becomes_a_token_with_everything_a_client_stores(
    bistro: Connection, client: Client, marie: User, customer_list: Any
) -> None:
    scope = "location[customer_list.write]"
    code = allow(bistro, client, marie, scope=scope, customer_list_id=customer_list.pk)

    answer = exchange(client, code)

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    made = Connection.objects.get(client=client)
    body = answer.json()
    token = body.pop("access_token")
    assert body == {
        "token_type": "Bearer",
        "scope": scope,
        "account_id": bistro.account.public_id,
        "location_id": bistro.location.public_id,
        "customer_list_id": customer_list.public_id,
        "account_name": "Bistro",
        "location_name": "Paris",
        "customer_list_name": customer_list.name,
        "app_instance_id": made.public_id,
        "user_id": user_ids.encode(marie.pk),
    }
    api = HubClient(token=token)
    assert api.get("/location").json()["name"] == "Paris"
    assert api.get(f"/customer_lists/{customer_list.public_id}").status_code == 200


def test_a_grant_on_a_whole_account_has_no_location(
    bistro: Connection, client: Client, marie: User
) -> None:
    code = allow(bistro, client, marie, location=None, scope="account[orders.read]")

    body = exchange(client, code).json()

    assert (body["location_id"], body["location_name"]) == (None, None)
    assert (body["customer_list_id"], body["customer_list_name"]) == (None, None)
    assert HubClient(token=body["access_token"]).get("/account").status_code == 200


@pytest.mark.parametrize("by", ["form", "multipart", "json", "query", "basic and json", "basic"])
def test_parameters_come_in_every_way_real_clients_use(by: str, client: Client, code: str) -> None:
    http = DjangoClient()
    own = {"client_id": client.client_id, "client_secret": client.client_secret}
    given = {**own, "code": code}
    header = basic(client.client_id, client.client_secret)
    form = "application/x-www-form-urlencoded"

    if by == "form":
        text = "&".join(f"{name}={value}" for name, value in given.items())
        answer = http.post(TOKEN, text, content_type=form)
    elif by == "multipart":
        answer = http.post(TOKEN, given)
    elif by == "json":
        answer = http.post(TOKEN, json.dumps(given), content_type="application/json")
    elif by == "query":
        answer = http.post(TOKEN, query_params=given, content_type=form)
    elif by == "basic and json":
        body = json.dumps({"code": code})
        answer = http.post(TOKEN, body, content_type="application/json", headers=header)
    else:
        # No body, no content type: as curl -X POST sends it.
        answer = http.generic("POST", f"{TOKEN}?code={code}", content_type="", headers=header)

    assert answer.status_code == 200, answer.content
    assert len(answer.json()["access_token"]) == 40


@pytest.mark.parametrize("path", [TOKEN, f"{TOKEN}/"])
def test_a_grant_type_is_taken_where_one_comes(path: str, client: Client, code: str) -> None:
    own = {"client_id": client.client_id, "client_secret": client.client_secret}
    given = {**own, "code": code, "redirect_uri": BACK, "grant_type": "authorization_code"}

    assert DjangoClient().post(path, given).status_code == 200


def test_who_allowed_it_stands_in_the_audit_trail(client: Client, code: str, marie: User) -> None:
    exchange(client, code)

    told = AuditEntry.objects.order_by("pk").values_list("user", "action", "resource_name")
    name = "Web shop on Bistro / Paris"
    assert list(told) == [(marie.pk, "created", name), (marie.pk, "issued", name)]


def test_only_a_hash_of_the_code_is_stored(client: Client, code: str) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT c::text, code_hash FROM accounts_authorizationcode c")
        [(row, code_hash)] = cursor.fetchall()

    assert code not in row
    assert bytes(code_hash) == sha256(code.encode()).digest()


# --- it refuses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", ["id", "secret", "half a character", "another's secret", "basic", "unreadable"]
)
def test_wrong_credentials_are_refused(wrong: str, client: Client, code: str) -> None:
    http = DjangoClient()
    other = ClientFactory()
    own = {"client_id": client.client_id, "client_secret": client.client_secret, "code": code}
    answer = {
        "id": lambda: http.post(TOKEN, {**own, "client_id": "a\x00b"}),
        "secret": lambda: http.post(TOKEN, {**own, "client_secret": "é" * 48}),
        "half a character": lambda: http.post(
            TOKEN, {**own, "client_secret": "\ud800"}, content_type="application/json"
        ),
        "another's secret": lambda: http.post(TOKEN, {**own, "client_secret": other.client_secret}),
        "basic": lambda: http.post(TOKEN, own, headers=basic(client.client_id, "x")),
        "unreadable": lambda: http.post(TOKEN, own, headers={"Authorization": "Basic é"}),
    }[wrong]()

    assert answer.status_code == 401
    assert answer.json()["error_type"] == "unauthorized"
    assert answer["WWW-Authenticate"].startswith("Basic")
    assert exchange(client, code).status_code == 200


def test_missing_credentials_are_refused(code: str) -> None:
    answer = DjangoClient().post(TOKEN, {"code": code})

    assert answer.status_code == 401
    assert message(answer) == "The client id and the client secret are missing."


def test_a_code_works_once(client: Client, code: str) -> None:
    first = exchange(client, code).json()["access_token"]

    again = exchange(client, code)

    assert again.status_code == 400
    assert again.json() == {
        "message": "The code has been used already.",
        "error_type": "bad_request",
    }
    # Whoever has the first token keeps it: a client that repeats its call is no thief.
    assert HubClient(token=first).get("/location").status_code == 200


@pytest.mark.xdist_group("many connections")
@pytest.mark.django_db(transaction=True)
def test_of_many_that_race_with_one_code_one_gets_a_token(
    client: Client, bistro: Connection, marie: User
) -> None:
    code, racers = allow(bistro, client, marie), 8
    start = Barrier(racers)

    def race(_number: int) -> int:
        try:
            start.wait()
            return exchange(client, code).status_code
        finally:
            database.close()

    with ThreadPoolExecutor(racers) as pool:
        statuses = sorted(pool.map(race, range(racers)))

    assert statuses == [200, *[400] * (racers - 1)]
    assert Connection.objects.get(client=client).tokens.count() == 1


@pytest.mark.xdist_group("many connections")
@pytest.mark.django_db(transaction=True)
def test_codes_for_one_place_that_race_make_one_connection(
    client: Client, bistro: Connection, marie: User
) -> None:
    codes = [allow(bistro, client, marie) for _ in range(6)]
    start = Barrier(len(codes))

    def race(code: str) -> tuple[int, str]:
        try:
            start.wait()
            answer = exchange(client, code)
            return answer.status_code, answer.json()["app_instance_id"]
        finally:
            database.close()

    with ThreadPoolExecutor(len(codes)) as pool:
        answers = set(pool.map(race, codes))

    assert answers == {(200, Connection.objects.get(client=client).public_id)}


@pytest.mark.parametrize("seconds", [601, 86_400])
def test_a_code_is_too_old_after_ten_minutes(seconds: int, client: Client, code: str) -> None:
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))

    answer = exchange(client, code)

    assert answer.status_code == 400
    assert message(answer) == "The code has expired."


def test_a_code_lives_almost_ten_minutes(client: Client, code: str) -> None:
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(seconds=590))

    assert exchange(client, code).status_code == 200


@pytest.mark.parametrize("code", ["", "nonsense", "0" * 40, "é", "a\x00b", "x" * 5000])
def test_what_is_no_code_is_refused(code: str, client: Client) -> None:
    answer = exchange(client, code)

    assert answer.status_code == 400
    assert message(answer) in {"The code is unknown.", "The code is missing."}


def test_a_code_of_another_client_is_refused_and_stays_good(client: Client, code: str) -> None:
    assert exchange(ClientFactory(), code).status_code == 400

    assert exchange(client, code).status_code == 200


def test_a_code_sent_elsewhere_is_refused(client: Client, code: str) -> None:
    answer = exchange(client, code, redirect_uri="https://evil.example/")

    assert answer.status_code == 400
    assert exchange(client, code).status_code == 200


def test_a_user_who_left_meanwhile_grants_nothing(client: Client, code: str, marie: User) -> None:
    User.objects.update(is_active=False)

    assert exchange(client, code).status_code == 400
    assert not Connection.objects.filter(client=client).exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"<a/>", "application/xml", 415),
        (b'{"code": {"a": 1}, "client_id": 5}', "application/json", 400),
        (b"\xff\xfe=%", "application/x-www-form-urlencoded", 401),
        (b"x" * (1024 * 1024 + 1), "application/x-www-form-urlencoded", 413),
    ],
)
def test_a_broken_body_is_refused_in_the_envelope(
    db: None, body: bytes, content_type: str, status: int
) -> None:
    answer = DjangoClient().generic("POST", TOKEN, body, content_type=content_type)

    assert answer.status_code == status
    message(answer)


def test_another_grant_type_is_refused(client: Client, code: str) -> None:
    answer = exchange(client, code, grant_type="password")

    assert answer.status_code == 400
    assert exchange(client, code).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(db: None, method: str) -> None:
    answer = DjangoClient().generic(method, TOKEN)

    assert answer.status_code == 405
    assert answer["Allow"] == "POST"


def test_no_other_site_may_read_the_answer(client: Client, code: str) -> None:
    page = {"Origin": "https://evil.example"}
    answers = [
        DjangoClient().post(TOKEN, {"code": code}, headers=page),
        DjangoClient().options(TOKEN, headers={**page, "Access-Control-Request-Method": "POST"}),
    ]

    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


# --- the connection that there is -------------------------------------------------------


def test_the_same_place_gets_its_connection_back_with_a_token_that_works(
    bistro: Connection, client: Client, marie: User
) -> None:
    first = exchange(client, allow(bistro, client, marie)).json()
    tokens.revoke_tokens(Connection.objects.get(client=client))

    second = exchange(client, allow(bistro, client, marie)).json()

    assert second["app_instance_id"] == first["app_instance_id"]
    assert second["access_token"] != first["access_token"]
    assert HubClient(token=second["access_token"]).get("/location").status_code == 200
    assert HubClient(token=first["access_token"]).get("/location").status_code == 401


def test_a_token_that_was_not_revoked_goes_on_working(
    bistro: Connection, client: Client, marie: User
) -> None:
    first, second = (exchange(client, allow(bistro, client, marie)).json() for _ in range(2))

    for granted in (first, second):
        assert HubClient(token=granted["access_token"]).get("/location").status_code == 200


def test_a_connection_made_by_hand_is_given_back_too(bistro: Connection, marie: User) -> None:
    granted = exchange(bistro.client, allow(bistro, bistro.client, marie)).json()

    assert granted["app_instance_id"] == bistro.public_id


def test_another_place_gets_its_own(
    bistro: Connection, rival: Connection, client: Client, marie: User
) -> None:
    grants = [
        allow(bistro, client, marie),
        allow(bistro, client, marie, location=None, scope="account[orders.read]"),
        allow(rival, client, marie),
    ]

    assert len({exchange(client, code).json()["app_instance_id"] for code in grants}) == 3


def test_another_device_gets_its_own(bistro: Connection, client: Client, marie: User) -> None:
    def app_instance(code: str, **more: str) -> str:
        return exchange(client, code, **more).json()["app_instance_id"]

    plain = app_instance(allow(bistro, client, marie))
    kiosk = app_instance(allow(bistro, client, marie, device_id="kiosk 1"))
    named_late = app_instance(allow(bistro, client, marie), device_id="kiosk 2")

    assert len({plain, kiosk, named_late}) == 3
    assert app_instance(allow(bistro, client, marie, device_id="kiosk 1")) == kiosk
    assert app_instance(allow(bistro, client, marie), device_id="kiosk 2") == named_late


def test_what_is_allowed_now_replaces_what_was(
    bistro: Connection, client: Client, marie: User, customer_list: Any
) -> None:
    narrow, wide = "location[customer_list.read]", "location[all_customer_lists.write]"
    first = exchange(
        client, allow(bistro, client, marie, scope=narrow, customer_list_id=customer_list.pk)
    ).json()
    old = HubClient(token=first["access_token"])
    assert old.post("/location/customer_lists", name="New").status_code == 403

    second = exchange(client, allow(bistro, client, marie, scope=wide)).json()

    assert (second["scope"], second["customer_list_id"]) == (wide, None)
    assert old.post("/location/customer_lists", name="New").status_code == 200
    changed = AuditEntry.objects.get(action="changed")
    assert changed.changed_fields == ["customer_list", "scope"]

    exchange(client, allow(bistro, client, marie, scope="location[orders.read]"))
    assert old.get("/location/customer_lists").status_code == 403


def test_a_blocked_connection_stays_blocked(
    bistro: Connection, client: Client, marie: User
) -> None:
    exchange(client, allow(bistro, client, marie))
    connection = Connection.objects.get(client=client)
    code = allow(bistro, client, marie)
    tokens.set_blocked(connection, blocked=True)

    answer = exchange(client, code)

    assert answer.status_code == 403
    assert "blocked" in message(answer)
    assert Connection.objects.get(client=client).blocked_at is not None
    assert connection.tokens.count() == 1

    tokens.set_blocked(connection, blocked=False)
    assert exchange(client, code).status_code == 200


def test_old_codes_go_when_new_ones_come(
    bistro: Connection, client: Client, marie: User, code: str
) -> None:
    AuthorizationCode.objects.update(created_at=timezone.now() - timedelta(days=2))

    allow(bistro, client, marie)

    assert AuthorizationCode.objects.count() == 1
