"""The back-office of loyalty cards and operations (issue 2, item 8)."""

from typing import Any

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    boss_desk,
    errors_of,
    list_url,
    member_desk,
    url,
)
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def found(desk: Desk, text: str, model: Any = LoyaltyCard) -> list[Any]:
    return list(desk.get(list_url(model), q=text).context["cl"].result_list)


# --- cards ------------------------------------------------------------------------------


def test_a_card_is_given_to_a_customer(desk: Desk, customer: Customer) -> None:
    page = f"{add_url(LoyaltyCard)}?customer={customer.pk}"

    assert desk.form(page)["customer"] == str(customer.pk)
    assert desk.save(page, name="Points", ref="A-1").status_code == 302

    made = LoyaltyCard.objects.get()
    assert (made.customer_id, made.customer_list_id) == (customer.pk, customer.customer_list_id)
    assert (made.name, made.ref, made.balance) == ("Points", "A-1", 0)


def test_a_card_needs_neither_name_nor_ref(desk: Desk, customer: Customer) -> None:
    desk.post(add_url(LoyaltyCard), customer=customer.pk)

    made = LoyaltyCard.objects.get()
    assert (made.name, made.ref) == ("", None)


def test_a_taken_name_or_ref_is_an_error_of_the_form(desk: Desk, card: LoyaltyCard) -> None:
    other = CustomerFactory(customer_list=card.customer_list)
    second = LoyaltyCardFactory(customer=card.customer, name="Second", ref="B-1")

    same_name = desk.post(add_url(LoyaltyCard), customer=card.customer_id, name="", ref="C-1")
    same_ref = desk.post(add_url(LoyaltyCard), customer=other.pk, name="", ref=card.ref)
    renamed = desk.save(url(second), name="")

    assert errors_of(same_name) == {"name": ["has already been taken"]}
    assert errors_of(same_ref) == {"ref": ["has already been taken"]}
    assert errors_of(renamed) == {"name": ["has already been taken"]}
    assert LoyaltyCard.objects.count() == 2


def test_a_card_without_customer_is_refused(desk: Desk, customer: Customer) -> None:
    assert list(errors_of(desk.post(add_url(LoyaltyCard), name="x"))) == ["customer"]
    assert list(errors_of(desk.post(add_url(LoyaltyCard), customer="9999"))) == ["customer"]


def test_only_name_and_ref_of_a_card_change(desk: Desk, card: LoyaltyCard) -> None:
    other = CustomerFactory(customer_list=card.customer_list)
    post(card, "5")

    desk.save(url(card), name="New", balance="999", customer=other.pk, last_sequence=7)

    changed = LoyaltyCard.objects.get()
    assert (changed.name, changed.ref, changed.balance) == ("New", card.ref, 5)
    assert (changed.customer_id, changed.last_sequence) == (card.customer_id, 1)


def test_a_ref_changed_meanwhile_is_not_overwritten(desk: Desk, card: LoyaltyCard) -> None:
    form = desk.form(url(card))
    LoyaltyCard.objects.filter(pk=card.pk).update(ref="from the till")
    post(card, "5")

    desk.http.post(url(card), {**form, "name": "New"})

    changed = LoyaltyCard.objects.get()
    assert (changed.name, changed.ref, changed.balance) == ("New", "from the till", 5)


def test_nobody_deletes_a_card(card: LoyaltyCard) -> None:
    desk = boss_desk()

    assert desk.post(url(card, "delete"), post="yes").status_code == 403
    assert LoyaltyCard.objects.exists()


def test_cards_are_found_by_ref_and_ids(desk: Desk, card: LoyaltyCard) -> None:
    LoyaltyCardFactory(customer=CustomerFactory(customer_list=card.customer_list), ref="other")

    for text in (card.ref, card.public_id, card.customer.public_id):
        assert found(desk, text) == [card]
    assert found(desk, "nothing") == []


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_pages_take_few_queries(
    rows: int, desk: Desk, customer: Customer, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        post(LoyaltyCardFactory(customer=customer, name=str(number)), "1")

    # Session, user, memberships; choices of the filters; count and rows.
    with django_assert_num_queries(7):
        assert desk.get(list_url(LoyaltyCard)).status_code == 200
    with django_assert_num_queries(6):
        assert desk.get(list_url(LoyaltyOperation)).status_code == 200


# --- points -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "points", "balance"),
    [("add", "13.5", "13.5"), ("remove", "2.25", "-2.25"), ("add", "0.000001", "0.000001")],
)
def test_points_are_added_and_removed(
    direction: str, points: str, balance: str, desk: Desk, card: LoyaltyCard
) -> None:
    sent = {"direction": direction, "points": points, "reason": "Birthday"}

    answer = desk.post(url(card, "post"), **sent, seen=0)

    assert answer.status_code == 302
    operation = LoyaltyOperation.objects.get()
    card.refresh_from_db()
    assert str(card.balance.normalize()) == balance or f"{card.balance:f}".rstrip("0") == balance
    assert (operation.delta, operation.reason) == (card.balance, "Birthday")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_id) == ("posted", operation.pk)


