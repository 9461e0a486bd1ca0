"""The cast of every test: a bistro with its till, and a rival who sees nothing of it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.http import HttpResponse
from django.test import Client as DjangoClient

from accounts.factories import ConnectionFactory
from accounts.last_used import forget_uses
from accounts.models import Connection
from accounts.tokens import forget_tokens, issue_token
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers import exact_json
from hubcustomers.tenancy.tripwire import refuse_unscoped
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard
from tests.browser.chromium import chromium
from tests.contract import hold_to_document
from tests.planted import watch, watched_logs


class HubClient:
    """Calls the API with the token of one connection, watched by the tripwire.

    Each answer is held to the API's document.

    Keyword arguments of the writing methods make the JSON body; ``data`` takes a body
    whose names are no Python names.
    """

    def __init__(self, connection: Connection | None = None, *, token: str | None = None) -> None:
        """Take the connection, or a token of nobody's."""
        self.connection = connection
        self.token = issue_token(connection) if connection is not None else token
        self.http = DjangoClient()

    def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        raw: bytes | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        """Send one request below /v1 and return the answer."""
        watch.note(data)
        sent = dict(headers or {})
        if self.token is not None:
            sent["X-Access-Token"] = self.token
        body = raw if raw is not None else b"" if data is None else exact_json.dumps(data)
        with connection.execute_wrapper(refuse_unscoped):
            answer = self.http.generic(
                method, f"/v1{path}", body, content_type=content_type, headers=sent
            )
        return hold_to_document(answer)

    def get(self, path: str, /, **params: str) -> HttpResponse:
        """Read, with the parameters in the query string."""
        watch.note(params)
        with connection.execute_wrapper(refuse_unscoped):
            headers = {"X-Access-Token": self.token} if self.token is not None else {}
            answer = self.http.get(f"/v1{path}", params, headers=headers)
        return hold_to_document(answer)

    def post(self, path: str, /, data: Any = None, **fields: Any) -> HttpResponse:
        """Create."""
        return self.request("POST", path, fields if data is None else data)

    def put(self, path: str, /, data: Any = None, **fields: Any) -> HttpResponse:
        """Update."""
        return self.request("PUT", path, fields if data is None else data)

    def patch(self, path: str, /, data: Any = None, **fields: Any) -> HttpResponse:
        """Update."""
        return self.request("PATCH", path, fields if data is None else data)

    def delete(self, path: str, /) -> HttpResponse:
        """Delete."""
        return self.request("DELETE", path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if chromium() is None:
        terminalreporter.write_line(
            "The tests in tests/browser were left out: no Chromium is installed here"
            " (the variable CHROMIUM may name one).",
            yellow=True,
        )


@pytest.fixture(autouse=True, scope="session")
def _nobody_is_named_in_the_logs() -> Iterator[None]:
    # Fails the last test of the session, of each process where there are several.
    with watched_logs():
        yield
    assert watch.leaks() == []


@pytest.fixture(autouse=True)
def _forget_tokens() -> None:
    # Ids are used again between tests, tokens of a former test must mean nothing.
    forget_tokens()
    forget_uses()


@pytest.fixture(autouse=True, scope="session")
def _empty_the_ledger_between_tests() -> Iterator[None]:
    # The ledger refuses TRUNCATE; between transactional tests its owner overrules that.
    flush = DatabaseOperations.execute_sql_flush

    def overruled(self: DatabaseOperations, sql_list: list[str]) -> None:
        role = "session_replication_role"
        flush(self, [f"SET {role} = replica", *sql_list, f"RESET {role}"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", overruled)
        yield


@pytest.fixture(autouse=True, scope="module")
def _give_connections_back() -> Iterator[None]:
    yield
    # A race leaves its connections in the pool; the races of other files may need them.
    pool = connection.pool
    if pool is not None and pool.get_stats().get("pool_size", 0) > 16:
        connection.close()
        connection.close_pool()
        time.sleep(0.5)  # The server takes a moment to end what served them.


@pytest.fixture
def bistro(db: None) -> Connection:
    """The till of a bistro's one location, allowed to do everything."""
    return ConnectionFactory(account__name="Bistro", location__name="Paris")


@pytest.fixture
def rival(db: None) -> Connection:
    """Another tenant's till."""
    return ConnectionFactory(account__name="Rival", location__name="Lyon")


@pytest.fixture
def api(bistro: Connection) -> HubClient:
    """The bistro's till."""
    return HubClient(bistro)


@pytest.fixture
def account_api(bistro: Connection) -> HubClient:
    """Another client of the bistro, with a token of the whole account."""
    return HubClient(ConnectionFactory(account=bistro.account, account_level=True))


@pytest.fixture
def rival_api(rival: Connection) -> HubClient:
    """The rival's till."""
    return HubClient(rival)


@pytest.fixture
def customer_list(bistro: Connection) -> CustomerList:
    """A list of the bistro's location."""
    return CustomerListFactory(account=bistro.account, location=bistro.location)


@pytest.fixture
def customer(customer_list: CustomerList) -> Customer:
    """A customer in the bistro's list."""
    return CustomerFactory(customer_list=customer_list)


@pytest.fixture
def card(customer: Customer) -> LoyaltyCard:
    """The customer's card."""
    return LoyaltyCardFactory(customer=customer)
