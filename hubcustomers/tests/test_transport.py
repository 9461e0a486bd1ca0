"""Requests and answers whatever they are about (companion 1 and 2)."""

import io
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection as database
from django.http import HttpResponse
from psycopg import errors as pg
from psycopg_pool import PoolTimeout

from conftest import HubClient
from customers.models import Customer, CustomerList
from hubcustomers.wsgi import application
from loyalty.models import LoyaltyCard

MIB = 1024 * 1024


def list_path(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}"


def customers_path(customer_list: CustomerList) -> str:
    return f"{list_path(customer_list)}/customers"


def customer_path(customer: Customer) -> str:
    return f"{customers_path(customer.customer_list)}/{customer.public_id}"


def envelope(r: HttpResponse, status: int, error_type: str) -> dict[str, Any]:
    """Check that the answer is the envelope, and return it."""
    assert r.status_code == status, r.content
    assert r["Content-Type"] == "application/json"
    body = json.loads(r.content)
    assert body["error_type"] == error_type
    assert body["message"]
    assert set(body) == {"message", "error_type"} | ({"errors"} if status == 422 else set())
    return body


# --- URLs and methods ---------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["", "/", "/nope", "/customer_lists", "/customer_lists/x/y", "/accounts/x/y", "//"]
)
def test_an_unknown_url_is_a_routing_error(api: HubClient, method: str, path: str) -> None:
    envelope(api.request(method, path), 404, "routing_error")


@pytest.mark.parametrize("url", ["/", "/nope", "/v2/location", "/oauth2/v1/nope", "/V1/location"])
def test_so_is_one_outside_the_api(api: HubClient, url: str) -> None:
    envelope(api.http.get(url), 404, "routing_error")


def test_an_unknown_url_needs_no_token(db: None) -> None:
    envelope(HubClient().get("/nope"), 404, "routing_error")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/location", "GET, HEAD"),
        ("POST", "/accounts", "GET, HEAD"),
        ("PUT", "/location/customer_lists", "GET, HEAD, POST"),
        ("DELETE", "/customer_lists/{list}/customers", "GET, HEAD, POST"),
        ("POST", "/customer_lists/{list}", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/customer_lists/{list}/customers/x", "GET, HEAD, PATCH, PUT"),
        ("GET", "/customer_lists/{list}/customers/x/anonymise", "POST"),
        ("TRACE", "/location", "GET, HEAD"),
        ("OPTIONS", "/location", "GET, HEAD"),
        ("BREW", "/location", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    api: HubClient, customer_list: CustomerList, method: str, path: str, allow: str
) -> None:
    r = api.request(method, path.format(list=customer_list.public_id))

    envelope(r, 405, "method_not_allowed")
    assert r["Allow"] == allow


def test_a_trailing_slash_is_tolerated(api: HubClient, customer: Customer) -> None:
    assert api.get("/location/").json() == api.get("/location").json()
    assert api.get(f"{customer_path(customer)}/").status_code == 200
    assert api.patch(f"{customer_path(customer)}/", city="Lyon").json()["city"] == "Lyon"
    assert api.post(f"{customers_path(customer.customer_list)}/").status_code == 200
    assert api.delete(f"{list_path(customer.customer_list)}/").json() == {}


def test_a_trailing_slash_keeps_the_query_string(api: HubClient, customer: Customer) -> None:
    r = api.request("GET", f"{customers_path(customer.customer_list)}/?email=nobody")

    assert r.json() == []


def test_two_trailing_slashes_are_not(api: HubClient) -> None:
    envelope(api.get("/location//"), 404, "routing_error")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "put", "Patch"])
def test_a_post_can_ask_to_be_an_update(api: HubClient, customer: Customer, method: str) -> None:
    headers = {"X-Http-Method-Override": method}

    r = api.request("POST", customer_path(customer), {"city": "Lyon"}, headers=headers)

    assert r.status_code == 200
    assert r.json()["city"] == "Lyon"
    assert r.json()["first_name"] == "Jimmy"


