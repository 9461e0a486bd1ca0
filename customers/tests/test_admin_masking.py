"""A support agent sees e-mail and phone masked until "reveal", which is logged."""

import pytest

from accounts.factories import AccountFactory
from accounts.models import Connection, Membership
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, list_url, member_desk, url

EMAIL, PHONE = "anna.schmidt@example.com", "+33612345678"


@pytest.fixture
def anna(customer: Customer) -> Customer:
    Customer.objects.for_account(customer.account).filter(pk=customer.pk).update(
        email=EMAIL, phone=PHONE
    )
    customer.refresh_from_db()
    return customer


@pytest.fixture
def agent(bistro: Connection) -> Desk:
    return member_desk(bistro.account, role=Role.SUPPORT)


def test_an_agent_sees_no_whole_address_or_number(agent: Desk, anna: Customer) -> None:
    for page in (list_url(Customer), url(anna), url(anna, "history")):
        shown = agent.get(page).content.decode()
        assert EMAIL not in shown
        assert PHONE not in shown
    assert "a•••@e•••" in agent.get(list_url(Customer)).content.decode()
    assert "••• 78" in agent.get(url(anna)).content.decode()


def test_revealing_is_asked_for_and_logged(agent: Desk, anna: Customer) -> None:
    page = url(anna, "reveal")

    asked = agent.get(page)
    assert EMAIL not in asked.content.decode()
    assert not AuditEntry.objects.exists()

    shown = agent.post(page)
    assert EMAIL in shown.content.decode()
    assert PHONE in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.resource_id) == ("revealed", agent.user, anna.pk)
    assert EMAIL not in str(entry.__dict__)
    # Only in that one answer.
    assert EMAIL not in agent.get(url(anna)).content.decode()


@pytest.mark.parametrize("role", [Role.MANAGER, Role.PRIVACY])
def test_others_need_not_reveal(role: str, anna: Customer, bistro: Connection) -> None:
    desk = member_desk(bistro.account, role=role)

    assert EMAIL in desk.get(list_url(Customer)).content.decode()
    assert EMAIL in desk.get(url(anna)).content.decode()
    assert desk.post(url(anna, "reveal")).status_code == 403
    assert not AuditEntry.objects.exists()


def test_a_role_in_one_account_unmasks_nothing_in_another(agent: Desk, anna: Customer) -> None:
    account = AccountFactory()
    other = CustomerFactory(
        customer_list=CustomerListFactory(account=account), email="other@example.org"
    )
    Membership.objects.create(user=agent.user, account=account, role=Role.MANAGER)

    shown = agent.get(list_url(Customer)).content.decode()

    assert "other@example.org" in shown
    assert EMAIL not in shown
    assert agent.post(url(other, "reveal")).status_code in {403, 404}


def test_an_agent_of_another_account_reveals_nothing(anna: Customer) -> None:
    stranger = member_desk(AccountFactory(), role=Role.SUPPORT)

    assert stranger.post(url(anna, "reveal")).status_code in {403, 404}
    assert not AuditEntry.objects.exists()
