"""How long staff stay signed in, and what ends a session before."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Connection
from hubcustomers.tests.desk import Desk, list_url, staff
from signin.models import Session
from signin.sessions import end_sessions, places_of


@pytest.fixture
def marie(bistro: Connection) -> User:
    return staff("marie", bistro.account)


def is_in(desk: Desk) -> bool:
    answer = desk.get(list_url(Connection))
    assert answer.status_code in {200, 302}
    return bool(answer.status_code == 200)


def test_an_hour_away_ends_a_session(marie: User) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk = Desk(marie)
        clock.move_to(now + timedelta(minutes=59))
        assert is_in(desk)
        clock.move_to(now + timedelta(minutes=59 + 60))
        answer: Any = desk.get(list_url(Connection))

        assert answer.url == f"/admin/login/?next={list_url(Connection)}"
        assert "because you were away for long" in desk.get(answer.url).content.decode()
        assert not Session.objects.filter(user=marie).exists()


def test_twelve_hours_end_a_session_also_at_work(marie: User) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk = Desk(marie)
        for minutes in range(0, 12 * 60, 30):
            clock.move_to(now + timedelta(minutes=minutes))
            assert is_in(desk)
        clock.move_to(now + timedelta(hours=12))
        assert not is_in(desk)
        assert "because you had signed in long ago" in desk.get("/admin/login/").content.decode()


def test_closing_the_browser_ends_it_too(marie: User) -> None:
    desk = Desk()
    desk.post("/admin/login/", username=marie.username, password="secret")

    assert desk.http.cookies["sessionid"]["max-age"] == ""
    assert desk.http.cookies["sessionid"]["expires"] == ""


def test_a_session_is_written_once_a_minute_at_most(marie: User) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk = Desk(marie)
        for seconds, writes in ((59, 0), (60, 1), (119, 0)):
            clock.move_to(now + timedelta(seconds=seconds))
            with CaptureQueriesContext(connection) as queries:
                desk.get("/admin/")
            texts = [query["sql"] for query in queries]
            updates = [text for text in texts if text.startswith('UPDATE "signin_session"')]
            assert len(updates) == writes


def test_a_page_that_renews_itself_keeps_nobody_in(marie: User) -> None:
    now = timezone.now()
    poll = {"HX-Request": "true"}
    with time_machine.travel(now, tick=False) as clock:
        desk = Desk(marie)
        for minutes in (20, 40, 59):
            clock.move_to(now + timedelta(minutes=minutes))
            assert "HX-Refresh" not in desk.http.get("/admin/", headers=poll)
        clock.move_to(now + timedelta(minutes=60))

        assert desk.http.get("/admin/", headers=poll)["HX-Refresh"] == "true"
        assert not is_in(desk)


def test_a_session_that_never_told_when_it_began_is_over(marie: User) -> None:
    desk = Desk(marie)
    session = desk.http.session
    del session["hub_started_at"]
    session.save()

    assert not is_in(desk)


def test_whoever_is_signed_out_elsewhere_is_out_at_once(marie: User) -> None:
    here, there = Desk(marie), Desk(marie)

    assert end_sessions(marie, but=here.http.session.session_key) == 1

    assert is_in(here)
    assert not is_in(there)


def test_the_places_tell_browser_and_address(marie: User, bistro: Connection) -> None:
    Desk(staff("other", bistro.account))
    desk = Desk(marie)

    (place,) = places_of(marie, here=desk.http.session.session_key)

    assert place.is_here
    assert timezone.now() - place.started_at < timedelta(minutes=1)


def test_a_sign_in_sweeps_out_what_is_over(marie: User) -> None:
    Desk(marie)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    Desk(marie)

    assert Session.objects.count() == 1


def test_a_session_ended_elsewhere_is_not_written_back(marie: User) -> None:
    desk = Desk(marie)
    session = desk.http.session
    end_sessions(marie)

    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.filter(user=marie).exists()