def test_a_post_can_ask_to_be_a_delete(api: HubClient, customer_list: CustomerList) -> None:
    headers = {"X-Http-Method-Override": "DELETE"}

    r = api.request("POST", list_path(customer_list), headers=headers)

    assert r.json() == {}
    assert api.get(list_path(customer_list)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_other_methods_ignore_the_override(
    api: HubClient, customer_list: CustomerList, method: str
) -> None:
    headers = {"X-Http-Method-Override": "DELETE"}

    r = api.request(method, list_path(customer_list), headers=headers)

    assert r.status_code == 200
    assert r.json()["id"] == customer_list.public_id


@pytest.mark.parametrize("odd", ["GET", "HEAD", "OPTIONS", "ANONYMISE", ""])
def test_an_override_to_anything_else_leaves_a_post(
    api: HubClient, customer_list: CustomerList, odd: str
) -> None:
    headers = {"X-Http-Method-Override": odd}

    r = api.request("POST", customers_path(customer_list), {"city": "Lyon"}, headers=headers)

    assert r.json()["city"] == "Lyon"


def test_an_override_is_judged_by_the_scope_too(
    rival_api: HubClient, customer_list: CustomerList
) -> None:
    headers = {"X-Http-Method-Override": "DELETE"}

    envelope(rival_api.request("POST", list_path(customer_list), headers=headers), 404, "not_found")


# --- bodies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a" 1}',
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": +1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": undefined}',
        b'{"a": "\n"}',
        b'{"a": "\\x"}',
        b'{"a": 1} {"b": 2}',
        b"{} x",
        b"first_name=Ada",
        b"\xff\xfe{}",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a": 1, "a": 2}',
        b"\x00",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_malformed_json_is_a_bad_request(
    api: HubClient, customer: Customer, method: str, raw: bytes
) -> None:
    path = customer_path(customer)
    path = path if method == "PATCH" else customers_path(customer.customer_list)

    envelope(api.request(method, path, raw=raw), 400, "bad_request")


@pytest.mark.parametrize("raw", [b"[]", b"null", b"5", b'"x"', b"true", b'[{"first_name": "x"}]'])
def test_a_body_that_is_no_object_is_a_bad_request(
    api: HubClient, customer_list: CustomerList, raw: bytes
) -> None:
    body = envelope(api.request("POST", customers_path(customer_list), raw=raw), 400, "bad_request")

    assert body["message"] == "The body must be a JSON object."


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonp",
        "*/*",
        "application/*; charset=utf-8",
        "nonsense",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_another_content_type_is_unsupported(
    api: HubClient, customer: Customer, method: str, content_type: str
) -> None:
    path = customer_path(customer)
    path = path if method == "PUT" else customers_path(customer.customer_list)

    r = api.request(method, path, raw=b'{"city": "Lyon"}', content_type=content_type)

    envelope(r, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "", None]
)
def test_json_is_taken_however_it_is_announced(
    api: HubClient, customer_list: CustomerList, content_type: str | None
) -> None:
    raw = '{"city": "Liège"}'.encode()

    r = api.request("POST", customers_path(customer_list), raw=raw, content_type=content_type)

    assert r.status_code == 200
    assert r.json()["city"] == "Liège"


def test_a_post_without_body_needs_no_content_type(api: HubClient, customer: Customer) -> None:
    r = api.request("POST", f"{customer_path(customer)}/anonymise", content_type="text/plain")

    assert r.status_code == 200


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"{}", "application/json"),
        (b'{"a": 1}', "application/json"),
        (b"[", "application/json"),
        (b"\xff", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"x", "text/plain"),
    ],
)
def test_get_and_delete_ignore_their_body(
    api: HubClient, customer: Customer, raw: bytes, content_type: str
) -> None:
    r = api.request("GET", customer_path(customer), raw=raw, content_type=content_type)
    assert r.status_code == 200

    path = list_path(customer.customer_list)
    r = api.request("DELETE", path, raw=raw, content_type=content_type)
    assert r.status_code == 200


def padded(size: int) -> bytes:
    return b'{"city": "Lyon"%s}' % (b" " * (size - 16))


def test_a_body_of_1_mib_is_read(api: HubClient, customer_list: CustomerList) -> None:
    r = api.request("POST", customers_path(customer_list), raw=padded(MIB))

    assert r.status_code == 200
    assert r.json()["city"] == "Lyon"


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "GET"])
def test_a_larger_body_is_refused(
    api: HubClient, customer: Customer, method: str, size: int
) -> None:
    path = {
        "POST": customers_path(customer.customer_list),
        "DELETE": list_path(customer.customer_list),
    }.get(method, customer_path(customer))

    envelope(api.request(method, path, raw=padded(size)), 413, "payload_too_large")


