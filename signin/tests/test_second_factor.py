"""Whoever sees personal data signs in with a second factor."""

import re
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import Connection, Membership
from hubcustomers.backoffice.reach import Role
from hubcustomers.encryption import decrypt
from hubcustomers.env import SettingError, env_choice
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, code_of, list_url, staff
from signin import totp
from signin.checks import check_second_factor
from signin.models import RecoveryCode, SecondFactor, Session

ENROL = "/admin/security/second-factor/"
CODE = "/admin/login/code/"


@pytest.fixture
def marie(bistro: Connection) -> User:
    return staff("marie", bistro.account)


def give_password(name: str = "marie", *, target: str = "/admin/") -> tuple[Desk, Any]:
    """Return a new browser after the login, and the answer to it."""
    desk = Desk()
    return desk, desk.post(f"/admin/login/?next={target}", username=name, password="secret")


def shown_secret(page: Any) -> str:
    found = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page.content.decode())
    assert found is not None
    return found[1].replace(" ", "")


def shown_codes(page: Any) -> list[str]:
    return re.findall(r"(?<![\w-])[a-z2-7]{4}(?:-[a-z2-7]{4}){3}(?![\w-])", page.content.decode())


def set_up(desk: Desk) -> tuple[str, list[str]]:
    """Return the secret that the page shows, and the recovery codes that it then gives."""
    secret = shown_secret(desk.get(ENROL))
    page = desk.post(ENROL, code=totp.code_at(secret, totp.step_now()))
    return secret, shown_codes(page)


def code(secret: str, *, steps: int = 0) -> str:
    return totp.code_at(secret, totp.step_now() + steps)


def secret_of(user: User) -> str:
    return decrypt(SecondFactor.objects.get(user=user).sealed_secret)


def _hash(text: str) -> bytes:
    return sha256(text.replace("-", "").encode()).digest()


# --- who must have one ------------------------------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_every_member_sets_one_up_before_anything_else(role: str, bistro: Connection) -> None:
    staff("marie", bistro.account, role=role)
    target = list_url(Connection)

    desk, answer = give_password(target=target)

    assert answer.url == target
    for page in (target, "/admin/", "/admin/security/recovery-codes/", "/admin/password_change/"):
        assert desk.get(page).url.startswith(f"{ENROL}?next=")
        assert desk.post(page).url.startswith(f"{ENROL}?next=")
    assert desk.get(desk.get(target).url).status_code == 200


def test_so_do_superusers(db: None) -> None:
    staff("marie", is_superuser=True)

    desk, _answer = give_password()

    assert desk.get("/admin/").url == f"{ENROL}?next=/admin/"


def test_who_works_nowhere_needs_none(db: None) -> None:
    staff("marie")

    desk, _answer = give_password()

    assert desk.get("/admin/").status_code == 200


def test_a_role_given_meanwhile_counts_at_once(bistro: Connection) -> None:
    user = staff("marie")
    desk, _answer = give_password()
    assert desk.get("/admin/").status_code == 200

    Membership.objects.create(user=user, account=bistro.account, role=Role.SUPPORT)

    assert desk.get("/admin/").url == f"{ENROL}?next=/admin/"


