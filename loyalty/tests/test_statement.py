"""The statement of a card: a period, the balance before and after, every operation."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import Connection
from customers.factories import CustomerFactory
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import Desk, member_desk, url
from loyalty import statements
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from loyalty.statements import statement_of


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


@pytest.fixture
def year(card: LoyaltyCard) -> LoyaltyCard:
    """A card with one operation in each month of 2026, 1 to 12 points; December's are used."""
    with connection.cursor() as cursor:
        # Before the guards were: nothing of it can be changed afterwards.
        cursor.execute("SET session_replication_role = replica")
        balance = Decimal(0)
        for month in range(1, 13):
            delta = Decimal(month if month < 12 else -month)
            balance += delta
            LoyaltyOperation.objects.create(
                account_id=card.account_id,
                card=card,
                sequence=month,
                delta=delta,
                new_balance=balance,
                reason=f"month {month}",
            )
            cursor.execute(
                "UPDATE loyalty_loyaltyoperation SET created_at = %s"
                " WHERE account_id = %s AND card_id = %s AND sequence = %s",
                [datetime(2026, month, 1, 0, 30, tzinfo=UTC), card.account_id, card.pk, month],
            )
        cursor.execute(
            "UPDATE loyalty_loyaltycard SET balance = %s, last_sequence = 12 WHERE id = %s",
            [balance, card.pk],
        )
        cursor.execute("SET session_replication_role = origin")
    return card


def shown(desk: Desk, card: LoyaltyCard, begin: str = "", end: str = "") -> Any:
    return desk.get(url(card, "statement"), begin=begin, end=end)


def test_a_period_opens_and_closes_with_the_right_balance(desk: Desk, year: LoyaltyCard) -> None:
    page = shown(desk, year, "2026-03-01", "2026-04-30")

    found = page.context["found"]
    assert (found["opening"], found["closing"]) == ("3.0", "10.0")
    assert (found["earned"], found["used"]) == ("7.0", "0.0")
    assert [row["reason"] for row in found["rows"]] == ["month 3", "month 4"]
    text = page.content.decode()
    assert "From 1 March 2026 to 30 April 2026" in text
    assert "no-store" in page["Cache-Control"]


def test_days_are_those_of_the_place(desk: Desk, year: LoyaltyCard) -> None:
    # 00:30 in London is 01:30 or 02:30 in Paris: the same day.
    found = shown(desk, year, "2026-05-01", "2026-05-01").context["found"]

    assert [row["reason"] for row in found["rows"]] == ["month 5"]
    assert found["rows"][0]["time"] == "1 May 2026, 02:30"


def test_everything_begins_at_zero(desk: Desk, year: LoyaltyCard) -> None:
    found = shown(desk, year).context["found"]

    assert (found["opening"], found["closing"]) == ("0.0", "54.0")
    assert (found["earned"], found["used"]) == ("66.0", "12.0")
    assert len(found["rows"]) == 12


def test_a_period_without_operations_says_so(desk: Desk, year: LoyaltyCard) -> None:
    page = shown(desk, year, "2026-03-02", "2026-03-30")

    found = page.context["found"]
    assert (found["opening"], found["closing"], found["rows"]) == ("6.0", "6.0", [])
    assert "Nothing happened in this period." in page.content.decode()


def test_without_a_period_it_is_this_month(desk: Desk, card: LoyaltyCard) -> None:
    post(card, "5")

    page = desk.get(url(card, "statement"))

    assert [row["added"] for row in page.context["found"]["rows"]] == ["5.0"]


def test_periods_that_follow_each_other_share_nothing(year: LoyaltyCard) -> None:
    # Two tills at midnight: the ledger's second operation began a moment before the first.
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE loyalty_loyaltyoperation SET created_at = %s"
            " WHERE account_id = %s AND card_id = %s AND sequence = 6",
            [datetime(2026, 4, 30, 23, 59, tzinfo=UTC), year.account_id, year.pk],
        )
        cursor.execute("SET session_replication_role = origin")
    cut = datetime(2026, 5, 1, tzinfo=UTC)

    before, after = statement_of(year, end=cut), statement_of(year, begin=cut)

    numbers = [one.sequence for one in (*before.operations, *after.operations)]
    assert numbers == list(range(1, 13))
    assert before.closing == after.opening
    for one in (before, after):
        assert one.opening + one.earned - one.used == one.closing


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-02-30", ""),
        ("yesterday", ""),
        ("", "99999-01-01"),
        ("2026-05-01", "2026-04-30"),
        ("\0", ""),
    ],
)
def test_a_period_that_is_none_is_refused(
    begin: str, end: str, desk: Desk, year: LoyaltyCard
) -> None:
    page = shown(desk, year, begin, end)

    assert page.status_code == 200
    assert page.context["found"] is None
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_there_are(day: str, desk: Desk, year: LoyaltyCard) -> None:
    assert shown(desk, year, day, day).status_code == 200
    assert shown(desk, year, "", day).status_code == 200


def test_a_period_with_too_many_operations_is_refused(
    desk: Desk, year: LoyaltyCard, monkeypatch: Any
) -> None:
    monkeypatch.setattr(statements, "MOST_OPERATIONS", 11)

    page = shown(desk, year)

    assert "Choose a shorter period." in page.content.decode()


def test_hostile_names_stay_text(desk: Desk, card: LoyaltyCard) -> None:
    person = CustomerFactory(
        customer_list=card.customer_list, first_name="<script>alert(1)</script>", last_name='"><b>'
    )
    bad = LoyaltyCardFactory(customer=person, name="</title><script>", ref="'\"<i>")
    post(bad, "1", "<img src=x onerror=alert(1)>")

    text = shown(desk, bad).content.decode()

    for part in ("<script>alert", "<b>", "<i>", "<img", "</title><script>"):
        assert part not in text


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.MANAGER, 200), (Role.SUPPORT, 200), (Role.PRIVACY, 200), (Role.OPERATOR, 403)],
)
def test_who_sees_cards_sees_statements(
    role: str, status: int, bistro: Connection, card: LoyaltyCard
) -> None:
    assert member_desk(bistro.account, role=role).get(url(card, "statement")).status_code == status


def test_a_foreign_card_has_no_statement(desk: Desk, rival: Connection) -> None:
    foreign = LoyaltyCardFactory(customer=CustomerFactory(customer_list__account=rival.account))

    assert desk.get(url(foreign, "statement")).status_code in (302, 403, 404)


def test_the_periods_offered_are_periods(desk: Desk, card: LoyaltyCard) -> None:
    page = desk.get(url(card, "statement"))

    for _title, query in page.context["periods"]:
        assert desk.http.get(url(card, "statement") + query).context["found"] is not None