def handed_over(token: str, path: str, body: bytes) -> tuple[int, Any]:
    """Call the application as a server does that got a body in chunks; return what it gives."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/v1{path}",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_X_ACCESS_TOKEN": token,
        "CONTENT_TYPE": "application/json",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    status: list[str] = []
    answer = application(environ, lambda line, headers, *rest: status.append(line))
    return int(status[0].split()[0]), answer


def chunked(api: HubClient, path: str, body: bytes) -> tuple[int, Any]:
    status, answer = handed_over(api.token, path, body)
    return status, json.loads(b"".join(answer))


@pytest.mark.django_db(transaction=True)
def test_a_body_in_chunks_is_read(api: HubClient, customer_list: CustomerList) -> None:
    status, body = chunked(api, customers_path(customer_list), b'{"city": "Lyon"}')

    assert status == 200
    assert body["city"] == "Lyon"


@pytest.mark.django_db(transaction=True)
def test_a_larger_body_in_chunks_is_refused(api: HubClient, customer_list: CustomerList) -> None:
    status, body = chunked(api, customers_path(customer_list), padded(2 * MIB))

    assert status == 413
    assert body["error_type"] == "payload_too_large"


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_handed_over_whole_and_its_connection_given_back(
    api: HubClient, customer_list: CustomerList
) -> None:
    _, answer = handed_over(api.token, customers_path(customer_list), b"{}")

    assert isinstance(answer, list)
    assert len(answer) == 1
    assert database.connection is None


# --- answers ------------------------------------------------------------------------


def test_no_answer_is_empty_and_every_one_is_json(api: HubClient, card: LoyaltyCard) -> None:
    base, customer = list_path(card.customer_list), customer_path(card.customer)
    operation = api.post(f"{base}/loyalty_cards/{card.public_id}/operations", delta="1")
    # What a commit would judge; the list must not take the rows away before.
    database.check_constraints()
    answers = [
        operation,
        api.get("/location"),
        api.get(f"{base}/customers"),
        api.get(f"{base}/customers", email="nobody"),
        api.post(f"{base}/customers"),
        api.patch(customer),
        api.post(f"{customer}/anonymise"),
        api.request(
            "GET", customer, headers={"If-Modified-Since": "Sun, 01 Jan 2090 00:00:00 GMT"}
        ),
        api.delete(base),
        api.delete(base),
        api.get("/nope"),
        api.post("/location"),
        HubClient().get("/location"),
    ]

    assert {r.status_code for r in answers} == {200, 401, 404, 405}
    assert all(len(r.content) >= 2 for r in answers)
    assert {r["Content-Type"] for r in answers} == {"application/json"}


def test_every_success_is_a_200(api: HubClient, customer_list: CustomerList) -> None:
    created = api.post(customers_path(customer_list))

    assert created.status_code == 200
    assert api.post("/location/customer_lists", name="x").status_code == 200
    assert api.delete(list_path(customer_list)).status_code == 200


def test_answers_are_utf_8(api: HubClient, customer_list: CustomerList) -> None:
    r = api.post(customers_path(customer_list), city="Liège 🍕")

    assert "Liège 🍕".encode() in r.content


@pytest.mark.parametrize("known", ['"x"', "*"])
def test_who_asks_for_changes_only_gets_the_whole_answer(
    api: HubClient, customer: Customer, known: str
) -> None:
    # A client that did not ask so would crash on a 304; one that did can live without.
    r = api.request("GET", customer_path(customer), headers={"If-None-Match": known})

    assert r.status_code == 200
    assert r.json() == api.get(customer_path(customer)).json()


def test_a_host_that_is_not_ours_is_refused_however_often_it_asks(api: HubClient) -> None:
    for host, status in (("localhost", 200), ("evil.example", 400), ("localhost", 200)) * 2:
        r = api.request("GET", "/location", headers={"Host": host})
        assert r.status_code == status


# --- CORS ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/location", "/nope"])
def test_the_api_allows_any_origin(api: HubClient, path: str) -> None:
    r = api.request("GET", path, headers={"Origin": "https://shop.example"})

    assert r["Access-Control-Allow-Origin"] == "*"
    assert "X-Cursor-Next" in r["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in r


def test_a_browser_may_ask_before_it_sends_a_token(db: None) -> None:
    r = HubClient().request(
        "OPTIONS",
        "/customer_lists/x/customers",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "x-access-token, content-type",
        },
    )

    assert r.status_code == 200
    assert r["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in r["Access-Control-Allow-Methods"]
    assert "x-access-token" in r["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("url", ["/admin/", "/admin/login/", "/oauth2/v1/token", "/nope"])
def test_no_other_place_allows_a_foreign_origin(api: HubClient, url: str) -> None:
    r = api.http.get(url, headers={"Origin": "https://shop.example"})

    assert "Access-Control-Allow-Origin" not in r


# --- failures -----------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, *, times: int = 99) -> list[str]:
    """Let the driver fail so many times at statements over customers; return those it saw."""
    execute = psycopg.Cursor.execute
    failed: list[str] = []

    def fail(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if "customers_customer" in str(query) and len(failed) < times:
            failed.append(str(query))
            raise error
        return execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", fail)
    return failed


def test_an_unexpected_failure_shows_no_internals(
    api: HubClient, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = customer_path(customer)
    failing(monkeypatch, RuntimeError("secret in /srv/hub/settings.py"))

    for r in (api.get(path), api.patch(path, city="x"), api.post(f"{path}/anonymise")):
        body = envelope(r, 500, "internal_error")
        assert body["message"] == "Something went wrong on our side. It has been recorded."
        assert b"secret" not in r.content


def test_nor_does_one_outside_any_view(api: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("secret in /srv/hub/settings.py")

    monkeypatch.setattr("hubcustomers.api.routing.Routes.find", fail)
    api.http.raise_request_exception = False

    r = api.get("/location")

    envelope(r, 500, "internal_error")
    assert b"secret" not in r.content


AWAY = [
    psycopg.OperationalError("server closed the connection unexpectedly"),
    psycopg.InterfaceError("the connection is closed"),
    pg.QueryCanceled("canceling statement due to statement timeout"),
    pg.TooManyConnections("too many clients already"),
    pg.AdminShutdown("terminating connection"),
    pg.CannotConnectNow("the database system is starting up"),
    pg.ConnectionFailure("lost"),
    pg.SerializationFailure("could not serialize access"),
    pg.DeadlockDetected("deadlock detected"),
    PoolTimeout("couldn't get a connection after 2.00 sec"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_database_that_is_away_or_overloaded_is_a_503(
    api: HubClient,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    method: str,
) -> None:
    failing(monkeypatch, error)

    r = api.request(method, customer_path(customer), {"city": "x"})

    body = envelope(r, 503, "service_unavailable")
    assert int(r["Retry-After"]) >= 1
    assert str(error) not in body["message"]


def test_a_lock_that_is_not_had_in_time_is_a_conflict(
    api: HubClient, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, pg.LockNotAvailable("canceling statement due to lock timeout"))

    r = api.patch(customer_path(customer), city="x")

    envelope(r, 409, "conflict")
    assert int(r["Retry-After"]) >= 1


@pytest.mark.parametrize("error", [pg.DeadlockDetected("x"), pg.SerializationFailure("x")])
@pytest.mark.parametrize(("times", "status"), [(1, 200), (2, 200), (3, 503)])
def test_a_write_that_met_another_is_tried_three_times(
    api: HubClient,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    times: int,
    status: int,
) -> None:
    failed = failing(monkeypatch, error, times=times)

    r = api.patch(customer_path(customer), city="Lyon")

    assert r.status_code == status
    assert len(failed) == times


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (pg.NumericValueOutOfRange("secret"), 422),
        (pg.NotNullViolation("secret"), 422),
        (pg.UntranslatableCharacter("secret"), 422),
        (pg.UndefinedTable("secret"), 500),
        (pg.SyntaxError("secret"), 500),
    ],
)
def test_what_the_database_says_stays_inside(
    api: HubClient,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
) -> None:
    failing(monkeypatch, error)

    r = api.patch(customer_path(customer), city="x")

    assert r.status_code == status
    assert b"secret" not in r.content


def test_a_read_is_not_tried_again(
    api: HubClient, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = failing(monkeypatch, pg.DeadlockDetected("x"))

    api.get(customer_path(customer))

    assert len(failed) == 1


# --- one envelope everywhere --------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "status", "error_type"),
    [
        (lambda api, path: api.request("POST", path, raw=b"["), 400, "bad_request"),
        (lambda api, path: api.get(path, count="x"), 400, "bad_request"),
        (lambda api, path: HubClient(token="x").get(path), 401, "unauthorized"),
        (lambda api, path: api.get("/account"), 403, "forbidden"),
        (lambda api, path: api.get(f"{path}/x"), 404, "not_found"),
        (lambda api, path: api.get(f"{path}/x/y/z"), 404, "routing_error"),
        (lambda api, path: api.delete(path), 405, "method_not_allowed"),
        (
            lambda api, path: api.request("POST", path, raw=b"x", content_type="text/plain"),
            415,
            "unsupported_media_type",
        ),
        (lambda api, path: api.post(path, gender="x"), 422, "unprocessable_entity"),
    ],
)
def test_each_refusal_has_its_status_and_type(
    api: HubClient,
    customer_list: CustomerList,
    call: Callable[[HubClient, str], HttpResponse],
    status: int,
    error_type: str,
) -> None:
    envelope(call(api, customers_path(customer_list)), status, error_type)


def test_a_wrong_token_is_told_before_a_wrong_body(customer_list: CustomerList) -> None:
    r = HubClient(token="x").request("POST", customers_path(customer_list), raw=b"[")

    envelope(r, 401, "unauthorized")
