"""GET /callback/events, GET and DELETE /callback/events/:id (companion, section 9)."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from accounts.models import Connection
from callbacks.factories import EventFactory
from conftest import HubClient
from hubcustomers.public_ids import customer_ids, customer_list_ids, order_ids

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_the_index_shows_events_without_states(bistro: Connection, api: HubClient) -> None:
    place = {"connection": bistro, "created_at": NOON, "location_id": bistro.location_id}
    customer = EventFactory(**place, resource_id=7, customer_list_id=3)
    order = EventFactory(**place, resource_type="order", resource_id=8, customer_list_id=None)
    renamed = EventFactory(
        **place,
        resource_type="customer_list",
        event_type="update",
        resource_id=9,
        customer_list_id=9,
    )

    r = api.get("/callback/events")

    assert r.status_code == 200
    assert "X-Cursor-Next" not in r.headers
    assert r.json() == [
        {
            "id": customer.public_id,
            "created_at": "2026-07-01T14:00:00+02:00",
            "resource_type": "customer",
            "event_type": "create",
            "customer_list_id": customer_list_ids.encode(3),
            "customer_id": customer_ids.encode(7),
        },
        {
            "id": order.public_id,
            "created_at": "2026-07-01T14:00:00+02:00",
            "resource_type": "order",
            "event_type": "create",
            "location_id": bistro.location.public_id,
            "order_id": order_ids.encode(8),
        },
        {
            "id": renamed.public_id,
            "created_at": "2026-07-01T14:00:00+02:00",
            "resource_type": "customer_list",
            "event_type": "update",
            "customer_list_id": customer_list_ids.encode(9),
        },
    ]


def test_times_are_those_of_the_place(bistro: Connection, api: HubClient) -> None:
    bistro.account.timezone = "Asia/Tokyo"
    bistro.account.save()
    bistro.location.timezone = "America/New_York"
    bistro.location.save()
    EventFactory(connection=bistro, created_at=NOON)
    EventFactory(connection=bistro, created_at=NOON, location_id=bistro.location_id)

    times = [event["created_at"] for event in api.get("/callback/events").json()]

    assert times == ["2026-07-01T21:00:00+09:00", "2026-07-01T08:00:00-04:00"]


def test_pages_walk_from_the_oldest(bistro: Connection, api: HubClient) -> None:
    ids = [event.public_id for event in EventFactory.create_batch(5, connection=bistro)]

    first = api.get("/callback/events", count="2")
    second = api.get("/callback/events", count="2", cursor=first.headers["X-Cursor-Next"])
    api.delete(f"/callback/events/{ids[0]}")
    third = api.get("/callback/events", count="2", cursor=second.headers["X-Cursor-Next"])

    pages = [[event["id"] for event in page.json()] for page in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert "X-Cursor-Next" not in third.headers
    assert api.get("/callback/events", count="0").status_code == 400
    assert api.get("/callback/events", cursor="x").status_code == 400


def test_a_page_takes_one_query(
    bistro: Connection, api: HubClient, django_assert_num_queries
) -> None:
    EventFactory.create_batch(30, connection=bistro, location_id=bistro.location_id)
    api.get("/callback/events")

    with django_assert_num_queries(1):
        api.get("/callback/events")


def test_retrieve_adds_the_states(bistro: Connection, api: HubClient) -> None:
    created = EventFactory(connection=bistro, new_state={"first_name": "A"})
    updated = EventFactory(
        connection=bistro,
        event_type="update",
        new_state={"first_name": "B"},
        previous_state={"first_name": "A"},
    )

    first = api.get(f"/callback/events/{created.public_id}").json()
    second = api.get(f"/callback/events/{updated.public_id}").json()

    assert first["new_state"] == {"first_name": "A"}
    assert "previous_state" not in first
    assert (second["new_state"], second["previous_state"]) == (
        {"first_name": "B"},
        {"first_name": "A"},
    )


def test_delete_acknowledges(bistro: Connection, api: HubClient) -> None:
    event = EventFactory(connection=bistro)
    url = f"/callback/events/{event.public_id}"

    r = api.delete(url)

    assert (r.status_code, r.json()) == (200, {})
    assert api.get("/callback/events").json() == []
    assert api.get(url).status_code == 404
    assert api.delete(url).status_code == 404
    event.refresh_from_db()
    assert event.acknowledged_at is not None


def test_an_event_that_was_given_up_is_still_there(bistro: Connection, api: HubClient) -> None:
    event = EventFactory(connection=bistro, given_up_at=timezone.now())

    assert [shown["id"] for shown in api.get("/callback/events").json()] == [event.public_id]
    assert api.delete(f"/callback/events/{event.public_id}").status_code == 200


def test_anothers_event_is_not_found(
    bistro: Connection, account_api: HubClient, rival_api: HubClient
) -> None:
    event = EventFactory(connection=bistro)

    for other in (account_api, rival_api):
        assert other.get("/callback/events").json() == []
        for call in (other.get, other.delete):
            assert call(f"/callback/events/{event.public_id}").status_code == 404
    event.refresh_from_db()
    assert event.acknowledged_at is None


@pytest.mark.parametrize("malformed", ["x", "00000", "AAAAA", "1", "é", "0" * 40])
def test_a_malformed_id_is_not_found(api: HubClient, malformed: str) -> None:
    assert api.get(f"/callback/events/{malformed}").status_code == 404


def test_an_event_cannot_be_changed(bistro: Connection, api: HubClient) -> None:
    event = EventFactory(connection=bistro)

    assert api.put(f"/callback/events/{event.public_id}", {}).status_code == 405
    assert api.post("/callback/events", {}).status_code == 405
