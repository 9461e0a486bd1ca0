"""The pages that merge two customers, part them again, and show who may be there twice."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from customers.services import anonymise_customer
from desk.merging.factories import merge
from desk.merging.models import Merge, PossibleDuplicate
from desk.merging.tests.conftest import Twice, below, read
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, list_url, member_desk, settle, url
from loyalty.factories import post
from transfer.jobs import Worker
from transfer.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def page_of(one: Customer, other: Customer | None = None) -> str:
    path = url(one, "merge")
    return path if other is None else f"{path}?other={other.public_id}"


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def send(desk: Desk, one: Customer, other: Customer, **data: str) -> Any:
    """Send the preview's form as it was shown, with these changes."""
    shown = desk.get(page_of(one, other))
    sides = {
        f"choice-{line.name}": side.side
        for line in shown.context["lines"]
        for side in line.sides
        if side.chosen
    }
    known = {"other": other.public_id, "seen": shown.context["seen"]}
    return desk.post(url(one, "merge"), **{**known, **sides, **data})


def test_the_page_of_a_merged_customer_leads_to_the_other(
    desk: Desk, twice: Twice, rival: Connection
) -> None:
    merge(twice.anna, twice.annie)

    answer = desk.get(url(twice.annie))

    assert answer["Location"] == url(twice.anna)
    assert "was merged into" in desk.get(answer["Location"]).content.decode()
    assert member_desk(rival.account).get(url(twice.annie))["Location"] == "/admin/"


def test_the_preview_shows_each_field_and_what_moves(desk: Desk, twice: Twice) -> None:
    shown = desk.get(page_of(twice.anna, twice.annie))

    lines = {line.name: line for line in shown.context["lines"]}
    assert [(side.side, side.value, side.chosen) for side in lines["first_name"].sides] == [
        ("kept", "Anna", True),
        ("other", "Annie", False),
    ]
    assert lines["last_name"].sides == []
    assert "gender" not in lines
    assert [side.chosen for side in lines["phone"].sides] == [False, True]
    assert [side.chosen for side in lines["email_marketing"].sides] == [True, False]
    assert [side.chosen for side in lines["sms_marketing"].sides] == [False, True]
    assert [side.side for side in lines["custom_fields"].sides if side.chosen] == ["both"]
    assert shown.context["moves"] == [
        "Orders that move: 2",
        f"Card {twice.other_card.public_id}, (no name), gives its 30.25 points to card"
        f" {twice.card.public_id}, which then has 42.75; its id and ref go on to find that card",
        f"Card {twice.kiosk_card.public_id}, kiosk, moves with 7.0 points",
    ]
    assert "answered differently" in text_of(shown)


def test_staff_merge_as_they_chose(
    api: HubClient, customer_list: CustomerList, desk: Desk, twice: Twice
) -> None:
    answer = send(desk, twice.anna, twice.annie, **{"choice-first_name": "other"})

    assert answer.url == url(twice.anna)
    settle()
    shown = read(api, below(customer_list, f"customers/{twice.annie.public_id}"))
    assert (shown["id"], shown["first_name"]) == (twice.anna.public_id, "Annie")
    assert (shown["email"], shown["phone"]) == ("anna@example.com", "+33612345678")
    assert desk.get(url(twice.annie)).status_code == 302
    page = text_of(desk.get(url(twice.anna)))
    assert "Merged into this customer" in page
    assert "Undo merge" in page
    assert AuditEntry.objects.filter(action="merged", user_name=desk.user.username).count() == 2


def test_what_changed_since_the_preview_is_looked_at_again(desk: Desk, twice: Twice) -> None:
    seen = desk.get(page_of(twice.anna, twice.annie)).context["seen"]
    Customer.objects.filter(pk=twice.annie.pk, account_id=twice.annie.account_id).update(
        city="Lyon"
    )

    answer = desk.post(url(twice.anna, "merge"), other=twice.annie.public_id, seen=seen)

    assert "changed meanwhile" in text_of(answer)
    assert "Lyon" in text_of(answer)
    assert not Merge.objects.exists()


