"""The first page of the back-office: figures, charts, and what needs attention."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as DjangoClient
from django.utils import timezone

from accounts.factories import AccountFactory, ConnectionFactory
from accounts.last_used import write_noted
from accounts.models import Connection
from accounts.tokens import issue_token, set_blocked
from callbacks.models import DeliveryAttempt, Event
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer
from hubcustomers.backoffice import attention, figures
from hubcustomers.backoffice.attention import Line
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AccountFigures
from hubcustomers.tests.desk import Desk, boss_desk, member_desk
from loyalty import ledger
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard
from transfer.factories import JobFactory
from transfer.jobs import Worker
from transfer.models import State


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def home(desk: Desk, **params: Any) -> Any:
    return desk.get("/admin/", **params)


def counted(desk: Desk, **params: Any) -> Any:
    """Open the page, let a worker count, and return the page's context."""
    home(desk, **params)
    while figures.refresh_due():
        pass
    return home(desk, **params).context


def tiles(context: Any) -> dict[str, str]:
    return {str(tile.title): tile.value for tile in context["tiles"]}


def chart(context: Any, title: str) -> Any:
    return next(one for one in context["charts"] if one.title.startswith(title))


def undelivered(bistro: Connection) -> Event:
    return Event.objects.create(
        account=bistro.account,
        connection=bistro,
        resource_type="customer",
        event_type="update",
        resource_id=1,
        version=1,
        new_state={},
        given_up_at=timezone.now(),
    )


# --- figures ----------------------------------------------------------------------------


def test_the_page_counts_nothing_itself_and_a_worker_does(
    desk: Desk, card: LoyaltyCard, django_assert_max_num_queries: Any
) -> None:
    first = home(desk)
    assert set(tiles(first.context).values()) == {"…"}
    assert "The figures are being counted" in first.content.decode()
    assert "every 2s" in first.content.decode()

    Worker().run(once=True)

    with django_assert_max_num_queries(12) as asked:
        page = home(desk)
    assert tiles(page.context)["Customers"] == "1"
    assert 'hx-trigger="every' not in page.content.decode()
    for query in asked.captured_queries:
        assert 'customers_customer"' not in query["sql"]
        assert "loyalty_loyaltyoperation" not in query["sql"]


def test_the_tiles_tell_what_the_account_has(
    desk: Desk, bistro: Connection, card: LoyaltyCard, rival: Connection
) -> None:
    old = CustomerFactory(customer_list=card.customer_list)
    Customer.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=8))
    ordered = CustomerFactory(customer_list=card.customer_list)
    Customer.objects.filter(pk=ordered.pk).update(last_order_date=timezone.now())
    post(card, "1234.5")
    post(card, "-0.25")
    post(LoyaltyCardFactory(customer=CustomerFactory(customer_list__account=rival.account)), "99")
    undelivered(bistro)

    assert tiles(counted(desk)) == {
        "Customers": "3",
        "New in 7 days": "2",
        "Active in 30 days": "2",
        "Points outstanding": "1,234.25",
        "Failed callbacks": "1",
    }


def test_the_charts_tell_days_weeks_and_places(
    desk: Desk, bistro: Connection, card: LoyaltyCard
) -> None:
    everywhere = CustomerListFactory(account=bistro.account)
    post(LoyaltyCardFactory(customer=CustomerFactory(customer_list=everywhere)), "7")
    post(card, "5.5")
    post(card, "-2")
    wrong = post(card, "100")
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    ledger.post_operation(place, delta=-100, voids=wrong.id)
    for status in (200, 404, 500, None):
        DeliveryAttempt.objects.create(
            account=bistro.account,
            event=undelivered_once(bistro),
            started_at=timezone.now(),
            duration_ms=5,
            status=status,
        )

    context = counted(desk)

    assert chart(context, "Customers per day").rows[-1][1] == "2"
    assert len(chart(context, "Customers per day").rows) == 30
    # What was voided is left out.
    assert chart(context, "Points earned").rows[-1][1:] == ["12.5", "2"]
    assert chart(context, "Operations per location").ranking == [
        ("Paris", "4", "100.00"),
        ("Whole account", "1", "25.00"),
    ]
    assert chart(context, "Deliveries").rows[-1][1:] == ["2", "2"]


def test_the_table_of_a_chart_says_what_its_columns_are(desk: Desk, card: LoyaltyCard) -> None:
    post(card, "5.5")
    counted(desk)

    page = home(desk).content.decode()

    for header in ("Week from", "Earned", "Used"):
        assert f'<th scope="col">{header}</th>' in page


def undelivered_once(bistro: Connection) -> Event:
    return Event.objects.first() or undelivered(bistro)


def test_a_new_account_has_a_page_without_figures(bistro: Connection) -> None:
    desk = member_desk(bistro.account)

    counted(desk)
    page = home(desk).content.decode()

    assert page.count("Nothing yet.") == 4
    assert "Nothing: all is well." in page


def test_figures_are_counted_again_while_somebody_looks(desk: Desk, card: LoyaltyCard) -> None:
    counted(desk)
    CustomerFactory(customer_list=card.customer_list)

    assert not figures.refresh_due()
    old = timezone.now() - timedelta(seconds=figures.FRESH_SECONDS + 1)
    AccountFigures.objects.update(computed_at=old)
    assert "every 10s" in home(desk).content.decode()

    assert figures.refresh_due()
    assert tiles(home(desk).context)["Customers"] == "2"
    # Nobody has looked for more than an hour: nobody counts.
    AccountFigures.objects.update(computed_at=old, asked_at=timezone.now() - timedelta(hours=2))
    assert not figures.refresh_due()


