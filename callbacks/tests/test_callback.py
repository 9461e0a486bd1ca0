"""GET, POST and DELETE /callback (companion, section 9)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Connection
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.models import Callback
from callbacks.services import NoUrl, send_test_event
from conftest import HubClient

NONE: dict = {"url": None, "events": {}}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_no_callback_looks_like_one_that_listens_to_nothing(api: HubClient) -> None:
    r = api.get("/callback")

    assert r.status_code == 200
    assert r.json() == NONE


def test_it_is_set_and_shown(api: HubClient) -> None:
    wanted = {
        "url": "https://example.com/hub?shop=1",
        "events": {"customer": ["create", "update"], "order": ["update"]},
    }

    r = api.post("/callback", wanted)

    assert r.status_code == 200
    assert r.json() == wanted
    assert api.get("/callback").json() == wanted


def test_post_replaces_all_of_it(api: HubClient) -> None:
    api.post("/callback", {"url": "https://example.com/", "events": {"customer": ["create"]}})

    r = api.post("/callback", {"events": {"order": ["create"]}})

    assert r.json() == {"url": None, "events": {"order": ["create"]}}
    assert api.get("/callback").json() == r.json()
    assert Callback.objects.for_account(api.connection.account).count() == 1


def test_delete_removes_it(api: HubClient) -> None:
    api.post("/callback", {"url": "https://example.com/", "events": {"customer": ["create"]}})

    r = api.delete("/callback")

    assert (r.status_code, r.json()) == (200, {})
    assert api.get("/callback").json() == NONE
    assert api.delete("/callback").status_code == 200


@pytest.mark.parametrize("body", [{}, {"url": None}, {"url": "", "events": None}])
def test_an_empty_callback_is_one(api: HubClient, body: dict[str, object]) -> None:
    r = api.post("/callback", body)

    assert (r.status_code, r.json()) == (200, NONE)


def test_event_types_of_what_the_hub_does_not_have_stay_silent(api: HubClient) -> None:
    events = {
        "catalog": ["update"],
        "delivery": ["create", "update"],
        "inventory": ["patch", "update"],
        "location": ["update"],
        "customer_list": ["update"],
    }

    r = api.post("/callback", {"events": events})

    assert (r.status_code, r.json()["events"]) == (200, events)


def test_an_event_type_counts_once(api: HubClient) -> None:
    r = api.post("/callback", {"events": {"customer": ["update", "update"], "order": []}})

    assert r.json()["events"] == {"customer": ["update"], "order": []}


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({"customer": ["delete"]}, 'has an unknown event type for customer: "delete"'),
        ({"customer": ["create", 7]}, "has an unknown event type for customer: 7"),
        ({"customer": [["create"]]}, 'has an unknown event type for customer: ["create"]'),
        ({"customer_list": ["create"]}, 'has an unknown event type for customer_list: "create"'),
        ({"invoice": ["create"]}, 'has an unknown resource type: "invoice"'),
        ({"{0.__class__}": []}, 'has an unknown resource type: "{0.__class__}"'),
        ({"order": "create"}, "must give a list of event types for order"),
        (["customer"], 'must be an object like {"customer": ["create", "update"]}'),
        ("all", 'must be an object like {"customer": ["create", "update"]}'),
    ],
)
def test_an_unknown_pair_is_refused(api: HubClient, events: object, message: str) -> None:
    r = api.post("/callback", {"events": events})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "events", "message": message}]
    assert api.get("/callback").json() == NONE


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", "must begin with http:// or https://"),
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("example.com", "must begin with http:// or https://"),
        ("//example.com/", "must begin with http:// or https://"),
        ("http://", "cannot be read as a URL"),
        ("http:///path", "cannot be read as a URL"),
        ("http://example.com:0/", "cannot be read as a URL"),
        ("http://example.com:99999/", "cannot be read as a URL"),
        ("http://[::1/", "cannot be read as a URL"),
        ("http://a..b/", "cannot be read as a URL"),
        ("http://127%2e0.0.1/", "cannot be read as a URL"),
        ("http://" + "a" * 64 + ".org/", "cannot be read as a URL"),
        ("https://user:secret@example.com/", "must not contain a user name or password"),
        ("https://@example.com/", "must not contain a user name or password"),
        ("https://example.com/ x", "contains characters that no URL has"),
        ("http://example.com\\@127.0.0.1/", "contains characters that no URL has"),
        ("https://example.com/\r\nX: y", "contains characters that cannot be stored"),
        ("https://example.com/" + "a" * 2000, "is too long (maximum is 2000 characters)"),
        (7, "must be a string"),
        ("http://127.0.0.1:8000/hub", "must not lead to a loopback address (127.0.0.1)"),
        ("http://localhost/", "must not lead to a loopback address (127.0.0.1)"),
        ("http://10.1.2.3/", "must not lead to a private address (10.1.2.3)"),
        ("http://169.254.169.254/", "must not lead to a link-local address (169.254.169.254)"),
    ],
)
def test_a_url_that_nothing_is_sent_to_is_refused(
    api: HubClient, url: object, message: str
) -> None:
    r = api.post("/callback", {"url": url, "events": {"customer": ["create"]}})

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "url", "message": message}]


def test_both_faults_are_told(api: HubClient) -> None:
    r = api.post("/callback", {"url": "ftp://a", "events": {"x": []}})

    assert [error["field"] for error in r.json()["errors"]] == ["url", "events"]


def test_in_development_this_machine_may_listen(api: HubClient, settings) -> None:
    settings.CALLBACK_ALLOW_PRIVATE = True

    r = api.post("/callback", {"url": "http://127.0.0.1:9000/", "events": {}})

    assert r.status_code == 200


def test_each_connection_has_its_own(
    api: HubClient, account_api: HubClient, rival_api: HubClient
) -> None:
    api.post("/callback", {"events": {"customer": ["create"]}})

    assert account_api.get("/callback").json() == NONE
    assert rival_api.get("/callback").json() == NONE
    account_api.delete("/callback")
    assert api.get("/callback").json() == {"url": None, "events": {"customer": ["create"]}}


def test_a_token_with_any_scope_may_set_its_own(bistro: Connection) -> None:
    bistro.scope = "location[catalog.read]"
    bistro.save()

    r = HubClient(bistro).post("/callback", {"events": {"customer": ["create"]}})

    assert r.status_code == 200


def test_it_needs_a_token(db: None) -> None:
    nobody = HubClient()

    assert nobody.get("/callback").status_code == 401
    assert nobody.post("/callback", {}).status_code == 401
    assert nobody.put("/callback", {}).status_code == 405


def test_what_waits_is_due_once_there_is_a_url(bistro: Connection, api: HubClient) -> None:
    CallbackFactory(connection=bistro)
    waiting = EventFactory(connection=bistro)
    told = EventFactory(connection=bistro, acknowledged_at=LONG_AGO)
    given_up = EventFactory(connection=bistro, given_up_at=LONG_AGO)

    api.post("/callback", {"url": "https://example.com/", "events": {}})

    for event in (waiting, told, given_up):
        event.refresh_from_db()
    assert waiting.due_at is not None
    assert (told.due_at, given_up.due_at) == (None, None)


def test_another_url_is_tried_at_once_and_as_often(bistro: Connection, api: HubClient) -> None:
    CallbackFactory(connection=bistro, url="https://example.com/old")
    later = timezone.now() + timedelta(hours=1)
    event = EventFactory(connection=bistro, due_at=later, attempts=5)

    api.post("/callback", {"url": "https://example.com/old", "events": {}})
    event.refresh_from_db()
    assert (event.due_at, event.attempts) == (later, 5)

    api.post("/callback", {"url": "https://example.com/new", "events": {}})
    event.refresh_from_db()
    assert event.due_at < later
    assert event.attempts == 0


@pytest.mark.parametrize("how", ["delete", "post"])
def test_without_a_url_nothing_is_due(bistro: Connection, api: HubClient, how: str) -> None:
    CallbackFactory(connection=bistro, url="https://example.com/")
    event = EventFactory(connection=bistro, due_at=LONG_AGO)

    api.delete("/callback") if how == "delete" else api.post("/callback", {"events": {}})

    event.refresh_from_db()
    assert event.due_at is None
    assert [shown["id"] for shown in api.get("/callback/events").json()] == [event.public_id]


def test_a_test_event_needs_a_url(bistro: Connection) -> None:
    CallbackFactory(connection=bistro)

    with pytest.raises(NoUrl):
        send_test_event(bistro)


def test_a_connection_goes_with_its_callback_events_and_attempts(bistro: Connection) -> None:
    CallbackFactory(connection=bistro)
    event = EventFactory(connection=bistro)
    event.attempts_made.create(
        account=bistro.account, started_at=LONG_AGO, duration_ms=1, status=500
    )

    bistro.delete()

    assert not Callback.objects.for_account(event.account).exists()
    assert not type(event).objects.for_account(event.account).exists()
