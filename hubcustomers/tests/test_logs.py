"""What the hub writes down of a request, and what it never does."""

import json
import logging

import pytest
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, connection, transaction
from django.test import Client

from conftest import HubClient
from customers.models import Customer, CustomerList
from hubcustomers.observing import logs
from hubcustomers.observing.logs import JsonFormatter, TextFormatter, lines_about, plainly


@pytest.fixture
def access(caplog: pytest.LogCaptureFixture):
    """Return the fields of the one line about the last request."""

    def read() -> dict[str, object]:
        (line,) = (r for r in caplog.records if r.name == "hubcustomers.access")
        caplog.clear()
        return line.fields

    caplog.set_level(logging.INFO)
    return read


def written(error: BaseException | None = None, text: str = "went wrong") -> dict[str, str]:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("till", logging.ERROR, "", 0, text, None, exc_info)
    return json.loads(JsonFormatter().format(record))


# --- the line of a request ----------------------------------------------------------


def test_a_call_leaves_a_line_without_its_url(
    api: HubClient, customer_list: CustomerList, access
) -> None:
    api.get(f"/customer_lists/{customer_list.public_id}/customers", email="jimmy@dummy-mail.org")

    line = access()
    assert line.pop("ms") > 0
    assert line == {
        "method": "GET",
        "route": "/v1/customer_lists/:customer_list_id/customers",
        "status": 200,
        "connection": api.connection.pk,
    }


def test_so_does_one_that_is_refused(db: None, access) -> None:
    HubClient(token="f" * 40).get("/location", phone="+44123456789")

    line = access()
    assert (line["route"], line["status"], line["connection"]) == ("/v1/location", 401, None)


def test_so_does_a_page(db: None, client: Client, access) -> None:
    client.get("/admin/login/?next=/admin/customers/customer/?q=jimmy@dummy-mail.org")

    line = access()
    assert (line["route"], line["status"]) == ("/admin/login/", 200)


@pytest.mark.parametrize("path", ["/jimmy@dummy-mail.org", "/v1/jimmy@dummy-mail.org"])
def test_a_url_that_nothing_serves_is_not_written_down(client: Client, access, path: str) -> None:
    client.generic("JIMMY", path)

    line = access()
    assert (line["route"], line["status"], line["method"]) == ("none", 404, "other")


def test_probes_leave_no_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/healthz")

    assert [r for r in caplog.records if r.name == "hubcustomers.access"] == []


# --- the id -------------------------------------------------------------------------


def test_each_request_gets_an_id_of_its_own(api: HubClient) -> None:
    first, second = (api.get("/location")["X-Request-Id"] for _ in range(2))

    assert first != second


def test_a_sane_id_is_taken_over(client: Client) -> None:
    r = client.get("/v1/location", headers={"X-Request-Id": "till-4711_9f3a"})

    assert r["X-Request-Id"] == "till-4711_9f3a"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "jimmy@dummy-mail.org", "two words", "a\nb-long-enough", "é" * 9]
)
def test_any_other_is_replaced(client: Client, given: str) -> None:
    r = client.get("/v1/location", headers={"X-Request-Id": given})

    assert r["X-Request-Id"] != given
    assert len(r["X-Request-Id"]) >= 10


def test_a_token_is_no_id(api: HubClient) -> None:
    headers = {"X-Request-Id": api.token, "X-Access-Token": api.token}

    r = api.http.get("/v1/location", headers=headers)

    assert r.status_code == 200
    assert r["X-Request-Id"] != api.token


def test_every_line_of_a_request_carries_its_id(
    api: HubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, str]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    handler = Kept()
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr("accounts.authentication.find_connection", lambda token: 1 / 0)
    try:
        r = api.get("/location")
    finally:
        logging.getLogger().removeHandler(handler)

    assert r.status_code == 500
    assert {line["request_id"] for line in lines} == {r["X-Request-Id"]}
    assert [line["message"] for line in lines] == [
        "Unexpected failure",
        "request",
        "Internal Server Error: (path)",
    ]
    assert "ZeroDivisionError" in lines[0]["exception"]


def test_a_worker_names_what_it_works_on() -> None:
    with lines_about("job-12"):
        with lines_about("job-13"):
            pass
        assert written()["request_id"] == "job-12"


# --- what exceptions must not tell --------------------------------------------------


def database_error(sql: str) -> DatabaseError:
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    return caught.value


def test_a_broken_constraint_is_told_without_the_row(customer: Customer) -> None:
    error = database_error(f"UPDATE customers_customer SET version = NULL WHERE id = {customer.pk}")

    assert "Watson" in str(error)
    told = written(error)["exception"]
    assert "Watson" not in told
    assert "Traceback" in told
    assert "IntegrityError: 23" in told


def test_a_value_that_cannot_be_read_is_not_quoted(db: None) -> None:
    error = database_error("SELECT 'jimmy@dummy-mail.org'::bigint")

    assert "jimmy" in str(error)
    assert plainly(error) == "DataError: 22P02"


def test_a_statement_that_is_wrong_is_quoted(db: None) -> None:
    error = database_error("SELECT nope FROM customers_customer")

    assert plainly(error) == 'ProgrammingError: 42703 column "nope" does not exist'


def test_causes_are_told_with_their_types_alone() -> None:
    try:
        try:
            int("jimmy@dummy-mail.org")
        except ValueError as error:
            raise KeyError("+44123456789") from error
    except KeyError as error:
        told = written(error)["exception"]

    assert "\nValueError\n" in told
    assert told.endswith("KeyError")


def test_what_tells_only_of_code_is_told_whole() -> None:
    assert plainly(AttributeError("no attribute 'x'")) == "AttributeError: no attribute 'x'"


def test_debugging_shows_everything(settings) -> None:
    settings.DEBUG = True

    assert "jimmy@dummy-mail.org" in written(ValueError("jimmy" + "@dummy-mail.org"))["exception"]


def test_a_wrong_host_needs_no_traceback(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/v1/location", headers={"Host": "nope"}).status_code == 400

    (record,) = (r for r in caplog.records if r.name == "django.security.DisallowedHost")
    assert isinstance(record.exc_info[1], DisallowedHost)
    assert "exception" not in json.loads(JsonFormatter().format(record))


# --- layouts ------------------------------------------------------------------------


def test_a_json_line_has_time_level_logger_and_message() -> None:
    line = written(text='a "quoted"\nmessage')

    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"]) == ("ERROR", "till")
    assert line["message"] == 'a "quoted"\nmessage'


def test_a_text_line_has_the_same() -> None:
    record = logging.LogRecord("till", logging.INFO, "", 0, "request", None, None)
    record.fields = {"route": "/v1/location", "connection": None}

    with lines_about("abc-1"):
        line = TextFormatter().format(record)

    assert line.endswith(" INFO till [abc-1]: request route=/v1/location")


def test_paths_in_lines_of_django_are_left_out(rf) -> None:
    request = rf.get("/v1/é/jimmy@dummy-mail.org")
    escaped = request.path.encode("unicode_escape").decode("ascii")
    record = logging.LogRecord("django.request", 40, "", 0, "%s: %s", ("Away", escaped), None)
    record.request = request

    assert json.loads(JsonFormatter().format(record))["message"] == "Away: (path)"


def test_the_layout_is_chosen_by_name() -> None:
    for name, formatter in logs.FORMATTERS.items():
        chosen = logs.logging_settings(layout=name, level="INFO")["formatters"]["line"]["()"]
        assert chosen.endswith(formatter.__name__)
