"""429 with Retry-After: so many calls a minute (companion, section 2)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database
from django.test import Client as DjangoClient
from django.test.utils import CaptureQueriesContext

from accounts.models import Connection
from accounts.tokens import issue_token
from conftest import HubClient
from hubcustomers.api import throttling
from hubcustomers.api.throttling import Limit, TooManyRequests


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls at once, then one a second."""
    monkeypatch.setattr(throttling, "calls", Limit(per_minute=60, burst=3))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong tokens of one address at once, then two a minute."""
    monkeypatch.setattr(throttling, "refusals", Limit(per_minute=2, burst=2))


def taken(limit: Limit, caller: str = "till") -> bool:
    try:
        limit.take(caller)
    except TooManyRequests:
        return False
    return True


# --- over HTTP --------------------------------------------------------------------------


def test_a_call_too_many_is_told_how_long_to_wait(limited: None, api: HubClient) -> None:
    assert [api.get("/location").status_code for _ in range(3)] == [200, 200, 200]

    r = api.get("/location")

    assert r.status_code == 429
    assert r["Retry-After"] == "1"
    assert r.json() == {
        "message": "Too many requests. Try again in 1 second.",
        "error_type": "too_many_requests",
    }


def test_who_waited_as_told_is_served(limited: None, api: HubClient) -> None:
    for _ in range(4):
        last = api.get("/location")

    time.sleep(int(last["Retry-After"]))

    assert api.get("/location").status_code == 200
    assert api.get("/location").status_code == 429


def test_tokens_of_one_connection_share_its_limit(limited: None, bistro: Connection) -> None:
    first, second = HubClient(bistro), HubClient(bistro)

    statuses = [api.get("/location").status_code for api in (first, second, first, second)]

    assert statuses == [200, 200, 200, 429]


def test_one_connection_does_not_hold_up_another(
    limited: None, api: HubClient, rival_api: HubClient
) -> None:
    for _ in range(4):
        api.get("/location")

    assert rival_api.get("/location").status_code == 200


def test_forbidden_and_broken_calls_count_too(limited: None, api: HubClient) -> None:
    api.get("/account")
    api.get("/customer_lists/nope1")
    api.request("POST", "/location/customer_lists", raw=b"{")

    assert api.get("/location").status_code == 429


def test_a_call_too_many_changes_nothing_and_asks_the_database_nothing(
    limited: None, api: HubClient
) -> None:
    for _ in range(3):
        api.get("/location")

    with CaptureQueriesContext(database) as queries:
        r = api.post("/location/customer_lists", name="New")

    assert r.status_code == 429
    assert queries.captured_queries == []


def test_nobody_is_limited_where_nothing_is_set(api: HubClient) -> None:
    assert throttling.calls is None
    assert throttling.refusals is None
    assert {api.get("/location").status_code for _ in range(50)} == {200}


# --- wrong credentials ------------------------------------------------------------------


def test_wrong_tokens_of_one_address_are_slowed_down(strict: None, api: HubClient) -> None:
    stranger = HubClient(token="f" * 40)

    answers = [stranger.get("/location") for _ in range(3)]

    assert [r.status_code for r in answers] == [401, 401, 429]
    assert answers[-1]["Retry-After"] == "30"
    # The right token is served all the same.
    assert api.get("/location").status_code == 200


def test_wrong_client_secrets_count_as_well(strict: None, bistro: Connection) -> None:
    given = {"client_id": bistro.client.client_id, "client_secret": "x", "code": "y"}

    statuses = [DjangoClient().post("/oauth2/v1/token", given).status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


def test_another_address_is_not_held_up(strict: None, db: None) -> None:
    def call(address: str) -> int:
        sent = {"X-Access-Token": "f" * 40}
        http = DjangoClient(REMOTE_ADDR=address)
        return http.get("/v1/location", headers=sent).status_code

    assert [call("203.0.113.7") for _ in range(3)] == [401, 401, 429]
    assert call("203.0.113.8") == 401
    # Of IPv6 everybody has a whole network.
    assert [call(f"2001:db8::{number}") for number in (1, 2, 3)] == [401, 401, 429]


def test_a_missing_token_is_no_guess(strict: None, db: None) -> None:
    assert {HubClient().get("/location").status_code for _ in range(5)} == {401}


# --- the bucket -------------------------------------------------------------------------


def test_the_rate_is_kept_over_time() -> None:
    moments = iter(range(1000))
    limit = Limit(per_minute=600, burst=5, clock=lambda: next(moments) / 100)

    served = sum(taken(limit) for _ in range(1000))

    # Ten seconds at ten a second, and the five that came at once.
    assert 104 <= served <= 106


def test_a_whole_burst_is_there_again_after_a_pause() -> None:
    now = [0.0]
    limit = Limit(per_minute=7, burst=7, clock=lambda: now[0])

    for _ in range(3):
        assert [taken(limit) for _ in range(8)] == [True] * 7 + [False]
        now[0] += 60


@pytest.mark.parametrize("many", [lambda n: f"caller {n}", lambda n: f"caller {n % 12_000}"])
def test_memory_stays_bounded(many: Callable[[int], str]) -> None:
    limit = Limit(per_minute=1, burst=10)

    for number in range(25_000):
        taken(limit, many(number))

    assert len(limit._full_at) <= 10_001


def test_threads_lose_no_count() -> None:
    limit = Limit(per_minute=1, burst=500)

    with ThreadPoolExecutor(8) as threads:
        served = sum(threads.map(lambda _: taken(limit), range(2000)))

    assert served == 500


def test_counting_costs_next_to_nothing(bistro: Connection) -> None:
    issue_token(bistro)
    limit = Limit(per_minute=1_000_000, burst=1_000_000)
    start = time.perf_counter()

    for _ in range(10_000):
        limit.take(bistro.pk)

    # A hundredth of what a call takes, on any machine.
    assert (time.perf_counter() - start) / 10_000 < 0.000_02
