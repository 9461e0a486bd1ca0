"""Who lost the telephone gets in again, by a superuser or from the command line."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from accounts.models import Connection, Membership
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, add_url, boss_desk, list_url, member_desk, staff, url
from signin import factors
from signin.models import RecoveryCode, SecondFactor
from signin.tests.test_second_factor import give_password


@pytest.fixture
def marie(bistro: Connection) -> User:
    return staff("marie", bistro.account)


@pytest.fixture
def desk(marie: User) -> Desk:
    """Marie's, who is signed in and has recovery codes."""
    desk = Desk(marie)
    factors.renew_codes(marie)
    return desk


def page_of(user: User) -> str:
    return url(user, "reset_second_factor")


def test_a_superuser_resets_it(desk: Desk, marie: User) -> None:
    boss = boss_desk()
    assert page_of(marie) in boss.get(url(marie)).content.decode()

    answer = boss.post(page_of(marie), typed="marie")

    assert answer.url == url(marie)
    assert not SecondFactor.objects.filter(user=marie).exists()
    assert not RecoveryCode.objects.exists()
    assert desk.get("/admin/").url.startswith("/admin/login/")
    entry = AuditEntry.objects.get(action="reset")
    assert (entry.user, entry.resource_id, entry.resource_name) == (boss.user, marie.pk, "marie")


def test_the_next_sign_in_sets_up_another(desk: Desk, marie: User) -> None:
    call_command("reset_second_factor", "marie", stdout=StringIO())

    browser, answer = give_password()

    assert browser.get(answer.url).url.startswith("/admin/security/second-factor/")


def test_the_name_is_typed_first(desk: Desk, marie: User) -> None:
    assert boss_desk().post(page_of(marie), typed="paul").status_code == 200

    assert SecondFactor.objects.filter(user=marie).exists()


def test_nobody_else_may(desk: Desk, marie: User, bistro: Connection) -> None:
    for other in (desk, member_desk(bistro.account, role="privacy"), member_desk()):
        for answer in (other.get(page_of(marie)), other.post(page_of(marie), typed="marie")):
            assert answer.status_code == 403

    assert SecondFactor.objects.filter(user=marie).exists()


def test_what_is_not_there_is_told(marie: User) -> None:
    assert (
        "There is no second factor."
        in boss_desk().post(page_of(marie), typed="marie").content.decode()
    )
    with pytest.raises(CommandError, match="marie has no second factor"):
        call_command("reset_second_factor", "marie")
    with pytest.raises(CommandError, match="There is no user paul"):
        call_command("reset_second_factor", "paul")


def test_the_command_is_audited(desk: Desk, marie: User) -> None:
    out = StringIO()
    call_command("reset_second_factor", "marie", stdout=out)

    assert "is taken away and every session ended" in out.getvalue()
    entry = AuditEntry.objects.get(action="reset")
    assert (entry.user, entry.user_name, entry.resource_id) == (None, "(command line)", marie.pk)
    assert desk.get("/admin/").url.startswith("/admin/login/")


@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_gives_others_access_is_asked_first(method: str, marie: User) -> None:
    membership = Membership.objects.get()
    boss = Desk(User.objects.create_superuser("boss"), proven=False)
    before = User.objects.order_by("pk").values_list("password", "is_superuser")[0]
    data: dict[str, Any] = {
        "typed": "marie",
        "password1": "x",
        "username": "eve",
        "role": "manager",
    }

    for page in (
        page_of(marie),
        add_url(User),
        url(marie),
        f"/admin/auth/user/{marie.pk}/password/",
        add_url(Membership),
        url(membership),
        url(membership, "delete"),
    ):
        answer = getattr(boss, method)(page, **data)
        assert answer.status_code == 302, page
        assert answer.url.startswith("/admin/security/confirm/"), page

    assert User.objects.order_by("pk").values_list("password", "is_superuser")[0] == before
    assert Membership.objects.get() == membership
    assert boss.get(list_url(User)).status_code == 200
