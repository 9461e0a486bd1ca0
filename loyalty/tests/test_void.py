"""Voiding an operation: once, by its opposite on the same card (issue 4, item 5)."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, boss_desk, in_french, list_url, member_desk, staff, url
from loyalty import ledger
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def operation(card: LoyaltyCard, delta: str = "5", reason: str | None = None) -> LoyaltyOperation:
    return LoyaltyOperation.objects.get(pk=post(card, delta, reason).id)


def void(desk: Desk, of: LoyaltyOperation, reason: str = "A mistake") -> Any:
    return desk.post(url(of, "void"), reason=reason)


def void_of(of: LoyaltyOperation) -> LoyaltyOperation:
    return LoyaltyOperation.objects.get(voids=of)


# --- by whom, and what it does ----------------------------------------------------------


@pytest.mark.parametrize("delta", ["5", "-2.25", "99999999999999.999999", "0"])
def test_a_void_posts_the_opposite_and_links_the_two(
    delta: str, desk: Desk, card: LoyaltyCard
) -> None:
    post(card, "0.5")
    post(card, "-0.5")
    wrong = operation(card, delta)

    answer = void(desk, wrong)

    assert answer["Location"] == url(wrong)
    made = void_of(wrong)
    assert (made.delta, made.reason, made.card_id) == (-Decimal(delta), "A mistake", card.pk)
    card.refresh_from_db()
    assert (card.balance, card.last_sequence) == (0, 4)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_id) == ("voided", wrong.pk)


def test_the_pages_name_the_other_one(desk: Desk, card: LoyaltyCard) -> None:
    wrong = operation(card)
    void(desk, wrong)
    made = void_of(wrong)

    for page in (list_url(LoyaltyOperation), url(card)):
        text = desk.get(page).content.decode()
        assert f"voided by {made.public_id}" in text
        assert f"voids {wrong.public_id}" in text
    assert f"voided by {made.public_id}" in desk.get(url(wrong)).content.decode()
    assert f"voids {wrong.public_id}" in desk.get(url(made)).content.decode()


def test_nothing_is_voided_twice_and_no_void_is_voided(desk: Desk, card: LoyaltyCard) -> None:
    wrong = operation(card)
    void(desk, wrong)

    again = void(desk, wrong)
    back = void(desk, void_of(wrong))

    assert "It has been voided already." in again.content.decode()
    assert "It voids another operation itself." in back.content.decode()
    assert LoyaltyOperation.objects.count() == 2
    for done in (wrong, void_of(wrong)):
        assert url(done, "void") not in desk.get(url(done)).content.decode()
        assert "Void the operation" not in desk.get(url(done, "void")).content.decode()


def test_the_way_out_is_not_called_like_the_act(desk: Desk, card: LoyaltyCard) -> None:
    page = in_french(desk).get(url(operation(card), "void")).content.decode()

    assert ">Retour</a>" in page
    assert ">Annuler</a>" not in page


def test_a_void_needs_a_reason_and_a_post(desk: Desk, card: LoyaltyCard) -> None:
    wrong = operation(card, reason="Birthday")

    page = desk.get(url(wrong, "void"))
    assert 'value="Cancelled: Birthday"' in page.content.decode()
    assert "reason" in void(desk, wrong, " ").context["form"].errors
    assert "reason" in void(desk, wrong, "x" * 1001).context["form"].errors
    assert LoyaltyOperation.objects.count() == 1


def test_a_balance_out_of_range_is_said_and_nothing_is_voided(
    desk: Desk, card: LoyaltyCard
) -> None:
    wrong = operation(card, "-1")
    post(card, "99999999999999")
    post(card, "1")

    answer = void(desk, wrong)

    assert "out of its range" in answer.content.decode()
    assert not LoyaltyOperation.objects.filter(voids=wrong).exists()


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.MANAGER, 302), (Role.SUPPORT, 302), (Role.PRIVACY, 403), (Role.OPERATOR, 403)],
)
def test_managers_and_support_agents_void(role: str, status: int, card: LoyaltyCard) -> None:
    wrong = operation(card)

    assert void(member_desk(card.account, role=role), wrong).status_code == status

    assert LoyaltyOperation.objects.filter(voids=wrong).exists() == (status == 302)


def test_staff_of_another_account_void_nothing(rival: Connection, card: LoyaltyCard) -> None:
    wrong = operation(card)

    assert void(member_desk(rival.account), wrong).status_code in {403, 404}
    assert void(boss_desk(), wrong).status_code == 302


def test_the_api_tells_of_a_void_as_of_any_operation(
    api: HubClient, desk: Desk, card: LoyaltyCard
) -> None:
    wrong = operation(card)
    void(desk, wrong)
    path = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}"

    latest, first = api.get(f"{path}/operations").json()

    assert latest.keys() == first.keys()
    assert not [name for name in latest if "void" in name]
    assert (latest["delta"], latest["new_balance"], latest["reason"]) == (
        "-5.0",
        "0.0",
        "A mistake",
    )


# --- two at once ------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("many connections")
def test_of_two_who_void_at_once_one_wins_and_the_other_is_told(card: LoyaltyCard) -> None:
    wrong = operation(card)
    barrier = Barrier(4)

    def run(desk: Desk) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            return void(desk, wrong)
        finally:
            connection.close()

    desks = [Desk(staff(f"staff {number}", card.account)) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(run, desks))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 302]
    for answer in answers:
        assert answer.status_code == 302 or "voided already" in answer.content.decode()
    card.refresh_from_db()
    assert (card.balance, card.last_sequence) == (0, 2)
    assert AuditEntry.objects.filter(action="voided").count() == 1


# --- the database, past the back-office -------------------------------------------------


def refused_by(name: str, card: LoyaltyCard, delta: str, voids: int) -> None:
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        ledger.post_operation(place, delta=Decimal(delta), voids=voids)
    assert caught.value.__cause__.diag.constraint_name == name


def test_the_database_judges_every_void(card: LoyaltyCard, rival: Connection) -> None:
    other = LoyaltyCardFactory(customer=card.customer, name="Other")
    foreign = LoyaltyCardFactory(
        customer=CustomerFactory(
            customer_list__account=rival.account, customer_list__location=rival.location
        )
    )
    wrong, elsewhere = operation(card), operation(other)
    trigger = "loyalty_operation_void_trg"

    refused_by(trigger, card, "-4", wrong.pk)
    refused_by(trigger, card, "5", wrong.pk)
    refused_by(trigger, card, "-5", elsewhere.pk)
    refused_by(trigger, card, "-5", operation(foreign).pk)
    refused_by(trigger, card, "-5", 2**60)
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    made = ledger.post_operation(place, delta=Decimal(-5), voids=wrong.pk)
    refused_by(trigger, card, "5", made.id)
    refused_by("loyalty_operation_voids_uniq", card, "-5", wrong.pk)


def test_a_link_is_neither_set_nor_taken_away_later(card: LoyaltyCard) -> None:
    wrong, right = operation(card), operation(card, "-5")

    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        LoyaltyOperation.objects.filter(pk=right.pk).update(voids=wrong)