def test_a_merge_is_undone_after_a_look(
    api: HubClient, customer_list: CustomerList, desk: Desk, twice: Twice
) -> None:
    merge(twice.anna, twice.annie)
    post(twice.card, "100")

    shown = desk.get(url(twice.anna, "unmerge"))
    done = desk.post(url(twice.anna, "unmerge"))

    assert shown.context["returns"] == [
        "Orders that go back: 2",
        f"Card {twice.kiosk_card.public_id} goes back with 7.0 points",
        f"30.25 points go back from card {twice.card.public_id}, which then has 112.5",
        "These fields are as before, where nobody changed them since: Phone, Address 1,"
        " Postal code, Agrees to SMS, Further data",
    ]
    assert done.url == url(twice.anna)
    settle()
    path = below(customer_list, f"customers/{twice.annie.public_id}")
    assert read(api, path)["id"] == twice.annie.public_id
    assert "Nobody was merged" in text_of(desk.get(url(twice.anna, "unmerge")))
    assert "Undo merge" not in text_of(desk.get(url(twice.anna)))


def test_a_fault_is_said_and_nothing_done(
    desk: Desk, customer_list: CustomerList, twice: Twice
) -> None:
    elsewhere = CustomerFactory(
        customer_list=CustomerListFactory(account=customer_list.account, name="Web")
    )

    for other in (twice.anna, elsewhere):
        answer = desk.get(page_of(twice.anna, other))
        assert answer.url == url(twice.anna, "merge")
    assert "Only customers of one list" in text_of(desk.get(url(twice.anna, "merge")))


def test_who_is_anonymised_is_not_offered_to_be_merged(desk: Desk, twice: Twice) -> None:
    assert page_of(twice.anna) in text_of(desk.get(url(twice.anna)))
    anonymise_customer(twice.anna)

    assert page_of(twice.anna) not in text_of(desk.get(url(twice.anna)))
    answer = desk.http.get(page_of(twice.anna), follow=True)
    assert answer.redirect_chain[0][0] == url(twice.anna)
    assert "This customer is anonymised, and cannot be merged" in text_of(answer)


def test_the_other_one_is_searched_in_the_same_list(
    desk: Desk, customer_list: CustomerList, twice: Twice
) -> None:
    CustomerFactory(
        customer_list=CustomerListFactory(account=customer_list.account), phone="+33612345678"
    )

    for term in ("06 12 34 56 78", "annie", "av-2", twice.annie.public_id):
        [table] = [
            table
            for table in desk.get(url(twice.anna, "merge"), q=term).context["tables"]
            if table["title"] == "Found in the same list"
        ]
        assert [row[1] for row in table["rows"]] == ["Annie Durand"]
    assert desk.get(url(twice.anna, "merge"), q="\0").status_code == 200


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_merge(bistro: Connection, twice: Twice, role: str) -> None:
    other = member_desk(bistro.account, role=role)
    merge(twice.anna, CustomerFactory(customer_list=twice.anna.customer_list))

    for path in (page_of(twice.anna, twice.annie), url(twice.anna, "unmerge")):
        assert other.get(path).status_code in (302, 403)
        assert other.post(path).status_code in (302, 403)
    assert other.get(url(twice.anna.customer_list, "duplicates")).status_code in (302, 403)
    assert Merge.objects.get().undone_at is None
    page = other.get(url(twice.anna)).content.decode()
    assert "Compare" not in page


def test_staff_of_another_account_reach_nothing(
    bistro: Connection, rival: Connection, desk: Desk, twice: Twice
) -> None:
    foreign = CustomerFactory(customer_list=CustomerListFactory(account=rival.account))
    merge(twice.anna, CustomerFactory(customer_list=twice.anna.customer_list))
    outsider = member_desk(rival.account)

    for page in ("merge", "unmerge"):
        for answer in (outsider.get(url(twice.anna, page)), outsider.post(url(twice.anna, page))):
            assert answer.status_code in (302, 403, 404)
    assert outsider.get(url(twice.anna.customer_list, "duplicates")).status_code in (302, 403, 404)
    assert desk.get(page_of(twice.anna, foreign)).status_code == 404
    assert outsider.get(page_of(foreign, twice.anna)).status_code == 404
    assert Merge.objects.get().undone_at is None


# --- possible duplicates ------------------------------------------------------------------