def test_optional_asks_only_whoever_has_one(marie: User, bistro: Connection, settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = False
    desk, _answer = give_password()
    assert desk.get("/admin/").status_code == 200

    set_up(desk)

    assert give_password()[1].url.startswith(CODE)


# --- setting it up ----------------------------------------------------------------------


def test_the_page_offers_one_secret_until_a_code_proves_it(marie: User) -> None:
    desk, _answer = give_password()
    page = desk.get(ENROL)
    secret = shown_secret(page)
    assert len(secret) == 32
    assert "<svg" in page.content.decode()
    assert "no-store" in page["Cache-Control"]

    wrong = desk.post(ENROL, code="000000" if code(secret) != "000000" else "000001")
    assert "code" in wrong.context["form"].errors
    assert shown_secret(wrong) == secret
    assert not SecondFactor.objects.exists()

    assert desk.post(ENROL, code=code(secret)).status_code == 200
    assert desk.get("/admin/").status_code == 200


def test_recovery_codes_are_shown_once_and_nothing_is_kept_in_the_clear(marie: User) -> None:
    desk, _answer = give_password()

    secret, codes = set_up(desk)

    assert len(set(codes)) == 10
    kept = [*SecondFactor.objects.values(), *RecoveryCode.objects.values()]
    sessions = [session.get_decoded() for session in Session.objects.all()]
    for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert text not in str(kept)
        assert text not in str(sessions)
    assert shown_codes(desk.get("/admin/")) == []
    assert AuditEntry.objects.filter(action="enrolled", user=marie).count() == 1


def test_setting_up_ends_every_other_session(marie: User) -> None:
    here, _answer = give_password()
    there, _answer = give_password()
    before = here.http.session.session_key

    set_up(here)

    assert here.http.session.session_key != before
    assert [session.user for session in Session.objects.all()] == [marie]
    assert there.get("/admin/").url == "/admin/login/?next=/admin/"


def test_another_telephone_takes_the_place_of_the_first(marie: User) -> None:
    desk, _answer = give_password()
    old_secret, old_codes = set_up(desk)

    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        new_secret, new_codes = set_up(desk)

        assert new_secret != old_secret
        assert set(new_codes).isdisjoint(old_codes)
        for given, works in (
            (code(old_secret), False),
            (old_codes[0], False),
            (new_codes[0], True),
        ):
            browser, answer = give_password()
            assert (browser.post(answer.url, code=given).status_code == 302) is works


# --- the second step --------------------------------------------------------------------


def test_between_password_and_code_nobody_is_signed_in(marie: User) -> None:
    code_of(marie)

    desk, answer = give_password(target=list_url(Connection))

    assert answer.url == f"{CODE}?next=%2Fadmin%2Faccounts%2Fconnection%2F"
    assert desk.get(answer.url).status_code == 200
    assert not Session.objects.filter(user=marie).exists()
    for page in ("/admin/", ENROL, "/admin/security/confirm/", list_url(Connection)):
        assert desk.get(page).url == f"/admin/login/?next={page}"
    assert not AuditEntry.objects.exists()


def test_the_code_signs_in_and_leads_on(marie: User) -> None:
    code_of(marie)
    desk, answer = give_password(target=list_url(Connection))

    answer = desk.post(answer.url, code=f" {code_of(marie)[:3]} {code_of(marie)[3:]} ")

    assert answer.url == list_url(Connection)
    assert desk.get(answer.url).status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.user, entry.action, entry.resource_type) == (marie, "signed in", "auth.user")


@pytest.mark.parametrize("given", ["", "12345", "abcdef", "١٢٣٤٥٦", "\0", "x" * 41, "0" * 16])
def test_anything_else_does_not(given: str, marie: User) -> None:
    code_of(marie)
    desk, answer = give_password()

    page = desk.post(answer.url, code=given)

    assert page.status_code == 200
    assert "code" in page.context["form"].errors
    assert desk.get("/admin/").status_code == 302


