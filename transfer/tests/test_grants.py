"""Points for many cards at once: preview, exactly once each, and the void of it all."""

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Connection
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, boss_desk, in_french, member_desk, staff, url
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from transfer import grants, jobs
from transfer.models import GrantedCard, Job, State
from transfer.tests.granting import PAGE, balances, begin, is_sound, run, send

pytestmark = pytest.mark.django_db(transaction=True)


# --- what is granted --------------------------------------------------------------------


def test_the_preview_counts_and_writes_nothing(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    page = send(desk, "consent=email")

    assert [str(value) for _name, value in page.context["preview"]["counts"]] == [
        "10",
        "5.0",
        "50.0",
    ]
    assert page.context["filters"] == [["consent", "To e-mail"]]
    assert not Job.objects.exists()
    assert not LoyaltyOperation.objects.exists()


def test_each_card_of_the_filter_gets_the_points_once(
    desk: Desk, crowd: list[LoyaltyCard], bistro: Connection
) -> None:
    post(crowd[0], "1.5")
    LoyaltyCardFactory(customer=crowd[0].customer, name="other scheme")

    job = begin(desk, 10, "consent=email")
    run()

    assert balances(crowd) == [6, 0, *[5, 0] * 9]
    assert LoyaltyCard.objects.get(name="other scheme").balance == 0
    assert set(LoyaltyOperation.objects.filter(delta=5).values_list("reason", flat=True)) == {
        "Christmas"
    }
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == (State.DONE, 10, 10)
    assert job.counts == {"granted": 10, "refused": 0, "gone": 0}
    assert is_sound()
    entry = AuditEntry.objects.get(action="granted")
    assert (entry.resource_id, entry.user_name) == (job.pk, desk.user.username)
    shown = desk.get(url(job)).content.decode()
    assert "Posted so far: 50.0." in shown
    assert "To e-mail" in shown


def test_search_and_filters_of_the_list_are_those_of_the_grant(
    desk: Desk, crowd: list[LoyaltyCard], bistro: Connection
) -> None:
    elsewhere = CustomerListFactory(account=bistro.account)
    other = LoyaltyCardFactory(customer=CustomerFactory(customer_list=elsewhere))
    lately = crowd[3].customer
    Customer.objects.filter(pk=lately.pk).update(last_order_date=timezone.now())

    for query, count in (
        ("", 21),
        (f"list={elsewhere.pk}", 1),
        (f"q={other.ref}", 1),
        ("last_order=30", 1),
        ("last_order=never&consent=none", 10),
        ("card=no", 0),
        ("anonymised=yes", 0),
        ("q=nobody", 0),
    ):
        assert send(desk, query).context["preview"]["count"] == count, query


def test_a_search_that_finds_nobody_grants_nothing(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    page = send(desk, "q=nobody", typed="1")

    assert "There are 0 cards now." in str(page.context["errors"])
    assert not Job.objects.exists()


def test_the_button_of_the_list_keeps_search_and_filters(
    desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    page = desk.get("/admin/customers/customer/", consent="email").content.decode()

    assert f'href="{PAGE}?consent=email"' in page


def test_what_was_searched_for_is_not_kept(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    person = crowd[0].customer
    Customer.objects.filter(pk=person.pk).update(email="secret.person@example.org")

    job = begin(desk, 1, "q=secret.person@example.org")

    assert job.options["filters"] == [["search", "yes"]]
    assert "recherche" not in desk.get(url(job)).content.decode()
    assert "recherche" in in_french(desk).get(url(job)).content.decode()
    assert "secret" not in str(Job.objects.values())


def test_who_grants_in_french_is_read_in_english(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    shown = in_french(desk).get(f"{PAGE}?consent=email").content.decode()
    job = begin(desk, 10, "consent=email")

    assert "Consentement\u00a0: " in shown
    assert job.options["filters"] == [["consent", "To e-mail"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"points": "0"}, "points"),
        ({"points": "-5"}, "points"),
        ({"points": "1e3"}, "points"),
        ({"points": "0.0000001"}, "points"),
        ({"points": ""}, "points"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"card_name": "=no such scheme"}, "card_name"),
        ({"card_name": ""}, "card_name"),
    ],
)
def test_a_grant_that_is_none_is_refused_at_its_field(
    changes: dict[str, str], field: str, desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    page = send(desk, typed="20", **changes)

    assert list(page.context["form"].errors) == [field]
    assert not Job.objects.exists()


@pytest.mark.parametrize("typed", ["", "19", "21", "yes", "0", "9" * 40])
def test_what_is_typed_must_be_the_number_of_cards(
    typed: str, desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    page = send(desk, typed=typed)

    assert page.status_code == 200
    assert page.context["errors"]
    assert not Job.objects.exists()
    assert not GrantedCard.objects.exists()


def test_a_wrong_number_is_told_from_one_that_changed(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    assert 'name="count"' in send(desk).content.decode()

    slip = send(desk, typed="19", count="20")
    late = send(desk, typed="19", count="19")

    assert "This is not what has to be typed" in str(slip.context["errors"])
    assert "There are 20 cards now." in str(late.context["errors"])
    assert not Job.objects.exists()


def test_the_schemes_to_choose_from_are_those_of_the_account(
    desk: Desk, crowd: list[LoyaltyCard], rival: Connection
) -> None:
    LoyaltyCardFactory(customer=crowd[0].customer, name="wine")
    LoyaltyCardFactory(
        customer=CustomerFactory(customer_list__account=rival.account), name="theirs"
    )

    choices = desk.get(PAGE).context["form"].fields["card_name"].choices

    assert choices == [("=", "Cards without a name"), ("=wine", "wine")]


# --- by whom ----------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PRIVACY, Role.OPERATOR])
def test_only_managers_grant(role: str, bistro: Connection, crowd: list[LoyaltyCard]) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.get(PAGE).status_code == 403
    assert send(desk, typed="20").status_code == 403
    assert not Job.objects.exists()


def test_the_password_is_asked_for_first(bistro: Connection, crowd: list[LoyaltyCard]) -> None:
    desk = Desk(staff("marie", bistro.account), proven=False)

    assert send(desk, typed="20").status_code == 302
    assert not Job.objects.exists()


def test_nothing_of_another_account_is_granted(
    desk: Desk, crowd: list[LoyaltyCard], rival: Connection
) -> None:
    theirs = LoyaltyCardFactory(customer=CustomerFactory(customer_list__account=rival.account))

    for query in (
        f"account={rival.account_id}",
        f"list={theirs.customer_list_id}",
        f"q={theirs.ref}",
    ):
        page = send(desk, query, typed="1")
        assert page.status_code in (200, 302)
        assert not Job.objects.exists(), query


def test_who_works_in_several_accounts_chooses_one(
    bistro: Connection, rival: Connection, crowd: list[LoyaltyCard]
) -> None:
    for desk in (boss_desk(), member_desk(bistro.account, rival.account)):
        assert "Choose an account" in desk.get(PAGE).content.decode()
        page = send(desk, f"account={bistro.account_id}")
        assert page.context["preview"]["count"] == 20
        page = send(desk, f"list={crowd[0].customer_list_id}")
        assert page.context["preview"]["count"] == 20


def test_a_manager_here_and_support_there_grants_here_alone(
    bistro: Connection, rival: Connection, crowd: list[LoyaltyCard]
) -> None:
    LoyaltyCardFactory(customer=CustomerFactory(customer_list__account=rival.account))
    user = staff("marie", bistro.account)
    user.memberships.create(account=rival.account, role=Role.SUPPORT)
    desk = Desk(user)

    assert send(desk).context["preview"]["count"] == 20
    assert "Choose an account" in send(desk, f"account={rival.account_id}").content.decode()


# --- voiding it all ---------------------------------------------------------------------


def void(desk: Desk, job: Job, typed: Any) -> Any:
    return desk.post(f"{url(job)[:-7]}void_grant/", typed=str(typed))


def test_a_whole_grant_is_voided(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    job = begin(desk, 20)
    run()
    post(crowd[0], "-3")
    single = LoyaltyOperation.objects.get(card=crowd[1])
    desk.post(url(single, "void"), reason="Not for you")

    assert void(desk, job, 20)["Location"] == url(job)
    run()

    assert balances(crowd) == [-3, *[0] * 19]
    done = Job.objects.get(kind=grants.VOID)
    assert (done.state, done.counts) == (State.DONE, {"voided": 19, "skipped": 1})
    voids = LoyaltyOperation.objects.filter(voids__isnull=False)
    assert voids.count() == 20
    assert voids.filter(reason="Cancelled: Christmas").count() == 19
    assert is_sound()
    assert AuditEntry.objects.filter(action="grant voided").exists()
    assert str(done) in desk.get(url(job)).content.decode()
    assert desk.get(url(done)).status_code == 200
    # Once more does no harm.
    void(desk, job, 20)
    run()
    assert balances(crowd) == [-3, *[0] * 19]


def test_a_grant_that_goes_on_is_not_voided(
    desk: Desk, crowd: list[LoyaltyCard], monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS", 6)
    job = begin(desk, 20)
    mine = jobs.claim()
    grants.step_of_grant(mine)

    page = void(desk, job, 6)

    assert "The grant is not over yet" in page.content.decode()
    assert not Job.objects.filter(kind=grants.VOID).exists()


def test_what_a_cancelled_grant_has_posted_is_voided(
    desk: Desk, crowd: list[LoyaltyCard], monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS", 6)
    job = begin(desk, 20)
    grants.step_of_grant(jobs.claim())
    desk.post(f"{url(job)[:-7]}cancel/")

    void(desk, job, 6)
    run()

    assert balances(crowd) == [0] * 20
    assert LoyaltyOperation.objects.count() == 12


def test_only_managers_void_a_grant(
    desk: Desk, bistro: Connection, crowd: list[LoyaltyCard], rival: Connection
) -> None:
    job = begin(desk, 20)
    run()

    for other in (
        member_desk(bistro.account, role=Role.PRIVACY),
        member_desk(rival.account),
    ):
        assert void(other, job, 20).status_code in (302, 403, 404)
    assert not Job.objects.filter(kind=grants.VOID).exists()


def test_a_deleted_list_takes_no_grant_of_others_with_it(
    desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    begin(desk, 20)
    run()

    with transaction.atomic():
        CustomerList.objects.filter(pk=crowd[0].customer_list_id).delete()

    assert Job.objects.count() == 1
    assert desk.get(url(Job.objects.get())).status_code == 200
