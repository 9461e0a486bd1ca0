"""The back-office of the history of consent."""

import pytest

from accounts.models import Connection
from conftest import HubClient
from customers.models import ConsentChange, Customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import list_url, member_desk, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(api: HubClient, customer: Customer) -> Customer:
    path = f"/customer_lists/{customer.customer_list.public_id}/customers/{customer.public_id}"
    api.patch(path, sms_marketing=True)
    api.patch(path, sms_marketing=False, email_marketing=True)
    return customer


def shown(desk, **params: str) -> list[tuple[str, bool]]:
    rows = desk.get(list_url(ConsentChange), **params).context["cl"].result_list
    return [(row.flag, row.new_value) for row in rows]


def test_the_list_tells_when_whose_from_where_old_and_new(changed: Customer, api) -> None:
    desk = member_desk(changed.account, role=Role.PRIVACY)

    page = desk.get(list_url(ConsentChange)).content.decode()

    assert changed.public_id in page
    assert f"API client: {api.connection.client.name}" in page
    assert len(shown(desk)) == 3
    assert desk.get(url(ConsentChange.objects.first())).status_code == 200


def test_the_page_of_the_customer_shows_the_latest(changed: Customer) -> None:
    officer = member_desk(changed.account, role=Role.PRIVACY)
    every = f"{list_url(ConsentChange)}?q={changed.public_id}"

    assert every in officer.get(url(changed)).content.decode()
    support = member_desk(changed.account, role=Role.SUPPORT)
    assert "History of consent" not in support.get(url(changed)).content.decode()


def test_filters_and_search_narrow_it_down(changed: Customer) -> None:
    desk = member_desk(changed.account, role=Role.PRIVACY)

    assert shown(desk, flag="email_marketing") == [("email_marketing", True)]
    assert shown(desk, value="taken") == [("sms_marketing", False)]
    assert len(shown(desk, source="api")) == 3
    assert shown(desk, source="staff") == []
    assert len(shown(desk, q=changed.public_id)) == 3
    assert shown(desk, q="zzzzz") == []


def test_nobody_changes_it_here(changed: Customer) -> None:
    desk = member_desk(changed.account, role=Role.PRIVACY)
    row = ConsentChange.objects.first()

    assert desk.post(url(row), new_value="on").status_code == 403
    assert desk.post(url(row, "delete"), post="yes").status_code == 403


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.PRIVACY, 200), (Role.MANAGER, 200), (Role.SUPPORT, 403), (Role.OPERATOR, 403)],
)
def test_roles_see_what_is_theirs(role: str, status: int, changed: Customer) -> None:
    assert (
        member_desk(changed.account, role=role).get(list_url(ConsentChange)).status_code == status
    )


def test_a_page_of_the_list_takes_few_statements(
    changed: Customer, django_assert_max_num_queries
) -> None:
    desk = member_desk(changed.account, role=Role.PRIVACY)

    with django_assert_max_num_queries(12):
        desk.get(list_url(ConsentChange))


def test_staff_of_another_account_see_nothing(changed: Customer, rival: Connection) -> None:
    assert shown(member_desk(rival.account, role=Role.PRIVACY)) == []
