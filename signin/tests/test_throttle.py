"""Trying passwords and codes gets slow, and tells nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from accounts.models import Connection
from hubcustomers.tests.desk import Desk, code_of, staff
from signin.models import Tries

LOGIN = "/admin/login/"
WAIT = "Too many tries. Wait a few minutes, then try again."
WRONG = "Please enter the correct username and password for a staff account."


@pytest.fixture
def marie(bistro: Connection) -> User:
    user = staff("marie", bistro.account)
    code_of(user)
    return user


def attempt(
    name: str = "marie", password: str = "wrong", *, address: str = "192.0.2.7", desk: Any = None
) -> Any:
    http = (desk or Desk()).http
    return http.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def said(answer: Any) -> str:
    page = answer.content.decode()
    assert (WAIT in page) + (WRONG in page) == 1
    assert answer.status_code == (429 if WAIT in page else 200)
    return WAIT if WAIT in page else WRONG


def wait(**time: int) -> None:
    """Let that much time go by for all who wait."""
    Tries.objects.update(last_at=F("last_at") - timedelta(**time))


@pytest.mark.parametrize("name", ["marie", "nobody", "MARIE"])
def test_the_sixth_try_of_a_name_waits_whether_there_is_such_a_name_or_not(
    name: str, marie: User
) -> None:
    answers = [attempt(name, address=f"192.0.2.{number}") for number in range(7)]

    assert [said(answer) for answer in answers] == [WRONG] * 5 + [WAIT] * 2
    assert 1 <= int(answers[-1]["Retry-After"]) <= 30


def test_the_answers_to_a_name_that_is_and_one_that_is_not_are_alike(marie: User) -> None:
    here, there = Desk(), Desk()
    for _ in range(7):
        mine, other = attempt("marie", desk=here), attempt("nobody", desk=there)
        assert mine.status_code == other.status_code
        ours, theirs = (
            answer.content.decode().replace(name, "").replace(token(answer), "")
            for answer, name in ((mine, "marie"), (other, "nobody"))
        )
        assert ours == theirs
        assert set(mine.headers) == set(other.headers)


def token(answer: Any) -> str:
    return str(answer.context["csrf_token"])


def test_a_dismissed_user_is_answered_like_nobody(marie: User) -> None:
    User.objects.update(is_active=False)

    assert said(attempt("marie", "secret")) == WRONG


def test_no_right_password_gets_in_before_its_time(marie: User) -> None:
    for _ in range(5):
        attempt()

    assert said(attempt(password="secret")) == WAIT
    wait(seconds=30)
    assert attempt(password="secret").status_code == 302


def test_the_waits_grow_but_never_beyond_five_minutes_for_a_name(marie: User) -> None:
    for _ in range(5):
        attempt()
    for seconds in (30, 60, 120, 240, 300, 300, 300):
        wait(seconds=seconds - 1)
        assert said(attempt()) == WAIT
        wait(seconds=1)
        assert said(attempt()) == WRONG


def test_whoever_is_made_to_wait_makes_nobody_wait_longer(marie: User) -> None:
    for _ in range(40):
        attempt()

    wait(seconds=30)

    assert attempt(password="secret").status_code == 302


def test_an_hour_of_rest_forgets_everything(marie: User) -> None:
    for _ in range(8):
        attempt()
        wait(minutes=6)

    wait(hours=1)

    assert [said(attempt()) for _ in range(6)] == [WRONG] * 5 + [WAIT]


def test_a_good_sign_in_forgets_the_tries_of_that_name(marie: User) -> None:
    for _ in range(4):
        attempt()
    attempt(password="secret")

    assert [said(attempt()) for _ in range(6)] == [WRONG] * 5 + [WAIT]


def test_an_address_that_tries_many_names_waits(marie: User, bistro: Connection) -> None:
    staff("paul", bistro.account)
    for number in range(29):
        assert said(attempt(f"name {number}")) == WRONG
    # An own name does not clear the way.
    assert attempt("paul", "secret").status_code == 302
    assert said(attempt("another")) == WRONG

    assert said(attempt("yet another")) == WAIT
    assert said(attempt("yet another", address="198.51.100.9")) == WRONG


def test_a_network_of_ipv6_counts_as_one_address(marie: User) -> None:
    for number in range(30):
        attempt(f"name {number}", address=f"2001:db8::{number:x}")

    assert said(attempt("another", address="2001:db8::ffff")) == WAIT
    assert said(attempt("another", address="2001:db8:0:1::1")) == WRONG


def test_a_stranger_locks_nobody_out_at_the_usual_desk(marie: User) -> None:
    usual = Desk()
    answer = attempt(password="secret", desk=usual)
    usual.http.post(answer.url, {"code": code_of(marie)})
    usual.post("/admin/logout/")
    for _ in range(40):
        attempt()
    assert said(attempt()) == WAIT

    # Also from the stranger's own address.
    assert attempt(password="secret", desk=usual).status_code == 302


def test_the_usual_desk_has_tries_of_its_own_and_not_without_end(marie: User) -> None:
    usual = Desk()
    answer = attempt(password="secret", desk=usual)
    usual.http.post(answer.url, {"code": code_of(marie)})
    usual.post("/admin/logout/")

    assert [said(attempt(desk=usual)) for _ in range(11)] == [WRONG] * 10 + [WAIT]
    assert said(attempt("paul", desk=usual)) == WRONG


@pytest.mark.parametrize("known", [False, True])
def test_a_sign_in_without_a_password_forgives_nothing(known: bool, marie: User) -> None:
    desk = Desk()
    if known:
        answer = attempt(password="secret", desk=desk)
        desk.http.post(answer.url, {"code": code_of(marie)})
        desk.post("/admin/logout/")
    answers = []
    for number in range(11):
        answers.append(said(attempt(desk=desk, address=f"192.0.2.{number}")))
        assert attempt(password="", desk=desk).status_code == 200

    free = 10 if known else 5
    assert answers == [WRONG] * free + [WAIT] * (11 - free)


@pytest.mark.parametrize("value", ["", "x", "x:y:z", "é"])
def test_a_made_up_mark_of_a_browser_counts_for_nothing(value: str, marie: User) -> None:
    usual = Desk()
    answer = attempt(password="secret", desk=usual)
    usual.http.post(answer.url, {"code": code_of(marie)})
    (name,) = (name for name in usual.http.cookies if name.startswith("hub_browser_"))
    for key, kept in (("httponly", True), ("samesite", "Lax"), ("path", LOGIN)):
        assert usual.http.cookies[name][key] == kept
    forged = Desk()
    forged.http.cookies[name] = value

    assert [said(attempt(desk=forged)) for _ in range(6)] == [WRONG] * 5 + [WAIT]


@pytest.mark.parametrize("name", ["", "\0", "x" * 151, "x" * 100_000])
def test_what_is_no_name_is_a_wrong_one(name: str, marie: User) -> None:
    assert attempt(name).status_code == 200


def test_codes_are_not_guessed_either(marie: User) -> None:
    desk = Desk()
    step = attempt(password="secret", desk=desk).url

    for _ in range(5):
        assert desk.post(step, code="000000").status_code == 200
    answer = desk.post(step, code=code_of(marie))
    assert answer.status_code == 429
    assert WAIT in answer.content.decode()
    # Nor from another browser, nor where it is asked once more.
    other = Desk()
    assert other.post(attempt(password="secret", desk=other).url, code="000000").status_code == 429
    signed_in = Desk(marie, proven=False)
    assert signed_in.post("/admin/security/confirm/", code="000000").status_code == 429

    wait(seconds=30)
    assert desk.post(step, code=code_of(marie)).status_code == 302
    assert signed_in.post("/admin/security/confirm/", code=code_of(marie)).status_code == 302


def test_nor_is_the_password_where_it_is_asked_once_more(bistro: Connection) -> None:
    desk = Desk()
    desk.http.force_login(staff("otto", bistro.account, role="operator"))

    answers = [desk.post("/admin/security/confirm/", password="x") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


def test_nothing_that_was_typed_is_kept(marie: User) -> None:
    attempt("my password by mistake")

    kept = str([bytes(row.what_hash) for row in Tries.objects.all()])
    assert "password" not in kept
    assert "192.0.2.7" not in kept


def test_what_is_forgotten_is_swept_out(marie: User) -> None:
    attempt("one")
    attempt("two")
    wait(hours=1, seconds=1)

    attempt("three", address="198.51.100.9")

    assert Tries.objects.count() == 2
