"""``manage.py pull_account`` and a server that is busy, breaks, lies or goes in circles."""

import json
import os
from typing import Any

import pytest

from customers.models import Customer
from loyalty.models import LoyaltyCard, LoyaltyOperation
from loyalty.proof import Scope, prove
from transfer.pulling import client
from transfer.pulling.histories import CORRECTION
from transfer.tests.commands import Ended, run
from transfer.tests.servers import Answer, Behave, misbehaving

pytestmark = pytest.mark.django_db(transaction=True)

ACCOUNT = Answer({"id": "acc01", "name": "There", "currency": "EUR"})
LISTS = "/v1/account/customer_lists?count=100"
CUSTOMERS = "/v1/customer_lists/list1/customers?count=100"
OPERATIONS = "/v1/customer_lists/list1/loyalty_cards/card1/operations?count=100"
OLD = "2020-01-18T12:37:21+02:00"


def customer(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"cust{number}", "first_name": "Jo", "loyalty_cards": [], **more}


def card(balance: str = "4.0", **more: Any) -> dict[str, Any]:
    return {"id": "card1", "name": "", "ref": None, "balance": balance, **more}


def operation(number: int, delta: str, balance: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"op{number}", "created_at": OLD, "delta": delta, "new_balance": balance,
        "reason": None, "order_id": None, **more,
    }  # fmt: skip


def server(**answers: Any) -> Behave:
    """Return a server with one customer with one card, but for what is told otherwise."""
    usual: dict[str, Any] = {
        "/v1/account": ACCOUNT,
        LISTS: Answer([{"id": "list1", "name": "People"}]),
        "/v1/locations?count=100": Answer([]),
        CUSTOMERS: Answer([customer(loyalty_cards=[card()])]),
        OPERATIONS: Answer([operation(2, "3", "4"), operation(1, "1", "1")]),
    }
    names = {"account": "/v1/account", "lists": LISTS, "customers": CUSTOMERS}
    usual |= {names.get(name, OPERATIONS): told for name, told in answers.items()}

    def behave(path: str, times: int) -> Answer:
        told = usual.get(path, Answer({"message": "no such"}, 404))
        return told(times) if callable(told) else told

    return behave


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(client, "sleep", waited.append)
    return waited


def pull(behave: Behave, *words: str) -> tuple[Ended, list[str]]:
    with misbehaving(behave) as (url, asked):
        given = ["--url", url, "--token", "secret", "--account", "Here", "--rate", "1000"]
        return run("pull_account", *given, "--json", *words), asked


def test_a_busy_server_is_waited_for(slept) -> None:
    def busy(times: int) -> Answer:
        if times < 3:
            return Answer({}, 429, Retry_After="7")
        if times == 3:
            return Answer({}, 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
        return Answer([])

    ended, _asked = pull(server(customers=busy))

    assert ended.status == 0
    assert json.loads(ended.out)["waits"] == 3
    assert [seconds for seconds in slept if seconds > 1] == [7.0, 7.0]


def test_what_breaks_now_and_then_is_tried_again(slept) -> None:
    good = [operation(1, "4", "4")]
    answers = [
        Answer({}, 500), Answer(good, cut=True), Answer(b'[{"id": "op'), Answer(b"<html>", 200),
        Answer({}, 502),
    ]  # fmt: skip

    ended, asked = pull(
        server(operations=lambda times: answers[times - 1] if times <= 5 else Answer(good))
    )

    assert ended.status == 0, ended.out
    assert asked.count(OPERATIONS) == 6
    assert [seconds for seconds in slept if seconds >= 1] == [1, 2, 4, 8, 16]
    assert LoyaltyCard.objects.get().balance == 4


def test_a_server_that_stays_away_stops_the_run_and_the_next_one_goes_on() -> None:
    is_away = True
    good = server()

    def behave(path: str, times: int) -> Answer:
        return Answer({}, 500) if is_away and path == OPERATIONS else good(path, times)

    with misbehaving(behave) as (url, _asked):
        words = ["--url", url, "--token", "secret", "--account", "Here", "--rate", "1000"]
        ended = run("pull_account", *words)
        is_away = False
        again = run("pull_account", *words)

    assert ended.status == 1
    assert "after 6 tries. The same command goes on from here." in ended.err
    assert (again.status, "Both sides are the same" in again.out) == (0, True)
    assert Customer.objects.count() == LoyaltyCard.objects.count() == 1
    assert LoyaltyOperation.objects.count() == 2


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
def test_pages_that_go_in_circles_are_told(cursors) -> None:
    asked: list[str] = []

    def behave(path: str, times: int) -> Answer:
        if not path.startswith(CUSTOMERS):
            return server()(path, times)
        asked.append(path)
        return Answer([], X_Cursor_Next=cursors[len(asked) - 1])

    ended, _asked = pull(behave)

    assert ended.status == 1
    assert "go in circles" in ended.err
    assert len(asked) == len(cursors)


def test_an_empty_cursor_means_that_there_is_no_more() -> None:
    ended, asked = pull(server(customers=Answer([], X_Cursor_Next="")))

    assert ended.status == 0
    # Once to copy, once to compare.
    assert asked.count(CUSTOMERS) == 2


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (Answer({"message": "The token is unknown."}, 401), "401: 'The token is unknown.'"),
        (Answer(b"", 302, Location="http://evil.example/"), "sends us to 'http://evil.example/'"),
        (Answer([1, 2]), "is not an object"),
        (Answer({"id": 7, "name": "x"}), "id must be a string"),
        (Answer({"id": "x", "name": "\ud800"}), "name contains characters"),
        (Answer(b"[" * 100_000), "is not JSON"),
    ],
)
def test_a_server_that_says_nonsense_is_refused(told, sentence) -> None:
    def behave(path: str, _times: int) -> Answer:
        return told

    ended, asked = pull(behave)

    assert ended.status == 2
    assert sentence in ended.err
    assert not any("evil" in path for path in asked)


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"first_name": "\0"}, "first_name contains characters that cannot be stored"),
    ({"gender": "robot"}, "gender must be one of"),
    ({"latitude": "1e400"}, "latitude must be a decimal"),
    ({"custom_fields": [1]}, "custom_fields must be an object"),
    ({"loyalty_cards": {"a": 1}}, "loyalty_cards must be an array"),
    ({"loyalty_cards": [card("NaN")]}, "balance must be a decimal"),
    ({"loyalty_cards": [card(), card()]}, "loyalty_cards has a card twice"),
    ({"id": ""}, "id is required"),
    ({"id": "x" * 65}, "id is too long"),
    ({"created_at": "3020-01-01T00:00:00Z"}, "created_at must be a time"),
]