@pytest.mark.parametrize(("steps", "works"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_a_clock_may_be_half_a_minute_off(steps: int, works: int, marie: User) -> None:
    code_of(marie)
    with time_machine.travel(timezone.now(), tick=False):
        desk, answer = give_password()
        secret = secret_of(marie)

        desk.post(answer.url, code=code(secret, steps=steps))

        assert desk.get("/admin/").status_code == (200 if works else 302)


def test_a_code_is_taken_once_and_none_before_it(marie: User) -> None:
    code_of(marie)
    with time_machine.travel(timezone.now(), tick=False):
        secret = secret_of(marie)
        for steps, works in ((0, 1), (0, 0), (-1, 0), (1, 1), (0, 0), (1, 0)):
            desk, answer = give_password()
            desk.post(answer.url, code=code(secret, steps=steps))
            assert desk.get("/admin/").status_code == (200 if works else 302), steps


def test_a_recovery_code_works_once(marie: User) -> None:
    _secret, codes = set_up(give_password()[0])

    for given, works in ((codes[0].upper(), 1), (codes[0], 0), (codes[1].replace("-", " "), 1)):
        desk, answer = give_password()
        desk.post(answer.url, code=given)
        assert desk.get("/admin/").status_code == (200 if works else 302), given

    assert AuditEntry.objects.filter(action="recovered", user=marie).count() == 2
    assert RecoveryCode.objects.filter(used_at=None).count() == 8


def test_nobody_uses_the_recovery_code_of_another(marie: User, bistro: Connection) -> None:
    _secret, codes = set_up(give_password()[0])
    code_of(staff("paul", bistro.account))

    desk, answer = give_password("paul")

    assert desk.post(answer.url, code=codes[0]).status_code == 200


def test_few_recovery_codes_are_told(marie: User) -> None:
    _secret, codes = set_up(give_password()[0])
    RecoveryCode.objects.exclude(pk__in=RecoveryCode.objects.values("pk")[:3]).delete()
    kept = [c for c in codes if RecoveryCode.objects.filter(code_hash=_hash(c)).exists()]
    desk, answer = give_password()

    desk.post(answer.url, code=kept[0])

    assert "You have 2 recovery codes left." in desk.get("/admin/").content.decode()


def test_the_password_counts_for_ten_minutes(marie: User) -> None:
    code_of(marie)
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk, answer = give_password()
        clock.move_to(now + timedelta(minutes=10))

        assert desk.post(answer.url, code=code_of(marie)).url == "/admin/login/?next=%2Fadmin%2F"
        assert desk.get("/admin/").status_code == 302


@pytest.mark.parametrize("change", ["password", "dismissed"])
def test_what_happens_meanwhile_counts(change: str, marie: User) -> None:
    given = code_of(marie)
    desk, answer = give_password()
    marie.set_password("another")
    marie.is_active = change != "dismissed"
    marie.save()

    desk.post(answer.url, code=given)

    assert desk.get("/admin/").status_code == 302


def test_the_session_of_the_code_is_not_the_one_before(marie: User) -> None:
    given = code_of(marie)
    desk, answer = give_password()
    before = desk.http.session.session_key

    desk.post(answer.url, code=given)

    assert desk.http.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_with_another_key_only_recovery_codes_are_left(
    marie: User, settings: Any, caplog: Any
) -> None:
    _secret, codes = set_up(give_password()[0])
    settings.ENCRYPTION_KEY = "another key"

    desk, answer = give_password()
    assert desk.post(answer.url, code="123456").status_code == 200
    assert "cannot be read" in caplog.text
    assert desk.post(answer.url, code=codes[0]).status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:1"])
def test_the_code_leads_to_no_other_site(target: str, marie: User) -> None:
    code_of(marie)
    desk, _answer = give_password()

    assert desk.post(f"{CODE}?next={target}", code=code_of(marie), next=target).url == "/admin/"


def test_the_check_of_a_deployment_warns_of_a_hub_without(settings: Any) -> None:
    assert check_second_factor() == []

    settings.SECOND_FACTOR_REQUIRED = False

    assert [found.id for found in check_second_factor()] == ["hubcustomers.W001"]


@pytest.mark.parametrize("word", ["required", "optional", "REQUIRED", ""])
def test_the_setting_is_one_of_two_words(word: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("HUB_SECOND_FACTOR", word)
    chosen = env_choice("HUB_SECOND_FACTOR", "required", "optional")
    assert chosen == (word.lower() or "required")

    monkeypatch.setenv("HUB_SECOND_FACTOR", "never")
    with pytest.raises(SettingError, match="must be required or optional, not 'never'"):
        env_choice("HUB_SECOND_FACTOR", "required", "optional")