@pytest.mark.parametrize(
    "points",
    [
        "",
        "0",
        "-5",
        "1e3",
        "NaN",
        "٣",
        "1,5",
        "1_000",
        "0.0000001",
        "1" * 15,
        "infinity",
        "5 points",
    ],
)
def test_points_are_read_as_strictly_as_by_the_api(
    points: str, desk: Desk, card: LoyaltyCard
) -> None:
    answer = desk.post(url(card, "post"), direction="add", points=points, reason="x", seen=0)

    assert list(answer.context["form"].errors) == ["points"]
    assert not LoyaltyOperation.objects.exists()


def test_points_need_a_reason_and_a_direction(desk: Desk, card: LoyaltyCard) -> None:
    page = url(card, "post")

    assert "reason" in desk.post(page, direction="add", points="5", seen=0).context["form"].errors
    sent = {"direction": "steal", "points": "5", "reason": "x", "seen": 0}
    assert "direction" in desk.post(page, **sent).context["form"].errors
    assert not LoyaltyOperation.objects.exists()


def test_a_balance_out_of_range_is_an_error_of_the_form(desk: Desk, card: LoyaltyCard) -> None:
    post(card, "99999999999999")

    answer = desk.post(url(card, "post"), direction="add", points="1", reason="x", seen=1)

    assert answer.context["form"].errors == {"points": ["would take the balance out of its range"]}


def test_a_second_click_posts_nothing(desk: Desk, card: LoyaltyCard) -> None:
    sent = {"direction": "add", "points": "5", "reason": "x", "seen": 0}
    desk.post(url(card, "post"), **sent)

    again = desk.post(url(card, "post"), **sent)

    assert "changed meanwhile" in again.content.decode()
    assert "5.0" in again.content.decode()
    assert LoyaltyOperation.objects.count() == 1
    # Who sends the page that came back means it.
    form = desk.form(url(card, "post"))
    assert desk.post(url(card, "post"), **{**sent, "seen": form["seen"]}).status_code == 302
    assert LoyaltyOperation.objects.count() == 2


def test_the_card_page_shows_balance_and_latest_operations(desk: Desk, card: LoyaltyCard) -> None:
    for number in range(25):
        post(card, "1", f"reason {number}.")

    shown = desk.get(url(card)).content.decode()

    assert "25.0" in shown
    assert "reason 24." in shown
    assert "reason 5." in shown
    assert "reason 4." not in shown
    assert f"?card={card.pk}" in shown


# --- operations -------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["member", "boss"])
def test_operations_are_immutable(who: str, card: LoyaltyCard) -> None:
    desk = member_desk(card.account) if who == "member" else boss_desk()
    operation = LoyaltyOperation.objects.get(pk=post(card, "5", "Welcome").id)
    before = LoyaltyOperation.objects.values().get()

    assert desk.get(url(operation)).status_code == 200
    assert desk.get(add_url(LoyaltyOperation)).status_code == 403
    assert desk.post(add_url(LoyaltyOperation), card=card.pk, delta="1").status_code == 403
    assert desk.post(url(operation), delta="99", reason="x").status_code == 403
    assert desk.post(url(operation, "delete"), post="yes").status_code == 403
    desk.post(
        list_url(LoyaltyOperation),
        action="delete_selected",
        _selected_action=[operation.pk],
        post="yes",
    )

    assert LoyaltyOperation.objects.values().get() == before
    assert 'name="_save"' not in desk.get(url(operation)).content.decode()


def test_operations_of_one_card_are_shown(desk: Desk, card: LoyaltyCard) -> None:
    other = LoyaltyCardFactory(customer=card.customer, name="Other")
    post(other, "1")
    mine = post(card, "5", "Welcome")

    page = desk.get(list_url(LoyaltyOperation), card=card.pk)

    assert [row.pk for row in page.context["cl"].result_list] == [mine.id]
    assert [row.pk for row in found(desk, card.public_id, LoyaltyOperation)] == [mine.id]
    operation = LoyaltyOperation.objects.get(pk=mine.id)
    assert found(desk, operation.public_id, LoyaltyOperation) == [operation]
    assert "Welcome" in page.content.decode()