def test_hostile_customers_are_refused_one_by_one() -> None:
    rows = [{**customer(number), **fields} for number, (fields, _) in enumerate(HOSTILE)]

    ended, _asked = pull(server(customers=Answer([*rows, "x", customer(99)])))

    told = json.loads(ended.out)
    assert ended.status == 1
    assert Customer.objects.count() == 1
    for refused, (_fields, sentence) in zip(told["refused"], HOSTILE, strict=False):
        assert sentence in refused["reason"]
    assert len(told["refused"]) == len(HOSTILE) + 1


@pytest.mark.parametrize(
    ("operations", "movements"),
    [
        # The balance began before the first operation that is told.
        ([operation(1, "1", "4")], [("3.0", "Opening balance"), ("1.0", None)]),
        # Something is missing in the middle.
        (
            [operation(3, "1", "4"), operation(1, "1", "1")],
            [("1.0", None), ("2.0", CORRECTION), ("1.0", None)],
        ),
        ([], [("4.0", "Opening balance")]),
    ],
)  # fmt: skip
def test_a_chain_with_gaps_is_filled_up_and_told(operations, movements) -> None:
    ended, _asked = pull(server(operations=Answer(operations)))

    told = json.loads(ended.out)
    assert ended.status == 0, told
    assert told["counts"].get("opening balances", 0) + told["counts"].get("corrections", 0) == 1
    found = LoyaltyOperation.objects.order_by("sequence").values_list("delta", "reason")
    assert [(f"{delta:.1f}", reason) for delta, reason in found] == movements
    assert LoyaltyCard.objects.get().balance == 4
    assert [faults for _proof, faults in prove(Scope()) if faults] == []
    if operations:
        first = LoyaltyOperation.objects.order_by("sequence")[0]
        assert first.created_at.isoformat() == "2020-01-18T10:37:21+00:00"


@pytest.mark.parametrize(
    ("operations", "sentence"),
    [
        ([operation(1, "1", "4"), operation(1, "1", "3")], "operation op1 is there twice"),
        ([{**operation(1, "1", "1"), "created_at": "now"}], "created_at must be a time"),
        ([operation(1, "1e3", "4")], "delta must be a decimal"),
        ([operation(1, "9" * 14, "9" * 14), operation(0, "1", "0")], None),
    ],
)
def test_a_history_that_cannot_be_kept_leaves_the_card_empty(operations, sentence) -> None:
    ended, _asked = pull(server(operations=Answer(operations)))

    told = json.loads(ended.out)
    assert ended.status == 1
    if sentence:
        assert sentence in told["refused"][0]["reason"]
        assert LoyaltyCard.objects.get().balance == 0
    assert [faults for _proof, faults in prove(Scope()) if faults] == []


def test_requests_keep_their_distance(slept) -> None:
    with misbehaving(server()) as (url, asked):
        words = ["--url", url, "--token", "x", "--account", "Here", "--rate", "2"]
        assert run("pull_account", *words).status == 0

    # Each but the first waits for its turn; the clock goes on as if nobody slept.
    assert sum(slept) >= (len(asked) - 1) * 0.4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--url", "http://hub.example.com"], "must begin with https://"),
        (["--url", "ftp://x"], "must be like https://hub.example.com."),
        (["--url", "https://u:p@x"], "must hold neither name nor password"),
        (["--token-file", "/nowhere"], "/nowhere cannot be read"),
        ([], "There is no token"),
        (["--token", "a\nb"], "There is no token"),
        (["--rate", "0"], "must be a number of requests"),
    ],
)
def test_wrong_usage_is_told(words, sentence) -> None:
    given = ["--account", "Here", *([] if "--url" in words else ["--url", "https://x"]), *words]

    ended = run("pull_account", *given, *(["--token", "x"] if "--url" in words else []))

    assert ended.status in (1, 2)
    assert sentence in ended.err


def test_the_token_comes_from_the_environment_and_goes_no_further(monkeypatch, tmp_path) -> None:
    seen: list[str] = []
    ask = client.Remote._send

    def look(self: Any, url: str) -> Any:
        seen.append(self._headers["X-Access-Token"])
        return ask(self, url)

    monkeypatch.setattr(client.Remote, "_send", look)
    monkeypatch.setenv("HUB_PULL_TOKEN", "from the environment")
    file = tmp_path / "token"
    file.write_text("from a file\n")

    with misbehaving(server()) as (url, _asked):
        run("pull_account", "--url", url, "--account", "Here")
        assert "HUB_PULL_TOKEN" not in os.environ
        run("pull_account", "--url", url, "--account", "Here", "--token-file", file)

    assert set(seen) == {"from the environment", "from a file"}
