"""At the counter: scan a card, type points, scan the next (issue 4, item 5)."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import Desk, member_desk, url
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard

FIND = "/admin/loyalty/loyaltycard/find/"


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def test_a_scanned_ref_leads_to_its_card(desk: Desk, card: LoyaltyCard) -> None:
    for text in (card.ref, f" {card.ref}\t", card.public_id):
        assert desk.get(FIND, ref=text)["Location"] == f"{url(card)}?counter=points"


def test_a_ref_of_several_cards_leads_to_all_of_them(desk: Desk, card: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer=card.customer, name="kiosk", ref=card.ref)

    page = desk.http.get(FIND, {"ref": card.ref}, follow=True)

    assert set(page.context["cl"].result_list) == {card, other}


def test_what_is_no_ref_is_looked_for_among_customers(desk: Desk, card: LoyaltyCard) -> None:
    person = CustomerFactory(customer_list=card.customer_list, phone="+33612345678")

    page = desk.http.get(FIND, {"ref": "06 12 34 56 78"}, follow=True)

    assert list(page.context["cl"].result_list) == [person]
    assert "No card has this ref" in page.content.decode()


def test_it_says_when_there_is_no_customer_either(desk: Desk, card: LoyaltyCard) -> None:
    page = desk.http.get(FIND, {"ref": "R-404"}, follow=True).content.decode()

    assert "Neither a card nor a customer was found for “R-404”." in page
    assert "No card has this ref" not in page


@pytest.mark.parametrize("text", ["", " ", "\0", "x" * 5000, "%", "'; --"])
def test_nonsense_leads_to_a_list(text: str, desk: Desk, card: LoyaltyCard) -> None:
    assert desk.http.get(FIND, {"ref": text}, follow=True).status_code == 200


def test_without_a_ref_the_page_has_the_box_alone(desk: Desk) -> None:
    assert 'name="ref"' in desk.get(FIND).content.decode()


def test_a_foreign_card_is_not_found(desk: Desk, rival: Connection) -> None:
    foreign = LoyaltyCardFactory(
        customer=CustomerFactory(customer_list__account=rival.account), ref="R-1"
    )

    for text in ("R-1", foreign.public_id):
        assert "loyaltycard" not in desk.get(FIND, ref=text)["Location"]


def test_an_operator_finds_no_card(bistro: Connection, card: LoyaltyCard) -> None:
    desk = member_desk(bistro.account, role=Role.OPERATOR)

    assert desk.get(FIND, ref=card.ref).status_code == 403
    assert FIND not in desk.get("/admin/").content.decode()


def test_points_are_posted_and_the_next_card_is_scanned(desk: Desk, card: LoyaltyCard) -> None:
    post(card, "2.5")
    page = f"{url(card)}?counter=points"
    sent = desk.form(page)
    assert (sent["counter"], sent["direction"], sent["seen"]) == ("True", "add", "1")

    answer = desk.http.post(url(card, "post"), {**sent, "points": "5", "reason": "Lunch"})

    assert answer["Location"] == f"{url(card)}?counter=next"
    shown = desk.http.get(answer["Location"]).content.decode()
    assert "5.0 points added. The balance is 7.5 now." in shown
    assert "$el.focus()" in shown[shown.index('name="ref"') :][:400]


def test_a_second_scan_is_not_taken_for_points(desk: Desk, card: LoyaltyCard) -> None:
    sent = desk.form(f"{url(card)}?counter=points")

    answer = desk.http.post(url(card, "post"), {**sent, "points": "3760123456789", "reason": "x"})

    assert "a code that was scanned" in answer.content.decode()
    assert not card.operations.exists()
    # Who came to the card another way means what they type.
    desk.post(url(card, "post"), direction="add", points="3760123456789", reason="x", seen=0)
    assert card.operations.count() == 1


@pytest.mark.parametrize(
    ("language", "typed", "posted"),
    [("fr", "12,5", "12.5"), ("fr", "1\u202f012,5", "1012.5"), ("fr", "3.5", "3.5")],
)
def test_points_are_typed_as_the_language_writes_them(
    language: str, typed: str, posted: str, desk: Desk, card: LoyaltyCard
) -> None:
    desk.http.defaults["HTTP_ACCEPT_LANGUAGE"] = language

    desk.post(url(card, "post"), direction="add", points=typed, reason="x", seen=0)

    assert card.operations.get().delta == Decimal(posted)


@pytest.mark.parametrize(("language", "typed"), [("en", "1,000"), ("fr", "1,000,5")])
def test_a_comma_that_may_mean_either_is_refused(
    language: str, typed: str, desk: Desk, card: LoyaltyCard
) -> None:
    desk.http.defaults["HTTP_ACCEPT_LANGUAGE"] = language

    answer = desk.post(url(card, "post"), direction="add", points=typed, reason="x", seen=0)

    assert answer.status_code == 200
    assert not card.operations.exists()


def test_what_is_wrong_is_shown_with_the_card_and_a_way_back(desk: Desk, card: LoyaltyCard) -> None:
    Customer.objects.filter(pk=card.customer_id).update(first_name="Anna", last_name="Durand")
    post(card, "2.5")
    sent = desk.form(f"{url(card)}?counter=points")

    answer = desk.http.post(url(card, "post"), {**sent, "points": "abc", "reason": "Lunch"})

    shown = answer.content.decode()
    assert "Anna Durand" in shown
    assert card.public_id in shown
    assert card.ref in shown
    assert "2.5" in shown
    assert f'href="{url(card)}?counter=points"' in shown
    assert shown.count("$el.focus()") == 1
    assert "$el.focus()" in shown[shown.index('name="points"') :][:1200]


def test_the_reason_given_last_is_offered_again(desk: Desk, card: LoyaltyCard) -> None:
    assert desk.form(url(card))["reason"] == ""

    desk.post(url(card, "post"), direction="remove", points="5", reason="Free dessert", seen=0)

    shown = desk.get(url(card))
    assert "5.0 points removed. The balance is -5.0 now." in shown.content.decode()
    # Less than zero is worth a second look.
    assert [message.level_tag for message in shown.context["messages"]] == ["warning"]
    assert desk.form(url(card))["reason"] == "Free dessert"


def test_the_page_draws_the_balance(desk: Desk, card: LoyaltyCard) -> None:
    assert "Nothing yet." in desk.get(url(card)).content.decode()
    for delta in ("5", "-7.123456", "1"):
        post(card, delta)

    chart: Any = desk.get(url(card)).context["chart"]

    assert [row[1] for row in chart.rows] == ["5.0", "-2.123456", "-1.123456"]
    assert chart.zero != ""
    assert chart.line.startswith("M0.00 ")


def test_the_chart_shows_the_latest_of_many(desk: Desk, card: LoyaltyCard) -> None:
    for _ in range(105):
        post(card, "1")

    chart: Any = desk.get(url(card)).context["chart"]

    assert (len(chart.rows), chart.rows[0][1], chart.rows[-1][1]) == (100, "6.0", "105.0")
