"""What is too precious for an unattended desk asks who is at the desk first."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccessToken, Client, Connection
from customers.models import Customer, CustomerList
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import Desk, add_url, code_of, member_desk, staff, url

CONFIRM = "/admin/security/confirm/"


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    """A manager who signed in some time ago."""
    return Desk(staff("marie", bistro.account), proven=False)


def asked(answer: Any) -> str:
    """Return what the page that asks will lead back to."""
    assert answer.status_code == 302
    assert answer.url.startswith(CONFIRM)
    return answer.wsgi_request.get_full_path()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_is_issued_only_after_the_password(
    method: str, desk: Desk, bistro: Connection
) -> None:
    answer = getattr(desk, method)(url(bistro, "issue"))

    assert asked(answer) == url(bistro, "issue")
    assert not AccessToken.objects.exists()

    after = desk.post(answer.url, code=code_of(desk.user), next=url(bistro, "issue"))
    assert (after.status_code, after.url) == (302, url(bistro, "issue"))
    assert desk.post(url(bistro, "issue")).status_code == 200
    assert AccessToken.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_person_is_erased_only_after_the_password(
    method: str, desk: Desk, customer: Customer
) -> None:
    answer = getattr(desk, method)(url(customer, "anonymise"), typed=customer.public_id)

    assert answer.url.startswith(CONFIRM)
    customer.refresh_from_db()
    assert not customer.anonymised


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_list_is_deleted_only_after_the_code(
    method: str, desk: Desk, customer_list: CustomerList
) -> None:
    answer = getattr(desk, method)(url(customer_list, "delete"), typed=customer_list.name)

    assert asked(answer).startswith(url(customer_list, "delete"))
    assert CustomerList.objects.filter(pk=customer_list.pk).exists()


def test_a_connection_is_added_only_after_the_password(desk: Desk) -> None:
    assert asked(desk.get(add_url(Connection))) == add_url(Connection)


def test_a_client_is_added_only_after_the_password(bistro: Connection) -> None:
    boss = Desk(staff("boss", is_superuser=True), proven=False)

    asked(boss.post(add_url(Client), name="Till"))

    assert Client.objects.count() == 1


def test_who_may_not_do_it_at_all_is_not_asked(bistro: Connection, customer: Customer) -> None:
    support = Desk(staff("sam", bistro.account, role="support"), proven=False)

    for page in (url(customer, "anonymise"), url(bistro, "issue"), add_url(Connection)):
        assert support.get(page).status_code == 403


@pytest.mark.parametrize("sent", [{"code": "123456"}, {"password": "secret"}, {}])
def test_nothing_but_the_code_does_for_who_has_a_second_factor(
    sent: dict[str, str], desk: Desk, bistro: Connection
) -> None:
    answer = desk.post(CONFIRM, **sent, next=url(bistro, "issue"))

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["code"]
    asked(desk.get(url(bistro, "issue")))


def test_who_has_none_gives_the_password(bistro: Connection, settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = False
    desk = Desk()
    desk.http.force_login(staff("otto", bistro.account, role=Role.OPERATOR))
    asked(desk.get(url(bistro, "issue")))

    answer = desk.post(CONFIRM, password="Secret")
    assert answer.context["form"].errors == {"password": ["This is not your password."]}

    desk.post(CONFIRM, password="secret")
    assert desk.get(url(bistro, "issue")).status_code == 200


def test_it_is_asked_again_after_ten_minutes(bistro: Connection) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        desk = member_desk(bistro.account)
        clock.move_to(now + timedelta(seconds=599))
        assert desk.get(url(bistro, "issue")).status_code == 200
        clock.move_to(now + timedelta(seconds=600))
        asked(desk.get(url(bistro, "issue")))


def test_who_has_just_signed_in_is_not_asked(desk: Desk, bistro: Connection) -> None:
    desk.post(reverse("admin:logout"))
    answer = desk.post(reverse("admin:login"), username="marie", password="secret")
    desk.post(answer.url, code=code_of(desk.user))

    assert desk.get(url(bistro, "issue")).status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:1", ""])
def test_it_leads_nowhere_else(target: str, desk: Desk) -> None:
    assert desk.post(CONFIRM, code=code_of(desk.user), next=target).url == "/admin/"


def test_nobody_confirms_who_is_not_signed_in() -> None:
    assert Desk().get(CONFIRM).url == f"/admin/login/?next={CONFIRM}"
