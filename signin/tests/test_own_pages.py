"""The pages on which staff look after their own security."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import Connection
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, code_of, list_url, staff
from signin.browsers import words_for
from signin.models import RecoveryCode, SecondFactor, Session
from signin.tests.test_second_factor import give_password, shown_codes

OWN = "/admin/security/"
NEW = "a longer one than that"


@pytest.fixture
def marie(bistro: Connection) -> User:
    return staff("marie", bistro.account)


@pytest.fixture
def desk(marie: User) -> Desk:
    return Desk(marie)


def change_password(desk: Desk, old: str = "secret", new: str = NEW, again: str = "") -> Any:
    return desk.post(
        f"{OWN}password/", old_password=old, new_password1=new, new_password2=again or new
    )


def faults(answer: Any) -> list[str]:
    return list(answer.context["form"].errors)


def test_the_user_menu_leads_there(desk: Desk) -> None:
    assert f'href="{OWN}"' in desk.get("/admin/").content.decode()
    assert desk.get("/admin/password_change/").url == f"{OWN}password/"


def test_it_tells_of_the_second_factor_and_the_sessions(desk: Desk, marie: User) -> None:
    elsewhere = Desk(marie)
    elsewhere.http.get("/admin/", headers={"User-Agent": "x"})

    page = desk.get(OWN).content.decode()

    assert "authenticator app that you set up on" in page
    assert "0 recovery codes are unused" in page
    assert "here, now" in page
    assert "Sign out everywhere else" in page


def test_it_tells_where_a_session_began(marie: User) -> None:
    given = code_of(marie)
    desk = Desk()
    firefox = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
    at = {"headers": firefox, "REMOTE_ADDR": "192.0.2.7"}
    desk.http.post("/admin/login/", {"username": "marie", "password": "secret"}, **at)
    desk.http.post("/admin/login/code/", {"code": given}, **at)

    page = desk.get(OWN).content.decode()

    assert "Firefox, Windows" in page
    assert "192.0.2.7" in page
    assert "Sign out everywhere else" not in page


def test_nobody_sees_it_who_is_not_signed_in(db: None) -> None:
    for name in ("", "confirm/", "second-factor/", "recovery-codes/", "password/", "sign-out/"):
        assert Desk().get(OWN + name).url == f"/admin/login/?next={OWN}{name}"


def test_signing_out_elsewhere_leaves_this_session_alone(desk: Desk, marie: User) -> None:
    elsewhere, other = Desk(marie), Desk(staff("other", is_superuser=True))
    assert desk.get(f"{OWN}sign-out/").status_code == 405

    desk.post(f"{OWN}sign-out/")

    assert desk.get(OWN).status_code == 200
    assert other.get(OWN).status_code == 200
    assert elsewhere.get(OWN).status_code == 302
    assert AuditEntry.objects.get().action == "signed out"


# --- the password -----------------------------------------------------------------------


def test_a_new_password_ends_every_other_session(desk: Desk, marie: User) -> None:
    elsewhere = Desk(marie)
    before = desk.http.session.session_key

    assert change_password(desk).url == OWN

    assert "Your password is changed." in desk.get(OWN).content.decode()
    assert elsewhere.get(OWN).status_code == 302
    assert Session.objects.filter(user=marie).count() == 1
    assert desk.http.session.session_key != before
    marie.refresh_from_db()
    assert marie.check_password(NEW)
    assert AuditEntry.objects.get().changed_fields == ["password"]


@pytest.mark.parametrize(
    ("old", "new", "again", "field"),
    [
        ("wrong", NEW, "", "old_password"),
        ("secret", NEW, "another one", "new_password2"),
        ("secret", "short", "", "new_password2"),
        ("secret", "1234567890", "", "new_password2"),
        ("secret", "qwertyuiop", "", "new_password2"),
        ("secret", "", "", "new_password1"),
    ],
)
def test_a_bad_one_is_refused(
    old: str, new: str, again: str, field: str, desk: Desk, marie: User
) -> None:
    answer = change_password(desk, old, new, again)

    assert field in faults(answer)
    marie.refresh_from_db()
    assert marie.check_password("secret")


def test_the_old_password_cannot_be_guessed_there(desk: Desk) -> None:
    answers = [change_password(desk, "wrong") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


def test_a_password_changed_by_command_ends_the_sessions(desk: Desk, marie: User) -> None:
    marie.set_password(NEW)
    marie.save()

    assert desk.get(OWN).status_code == 302


# --- the second factor ------------------------------------------------------------------


def test_new_recovery_codes_take_the_place_of_the_old(desk: Desk, marie: User) -> None:
    old = shown_codes(desk.post(f"{OWN}recovery-codes/"))

    new = shown_codes(desk.post(f"{OWN}recovery-codes/"))

    assert len(set(new)) == 10
    assert set(new).isdisjoint(old)
    assert RecoveryCode.objects.count() == 10
    for given, works in ((old[0], 0), (new[0], 1)):
        browser, answer = give_password()
        browser.post(answer.url, code=given)
        assert browser.get("/admin/").status_code == (200 if works else 302)


def test_looking_at_the_page_makes_no_codes(desk: Desk) -> None:
    desk.get(f"{OWN}recovery-codes/")

    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("page", ["second-factor/", "recovery-codes/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unattended_desk_changes_nothing(page: str, method: str, marie: User) -> None:
    desk = Desk(marie, proven=False)
    before = SecondFactor.objects.get()

    answer = getattr(desk, method)(OWN + page, code="123456")

    assert answer.url.startswith(f"{OWN}confirm/?next=")
    assert SecondFactor.objects.get() == before
    assert not RecoveryCode.objects.exists()


def test_who_has_none_sets_one_up_first(db: None) -> None:
    staff("otto")
    desk, _answer = give_password("otto")

    assert "You sign in with a password alone." in desk.get(OWN).content.decode()
    assert desk.get(f"{OWN}recovery-codes/").url == f"{OWN}second-factor/"


def test_a_first_sign_in_of_long_ago_asks_for_the_password_before_the_secret(marie: User) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk, _answer = give_password()
        clock.move_to(now + timedelta(minutes=11))
        way = desk.get(list_url(Connection)).url
        way = desk.get(way).url
        assert way.startswith(f"{OWN}confirm/")
        after = desk.post(way, password="secret", next=f"{OWN}second-factor/")
        assert desk.get(after.url).status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130.0", "Edge, Windows"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_browser_is_told_in_words(user_agent: str, words: str) -> None:
    assert words_for(user_agent) == words
