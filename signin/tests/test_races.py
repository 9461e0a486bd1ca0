"""Two at once with the same code: one of them gets in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from hubcustomers.tests.desk import Desk, code_of, staff
from signin import factors, totp
from signin.models import RecoveryCode, SecondFactor, Session

pytestmark = pytest.mark.django_db(transaction=True)
RIVALS = 6


@pytest.fixture
def marie(db: None) -> User:
    return staff("marie", is_superuser=True)


def at_once(act: Callable[[], Any]) -> list[Any]:
    """Return what each of the rivals got, who all begin together."""
    barrier = Barrier(RIVALS)

    def begin(_number: int) -> Any:
        barrier.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(begin, range(RIVALS)))


def browsers_at_the_second_step(given: str) -> Callable[[], int]:
    """Return what gives the code in one of several browsers, and tells whether it got in."""
    desks = []
    for _ in range(RIVALS):
        desk = Desk()
        desk.post("/admin/login/", username="marie", password="secret")
        desks.append(desk)

    def give() -> int:
        desk = desks.pop()
        desk.post("/admin/login/code/", code=given)
        return int(desk.get("/admin/").status_code == 200)

    return give


def test_a_code_lets_one_in(marie: User) -> None:
    give = browsers_at_the_second_step(code_of(marie))

    assert sum(at_once(give)) == 1
    assert Session.objects.filter(user=marie).count() == 1


def test_a_recovery_code_lets_one_in(marie: User) -> None:
    code_of(marie)
    give = browsers_at_the_second_step(factors.renew_codes(marie)[0])

    assert sum(at_once(give)) == 1
    assert RecoveryCode.objects.exclude(used_at=None).count() == 1


def test_a_first_code_sets_up_one_factor(marie: User) -> None:
    secret = totp.new_secret()
    given = totp.code_at(secret, totp.step_now())

    codes = at_once(lambda: factors.enrol(marie, secret, given))

    assert sum(made is not None for made in codes) == 1
    assert SecondFactor.objects.count() == 1
    assert RecoveryCode.objects.count() == factors.RECOVERY_CODES


def test_a_reset_leaves_nobody_in(marie: User) -> None:
    give = browsers_at_the_second_step(code_of(marie))
    acts = [lambda: factors.reset(marie, by=None), *[give] * (RIVALS - 1)]

    at_once(lambda: acts.pop()())

    assert not SecondFactor.objects.exists()
    assert not Session.objects.filter(user=marie).exists()


def test_of_many_guesses_at_once_five_are_judged(marie: User) -> None:
    code_of(marie)
    codes: list[int] = []

    def guess() -> None:
        for _ in range(3):
            answer = Desk().post("/admin/login/", username="marie", password="wrong")
            codes.append(answer.status_code)

    at_once(guess)

    assert sorted(codes) == [200] * 5 + [429] * (3 * RIVALS - 5)