def test_two_workers_do_not_count_the_same(desk: Desk, card: LoyaltyCard) -> None:
    home(desk)
    AccountFigures.objects.update(leased_until=timezone.now() + timedelta(seconds=60))

    assert not figures.refresh_due()


def test_the_page_says_when_nobody_counts(desk: Desk, card: LoyaltyCard) -> None:
    counted(desk)
    long_ago = timezone.now() - timedelta(minutes=10)
    AccountFigures.objects.update(computed_at=long_ago, asked_at=long_ago)

    assert "run_jobs" in home(desk).content.decode()


def test_a_figure_that_fails_does_not_stop_the_jobs(
    desk: Desk, card: LoyaltyCard, monkeypatch: Any, caplog: Any
) -> None:
    home(desk)
    monkeypatch.setitem(figures._counted, "broken", lambda account: 1 / 0)

    Worker().run(once=True)

    assert "could not be counted" in caplog.text


# --- who sees what ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        (Role.MANAGER, {"Customers", "New", "Active", "Points", "Failed"}),
        (Role.SUPPORT, {"Customers", "New", "Active", "Points"}),
        (Role.PRIVACY, {"Customers", "New", "Active", "Points"}),
        (Role.OPERATOR, {"Failed"}),
    ],
)
def test_each_role_sees_what_is_its_own(
    role: str, shown: set[str], bistro: Connection, card: LoyaltyCard
) -> None:
    undelivered(bistro)
    desk = member_desk(bistro.account, role=role)

    context = counted(desk)

    assert {title.split()[0] for title in tiles(context)} == shown
    assert bool(context["lines"]) is ("Failed" in shown)
    titles = {one.title.split()[0] for one in context["charts"]}
    assert ("Deliveries" in titles) is ("Failed" in shown)
    assert ("Customers" in titles) is ("Customers" in shown)


def test_a_member_of_one_account_sees_no_other(desk: Desk, rival: Connection) -> None:
    page = home(desk, account=rival.account_id)

    assert page.context["account"].name == "Bistro"
    assert "Rival" not in page.content.decode()
    assert not AccountFigures.objects.filter(account=rival.account).exists()


def test_a_member_of_several_switches_and_is_remembered(
    bistro: Connection, rival: Connection
) -> None:
    desk = member_desk(bistro.account, rival.account)

    assert home(desk).context["account"].name == "Bistro"
    assert home(desk, account=rival.account_id).context["account"].name == "Rival"
    assert home(desk).context["account"].name == "Rival"


def test_who_is_a_member_of_none_is_told(db: None) -> None:
    assert "you are a member of none" in home(member_desk()).content.decode()


def test_a_superuser_sees_every_account(bistro: Connection, rival: Connection) -> None:
    names = [one.name for one in home(boss_desk()).context["accounts"]]

    assert names == ["Bistro", "Rival"]


# --- what needs attention ---------------------------------------------------------------


def test_what_needs_attention_is_listed_the_urgent_first(
    desk: Desk, bistro: Connection, card: LoyaltyCard
) -> None:
    undelivered(bistro)
    JobFactory(customer_list=card.customer_list, state=State.FAILED, title="bad.csv")
    JobFactory(customer_list=card.customer_list, title="half.csv", counts={"refused": 3})
    JobFactory(customer_list=card.customer_list, title="fine.csv", counts={"refused": 0})

    lines = home(desk).context["lines"]

    assert [(line.text, line.urgent) for line in lines] == [
        ("1 event was given up and waits to be sent again.", True),
        ("Import bad.csv failed.", True),
        ("Import half.csv refused 3 rows.", False),
    ]
    for line in lines:
        assert desk.get(line.url).status_code == 200


def test_a_blocked_connection_that_still_calls_is_listed(desk: Desk, bistro: Connection) -> None:
    till = ConnectionFactory(account=bistro.account, client__name="Old till")
    token = issue_token(till)
    set_blocked(till, blocked=True)
    assert home(desk).context["lines"] == []

    for _ in range(2):
        assert HubClient(token=token).get("/account").status_code == 401
    # The web server does this when a call is done.
    write_noted()

    (line,) = home(desk).context["lines"]
    assert line.text.startswith("Old till on ")
    assert line.text.endswith(" is blocked and still calls.")
    assert desk.get(line.url).status_code == 200


def test_an_app_adds_lines_of_its_own(desk: Desk, bistro: Connection, monkeypatch: Any) -> None:
    monkeypatch.setattr(attention, "_finders", [])
    attention.register_attention(lambda request, account: [Line(f"<b>{account.name}</b>", "/x")])

    page = home(desk).content.decode()

    assert "&lt;b&gt;Bistro&lt;/b&gt;" in page
    assert 'href="/x"' in page


def test_hostile_names_stay_text(bistro: Connection) -> None:
    account = AccountFactory(name="<script>alert(1)</script>")
    desk = member_desk(bistro.account, account)

    page = home(desk, account=account.pk).content.decode()

    assert "<script>alert" not in page


def test_nobody_sees_it_without_signing_in(db: None) -> None:
    assert DjangoClient().get("/admin/").status_code == 302
