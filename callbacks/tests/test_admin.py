"""The back-office of callbacks and events (issue 3: why an address is refused; companion, 9)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.models import Callback, DeliveryAttempt, Event
from callbacks.tests.receivers import Receiver
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.public_ids import customer_ids
from hubcustomers.tests.desk import Desk, add_url, errors_of, list_url, member_desk, url


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def given(connection: Connection, **changes: Any) -> dict[str, Any]:
    """Return what the form of a new callback takes."""
    return {
        "connection": connection.pk,
        "url": "https://93.184.216.34/hook",
        "events": ["customer.create", "customer_list.update"],
        **changes,
    }


# --- callbacks --------------------------------------------------------------------------


def test_a_callback_is_registered(desk: Desk, bistro: Connection) -> None:
    assert desk.post(add_url(Callback), **given(bistro)).status_code == 302

    made = Callback.objects.get()
    assert (made.connection, made.url) == (bistro, "https://93.184.216.34/hook")
    assert made.events == {"customer": ["create"], "customer_list": ["update"]}
    assert AuditEntry.objects.get().action == "created"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/hook",
        "http://127.1/hook",
        "http://2130706433/hook",
        "http://[::1]/hook",
        "http://[::ffff:10.0.0.1]/hook",
        "https://192.168.1.20/hook",
        "https://169.254.169.254/latest",
        "https://100.64.0.1/hook",
        "ftp://93.184.216.34/hook",
        "nonsense",
    ],
)
def test_the_page_says_why_an_address_is_refused_as_the_api_does(
    address: str, desk: Desk, bistro: Connection, api: Any
) -> None:
    answer = desk.post(add_url(Callback), **given(bistro, url=address))

    refused = api.post("/callback", url=address)
    assert refused.status_code == 422
    assert errors_of(answer) == {"url": [refused.json()["errors"][0]["message"]]}
    assert not Callback.objects.exists()


def test_a_name_that_leads_to_a_private_address_is_refused(
    desk: Desk, bistro: Connection, names: dict[str, list[str]]
) -> None:
    names["inside.example"] = ["10.1.2.3"]

    answer = desk.post(add_url(Callback), **given(bistro, url="https://inside.example/hook"))

    assert list(errors_of(answer)) == ["url"]
    assert not Callback.objects.exists()


def test_a_second_callback_does_not_overwrite_the_first(desk: Desk, bistro: Connection) -> None:
    CallbackFactory(connection=bistro, url="https://93.184.216.34/first")

    answer = desk.post(add_url(Callback), **given(bistro))

    assert errors_of(answer) == {"connection": ["has a callback already"]}
    assert Callback.objects.get().url == "https://93.184.216.34/first"


def test_a_change_leaves_what_the_page_does_not_show(desk: Desk, bistro: Connection) -> None:
    heard = {"customer": ["create", "update"], "catalog": ["update"]}
    callback = CallbackFactory(connection=bistro, url=None, events=heard)

    answer = desk.post(
        url(callback), url="https://93.184.216.34/hook", events=["order.update"], initial_url=""
    )

    assert answer.status_code == 302
    callback.refresh_from_db()
    assert callback.url == "https://93.184.216.34/hook"
    assert callback.events == {"order": ["update"], "catalog": ["update"]}


def test_with_a_new_address_what_waits_is_due_at_once(desk: Desk, bistro: Connection) -> None:
    callback = CallbackFactory(connection=bistro, url=None)
    event = EventFactory(connection=bistro)

    desk.post(url(callback), url="https://93.184.216.34/hook", events=["customer.create"])

    event.refresh_from_db()
    assert event.due_at is not None


def test_a_callback_is_removed(desk: Desk, bistro: Connection) -> None:
    callback = CallbackFactory(connection=bistro, url="https://93.184.216.34/hook")
    event = EventFactory(connection=bistro, due_at=timezone.now())
    assert desk.get(url(callback, "delete")).status_code == 200

    assert desk.post(url(callback, "delete")).status_code == 302

    assert not Callback.objects.exists()
    event.refresh_from_db()
    assert (event.due_at, event.acknowledged_at) == (None, None)


def test_a_test_event_tells_what_the_receiver_answered(
    desk: Desk, bistro: Connection, receiver: Callable[..., Receiver]
) -> None:
    listening = receiver()
    callback = CallbackFactory(connection=bistro, url=listening.url)
    assert desk.get(url(callback, "send_test")).status_code == 200

    answer = desk.http.post(url(callback, "send_test"), follow=True)

    assert "The receiver answered 200 after" in answer.content.decode()
    assert [request.json["resource_type"] for request in listening.requests] == ["test"]
    assert not Event.objects.exists()


def test_a_test_event_without_an_address_says_so(desk: Desk, bistro: Connection) -> None:
    callback = CallbackFactory(connection=bistro, url=None)

    answer = desk.http.post(url(callback, "send_test"), follow=True)

    assert "This connection has no callback URL." in answer.content.decode()


def test_all_that_was_given_up_is_sent_again_once_the_receiver_is_back(
    desk: Desk, bistro: Connection, rival: Connection
) -> None:
    callback = CallbackFactory(connection=bistro, url="https://93.184.216.34/hook")
    for _ in range(3):
        given_up(bistro)
    spared = [given_up(rival), EventFactory(connection=bistro, acknowledged_at=timezone.now())]
    page = desk.get(url(callback)).content.decode()
    assert f"?state=given_up&amp;connection={bistro.pk}" in page
    asked = desk.get(url(callback, "replay_given_up"))
    assert asked.context["asked"].counts == [("events given up", 3)]

    answer = desk.http.post(url(callback, "replay_given_up"), follow=True)

    assert "3 events are due now." in answer.content.decode()
    assert Event.objects.filter(due_at__isnull=False, given_up_at=None, attempts=0).count() == 3
    assert not Event.objects.filter(pk__in=[e.pk for e in spared], due_at__isnull=False).exists()
    assert AuditEntry.objects.get().action == "replayed"


def test_without_an_address_nothing_is_sent_again(desk: Desk, bistro: Connection) -> None:
    callback = CallbackFactory(connection=bistro, url=None)
    event = given_up(bistro)

    answer = desk.http.post(url(callback, "replay_given_up"), follow=True)

    assert "This connection has no callback URL." in answer.content.decode()
    event.refresh_from_db()
    assert event.given_up_at is not None


# --- events -----------------------------------------------------------------------------


def given_up(connection: Connection, **fields: Any) -> Event:
    return EventFactory(
        connection=connection, attempts=7, given_up_at=timezone.now(), due_at=None, **fields
    )


def test_an_events_page_tells_each_attempt(desk: Desk, bistro: Connection) -> None:
    event = given_up(bistro)
    for status, error in ((500, None), (None, "The name leads to no address.")):
        DeliveryAttempt.objects.create(
            account=event.account,
            event=event,
            started_at=timezone.now(),
            duration_ms=321,
            status=status,
            error=error,
        )

    shown = desk.get(url(event)).content.decode()

    for text in ("given up", "500", "The name leads to no address.", "321 ms", "Jimmy"):
        assert text in shown


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "kept for the client to fetch"),
        ({"due_at": timezone.now()}, "waiting"),
        ({"due_at": timezone.now(), "attempts": 2}, "to be tried again"),
        (
            {"due_at": timezone.now(), "leased_until": timezone.now() + timedelta(days=1)},
            "on its way",
        ),
        ({"acknowledged_at": timezone.now()}, "acknowledged"),
        ({"given_up_at": timezone.now()}, "given up"),
    ],
)
def test_the_list_tells_each_state(
    fields: dict[str, Any], state: str, desk: Desk, bistro: Connection
) -> None:
    EventFactory(connection=bistro, **fields)

    [row] = desk.get(list_url(Event)).context["cl"].result_list

    assert desk.get(list_url(Event)).context["cl"].model_admin.state(row) == state


def test_the_list_tells_the_last_answer_and_its_latency(desk: Desk, bistro: Connection) -> None:
    event = given_up(bistro)
    for ago, status in ((2, 503), (1, None)):
        DeliveryAttempt.objects.create(
            account=event.account,
            event=event,
            started_at=timezone.now() - timedelta(minutes=ago),
            duration_ms=20_000 + ago,
            status=status,
            error=None if status else "The receiver did not answer in time.",
        )

    shown = desk.get(list_url(Event)).content.decode().replace("\u00a0", " ")

    assert "no answer, 20001 ms" in shown
    assert "503" not in shown


@pytest.mark.parametrize(
    ("state", "found"), [("waiting", 1), ("given_up", 1), ("acknowledged", 1), ("", 3)]
)
def test_the_list_is_filtered_by_state(
    state: str, found: int, desk: Desk, bistro: Connection
) -> None:
    given_up(bistro)
    EventFactory(connection=bistro)
    EventFactory(connection=bistro, acknowledged_at=timezone.now())

    page = desk.get(list_url(Event), **({"state": state} if state else {}))

    assert page.context["cl"].result_count == found


def test_the_list_takes_the_same_statements_for_many(desk: Desk, bistro: Connection) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get(list_url(Event))
        return len(queries)

    given_up(bistro)
    one = statements()
    for _ in range(5):
        given_up(ConnectionFactory(account=bistro.account, location=bistro.location))

    assert statements() == one


def test_a_given_up_event_is_sent_again(desk: Desk, bistro: Connection) -> None:
    event = given_up(bistro)
    assert desk.get(url(event, "replay")).status_code == 200

    answer = desk.http.post(url(event, "replay"), follow=True)

    assert "1 event is due now." in answer.content.decode()
    event.refresh_from_db()
    assert (event.given_up_at, event.attempts) == (None, 0)
    assert event.due_at is not None
    assert AuditEntry.objects.get().action == "replayed"


def test_many_are_sent_again_and_the_page_says_which_not(desk: Desk, bistro: Connection) -> None:
    events = [given_up(bistro), given_up(bistro)]
    events.append(EventFactory(connection=bistro, acknowledged_at=timezone.now()))

    answer = desk.http.post(
        list_url(Event),
        {"action": "replay_selected", "_selected_action": [event.pk for event in events]},
        follow=True,
    )

    shown = answer.content.decode()
    assert "2 events are due now. 1 was left alone" in shown
    assert Event.objects.filter(due_at__isnull=False).count() == 2


def test_an_event_is_discarded(desk: Desk, bistro: Connection) -> None:
    event = given_up(bistro)
    assert desk.get(url(event, "discard")).status_code == 200
    event.refresh_from_db()
    assert event.acknowledged_at is None

    desk.post(url(event, "discard"))

    event.refresh_from_db()
    assert event.acknowledged_at is not None


@pytest.mark.parametrize(
    ("role", "reads", "discards"),
    [(Role.MANAGER, True, True), (Role.OPERATOR, False, True), (Role.SUPPORT, False, False)],
)
def test_who_may_not_see_personal_data_reads_no_states(
    role: Role, reads: bool, discards: bool, bistro: Connection
) -> None:
    event = given_up(bistro)
    desk = member_desk(bistro.account, role=role)

    assert ("Jimmy" in desk.get(url(event)).content.decode()) is reads
    desk.post(url(event, "discard"))
    event.refresh_from_db()
    assert (event.acknowledged_at is not None) is discards


def test_a_privacy_officer_has_no_business_with_events(bistro: Connection) -> None:
    event = given_up(bistro)
    desk = member_desk(bistro.account, role=Role.PRIVACY)

    assert desk.get(list_url(Event)).status_code == 403
    assert "Jimmy" not in desk.get(url(event)).content.decode()


@pytest.mark.parametrize("by", ["event", "customer"])
def test_events_are_found_by_id(by: str, desk: Desk, bistro: Connection) -> None:
    event, _other = EventFactory(connection=bistro), EventFactory(connection=bistro)
    term = event.public_id if by == "event" else customer_ids.encode(event.resource_id)

    page = desk.get(list_url(Event), q=term)

    assert list(page.context["cl"].result_list) == [event]