def test_a_search_fills_the_page_of_the_list(
    desk: Desk, customer_list: CustomerList, twice: Twice
) -> None:
    other = CustomerFactory(customer_list=customer_list, first_name="Bob", email="anna@EXAMPLE.com")
    page = url(customer_list, "duplicates")
    assert "Nobody has searched" in text_of(desk.get(page))

    started = desk.post(page)
    again = desk.post(page)

    assert started.url == again.url == url(Job.objects.get())
    assert "A search is under way" in text_of(desk.get(page))
    assert f'href="{page}"' not in text_of(desk.get(started.url))
    Worker().run(once=True)
    shown = desk.get(page)
    [table] = shown.context["tables"]
    assert [(row[1], row[3], row[4]) for row in table["rows"]] == [
        ("Anna Durand", "Bob Watson", "same e-mail")
    ]
    assert Job.objects.get().counts == {"phone": 0, "email": 1, "name": 0}
    assert f'href="{page}"' in text_of(desk.get(started.url))
    assert other.public_id in text_of(shown)


def test_two_people_are_kept_apart_for_good(
    desk: Desk, customer_list: CustomerList, twice: Twice
) -> None:
    CustomerFactory(customer_list=customer_list, phone=twice.annie.phone, first_name="Bob")
    assert "Possible duplicates" in text_of(desk.get(url(twice.annie)))
    bob = Customer.objects.for_account(customer_list.account).get(first_name="Bob")

    answer = send(desk, twice.annie, bob, apart="1")

    assert answer.url == url(twice.annie)
    assert "Compare" not in text_of(desk.get(url(twice.annie)))
    desk.post(url(customer_list, "duplicates"))
    Worker().run(once=True)
    assert desk.get(url(customer_list, "duplicates")).context["tables"] == []
    assert PossibleDuplicate.objects.get().parted_by == desk.user.username
    assert not Merge.objects.exists()


def test_a_long_page_goes_on(desk: Desk, customer_list: CustomerList) -> None:
    for number in range(60):
        for _ in range(2):
            CustomerFactory(customer_list=customer_list, email=f"p{number}@x.y")
    desk.post(url(customer_list, "duplicates"))
    Worker().run(once=True)

    first = desk.get(url(customer_list, "duplicates"))
    second = desk.get(url(customer_list, "duplicates"), after=first.context["next"])

    counts = [len(page.context["tables"][0]["rows"]) for page in (first, second)]
    assert counts == [50, 10]
    assert second.context["next"] is None
    assert desk.get(url(customer_list, "duplicates"), after="x" * 50).status_code == 200
    assert desk.get(url(customer_list, "duplicates"), after="9" * 30).status_code == 200


# --- finding ------------------------------------------------------------------------------


def test_the_search_box_finds_the_survivor_by_what_the_other_had(desk: Desk, twice: Twice) -> None:
    merge(twice.anna, twice.annie)

    for term in (twice.annie.public_id, "av-2", "Annie", "06 12 34 56 78"):
        found = desk.get(list_url(Customer), q=term).context["cl"].result_list
        assert [row.pk for row in found] == [twice.anna.pk]
    every = desk.get(list_url(Customer)).context["cl"].result_list
    assert [row.pk for row in every] == [twice.anna.pk]


def test_customers_are_filtered_by_location(
    bistro: Connection, desk: Desk, customer: Customer
) -> None:
    CustomerFactory(customer_list=CustomerListFactory(account=bistro.account))

    def found(location: Any) -> list[int]:
        page = desk.get(list_url(Customer), location=location)
        return [row.pk for row in page.context["cl"].result_list]

    assert found(bistro.location_id) == [customer.pk]
    assert found(0) == []


def test_the_page_shows_the_history_of_consent(desk: Desk, customer: Customer) -> None:
    desk.save(url(customer), sms_marketing="on")

    page = text_of(desk.get(url(customer)))

    assert "History of consent" in page
    assert "SMS" in page.split("History of consent")[1]


def test_an_emptied_card_leads_to_the_one_that_has_its_points(desk: Desk, twice: Twice) -> None:
    merge(twice.anna, twice.annie)
    settle()
    operation = twice.other_card.operations.order_by("sequence").first()

    page = text_of(desk.get(reverse("admin:loyalty_loyaltyoperation_change", args=[operation.pk])))

    assert url(twice.card) in page
    refused = desk.post(url(operation, "void"), reason="x")
    assert "joined into another one" in text_of(refused)
