"""The operations of one card as a file, from its page in the back-office."""

import csv
import io
from typing import Any

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, member_desk, staff, url
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard

pytestmark = pytest.mark.django_db(transaction=True)


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_file_has_the_operations_of_the_card_alone(
    bistro: Connection, card: LoyaltyCard
) -> None:
    post(LoyaltyCardFactory(customer=card.customer, name="Other"), "99")
    for delta, reason in (("12.5", "=cmd()"), ("-3", "Free, dessert")):
        post(card, delta, reason)
    desk = member_desk(bistro.account)
    assert desk.get(url(card, "export_card")).status_code == 200

    answer = desk.post(url(card, "export_card"))

    assert answer["Content-Disposition"].endswith(f'"operations-{card.public_id}.csv"')
    found = rows(answer)
    assert [(row["sequence"], row["delta"], row["new_balance"]) for row in found] == [
        ("1", "12.5", "12.5"),
        ("2", "'-3.0", "9.5"),
    ]
    assert [row["reason"] for row in found] == ["'=cmd()", "Free, dessert"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_id, entry.resource_type) == (
        "exported",
        card.pk,
        "loyalty.loyaltycard",
    )


def test_the_password_is_asked_for_first(bistro: Connection, card: LoyaltyCard) -> None:
    desk = Desk(staff("marie", bistro.account), proven=False)

    assert desk.post(url(card, "export_card")).status_code == 302
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_take_files(role: str, bistro: Connection, card: LoyaltyCard) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.post(url(card, "export_card")).status_code == 403


def test_a_foreign_card_is_no_file(bistro: Connection, rival: Connection) -> None:
    foreign = LoyaltyCardFactory(customer=CustomerFactory(customer_list__account=rival.account))

    answer = member_desk(bistro.account).post(url(foreign, "export_card"))

    assert answer.status_code in (302, 403, 404)
    assert "Content-Disposition" not in answer
