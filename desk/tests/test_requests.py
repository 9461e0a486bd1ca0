"""The register of requests: due dates, one extension, a history that nobody changes."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import Customer
from customers.services import anonymise_customer, delete_list, lock_customer
from desk.factories import certificate_of, request_of
from desk.privacy.models import PrivacyRequest, RequestChange
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    errors_of,
    list_url,
    member_desk,
    settle,
    staff,
    url,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(bistro: Connection) -> Desk:
    return member_desk(bistro.account, role=Role.PRIVACY)


def history(asked: PrivacyRequest) -> list[tuple[str, str | None, str | None, str]]:
    rows = RequestChange.objects.for_account(asked.account_id).filter(request=asked)
    return list(rows.order_by("pk").values_list("field", "old_value", "new_value", "user_name"))


def today() -> date:
    return date.today()


# --- due dates --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "due", "extended"),
    [
        (date(2026, 5, 1), date(2026, 6, 1), date(2026, 8, 1)),
        (date(2026, 1, 31), date(2026, 2, 28), date(2026, 4, 30)),
        (date(2028, 1, 30), date(2028, 2, 29), date(2028, 4, 30)),
        (date(2026, 12, 15), date(2027, 1, 15), date(2027, 3, 15)),
    ],
)
def test_a_month_is_left_and_three_where_it_was_extended(
    received: date, due: date, extended: date, bistro: Connection
) -> None:
    asked = request_of(bistro.account, received_on=received)
    assert asked.due_on == due

    asked.extended_on = received
    asked.save(update_fields=["extended_on"])

    asked.refresh_from_db()
    assert asked.due_on == extended


def test_the_list_marks_what_is_overdue_and_due_soon(officer: Desk, bistro: Connection) -> None:
    for days in (40, 26, 1):
        request_of(bistro.account, received_on=today() - timedelta(days=days))
    done = request_of(
        bistro.account, received_on=today() - timedelta(days=90), state="closed", outcome="done"
    )

    page = officer.get(list_url(PrivacyRequest))

    words = [page.context["cl"].model_admin.due(row) for row in page.context["cl"].result_list]
    assert [word for word, _text in words] == ["closed", "later", "soon", "overdue"]
    assert "days over" in page.content.decode()
    for due, count in (("overdue", 1), ("soon", 2)):
        rows = officer.get(list_url(PrivacyRequest), due=due).context["cl"].result_list
        assert len(rows) == count
        assert done not in rows


def test_the_day_is_that_of_the_account(bistro: Connection, officer: Desk) -> None:
    bistro.account.timezone = "Pacific/Auckland"
    bistro.account.save()
    request_of(bistro.account, received_on=date(2026, 5, 1))

    # In Auckland it is the second of June already.
    with time_machine.travel("2026-06-01T13:00:00Z", tick=False):
        desk = member_desk(bistro.account, role=Role.MANAGER)
        assert "1 day over" in desk.get(list_url(PrivacyRequest)).content.decode()


def test_the_first_page_tells_what_is_due(officer: Desk, bistro: Connection) -> None:
    request_of(bistro.account, received_on=today() - timedelta(days=40))
    request_of(bistro.account, received_on=today() - timedelta(days=26))

    lines = officer.get("/admin/").context["lines"]

    assert [(line.text, line.urgent) for line in lines] == [
        ("1 privacy request is overdue.", True),
        ("1 privacy request is due within a week.", False),
    ]
    for line in lines:
        rows = officer.get(line.url).context["cl"].result_list
        assert len(rows) in (1, 2)
    support = member_desk(bistro.account, role=Role.SUPPORT)
    assert support.get("/admin/").context["lines"] == []


# --- recording and answering ------------------------------------------------------------


def test_a_request_is_recorded_answered_and_closed(officer: Desk, customer: Customer) -> None:
    answer = officer.save(
        add_url(PrivacyRequest),
        kind="erasure",
        received_on=str(today()),
        customer=customer.public_id,
        notes="By letter",
    )
    asked = PrivacyRequest.objects.get()
    assert answer.status_code == 302
    assert asked.customer_id == customer.pk
    assert asked.user_name == officer.user.username
    page = officer.get(url(asked)).content.decode()
    for name in ("subject_access", "erase", "change"):
        assert url(customer, name) in page

    officer.save(url(asked), assigned_to=officer.user.pk)
    officer.save(url(asked), state="closed", outcome="done")

    me = officer.user.username
    assert history(asked) == [
        ("created", None, "open", me),
        ("assigned_to_id", None, str(officer.user.pk), me),
        ("state", "open", "closed", me),
        ("outcome", "", "done", me),
    ]
    assert "done as asked" in officer.get(url(asked)).content.decode()
    words = AuditEntry.objects.filter(resource_type="desk.privacyrequest").order_by("pk")
    assert [(one.action, one.changed_fields) for one in words] == [
        ("created", []),
        ("changed", ["assigned_to"]),
        ("changed", ["outcome", "state"]),
    ]


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"state": "closed"}, "outcome"),
        ({"outcome": "done"}, "outcome"),
        ({"received_on": str(today() + timedelta(days=2))}, "received_on"),
        ({"customer": "zzzzz"}, "customer"),
        ({"kind": "gossip"}, "kind"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    fields: dict[str, str], at_fault: str, officer: Desk, bistro: Connection
) -> None:
    asked = request_of(bistro.account)

    assert set(errors_of(officer.save(url(asked), **fields))) == {at_fault}

    assert len(history(asked)) == 1


def test_a_customer_of_another_account_cannot_be_linked(
    officer: Desk, bistro: Connection, rival: Connection
) -> None:
    foreign = CustomerFactory(customer_list__account=rival.account)
    stranger = staff("stranger", rival.account)
    asked = request_of(bistro.account)

    assert "customer" in errors_of(officer.save(url(asked), customer=foreign.public_id))
    assert "assigned_to" in errors_of(officer.save(url(asked), assigned_to=stranger.pk))


def test_two_months_more_are_taken_once_and_with_a_reason(
    officer: Desk, bistro: Connection
) -> None:
    asked = request_of(bistro.account)
    page = url(asked, "extend")
    assert page in officer.get(url(asked)).content.decode()

    assert officer.post(page, reason=" ").status_code == 200
    assert officer.post(page, reason="Many old files").status_code == 302

    asked.refresh_from_db()
    assert asked.due_on == date(2026, 8, 1)
    assert asked.extension_reason == "Many old files"
    assert page not in officer.get(url(asked)).content.decode()
    again = officer.post(page, reason="And more")
    assert "can be done once" in again.content.decode()
    fields = [field for field, *_ in history(asked)]
    assert fields == ["created", "extended_on", "due_on", "extension_reason"]


def test_what_is_closed_is_not_extended(officer: Desk, bistro: Connection) -> None:
    asked = request_of(bistro.account, state="closed", outcome="refused")

    assert "is closed" in officer.post(url(asked, "extend"), reason="Why not").content.decode()
    asked.refresh_from_db()
    assert asked.extended_on is None


@pytest.mark.parametrize(
    ("role", "sees", "writes"),
    [
        (Role.PRIVACY, 200, 302),
        (Role.MANAGER, 200, 302),
        (Role.SUPPORT, 403, 403),
        (Role.OPERATOR, 403, 403),
    ],
)
def test_roles_do_what_is_theirs(role: str, sees: int, writes: int, bistro: Connection) -> None:
    desk = member_desk(bistro.account, role=role)
    asked = request_of(bistro.account)

    assert desk.get(list_url(PrivacyRequest)).status_code == sees
    assert desk.get(url(asked)).status_code == sees
    assert desk.post(url(asked, "extend"), reason="Many files").status_code == writes
    assert desk.post(url(asked, "delete"), post="yes").status_code == 403


def test_the_page_of_the_customer_leads_to_requests_and_certificates(
    officer: Desk, customer: Customer
) -> None:
    asked = request_of(customer.account, customer_id=customer.pk, kind="erasure")
    proof = certificate_of(customer)

    page = officer.get(url(customer)).content.decode()

    assert url(asked) in page
    assert url(proof) in page
    new = f"{add_url(PrivacyRequest)}?account={customer.account_id}&customer={customer.public_id}"
    assert new.replace("&", "&amp;") in page
    assert officer.form(new)["customer"] == customer.public_id
    support = member_desk(customer.account, role=Role.SUPPORT)
    assert "Privacy requests" not in support.get(url(customer)).content.decode()


# --- what the database holds to ---------------------------------------------------------


def test_requests_and_their_history_stay(bistro: Connection) -> None:
    asked = request_of(bistro.account)
    rows = PrivacyRequest.objects.for_account(bistro.account)
    changes = RequestChange.objects.for_account(bistro.account)
    settle()

    for change in (
        lambda: rows._raw_delete(using="default"),
        lambda: changes.update(field="kind"),
        lambda: changes._raw_delete(using="default"),
        lambda: connection.cursor().execute("TRUNCATE desk_requestchange"),
    ):
        with pytest.raises(IntegrityError, match="never"), transaction.atomic():
            change()
    rows.update(extended_on=date(2026, 5, 2))
    with pytest.raises(IntegrityError, match="extended once"), transaction.atomic():
        rows.update(extended_on=None)
    with pytest.raises(IntegrityError, match="outcome"), transaction.atomic():
        rows.update(state="closed")
    assert [field for field, *_ in history(asked)] == ["created", "extended_on", "due_on"]


def test_a_write_past_the_hub_is_recorded_too(bistro: Connection) -> None:
    asked = request_of(bistro.account)
    PrivacyRequest.objects.for_account(bistro.account).update(kind="objection", notes="x")

    assert history(asked)[1:] == [("kind", "access", "objection", ""), ("notes", None, None, "")]


# --- anonymising ------------------------------------------------------------------------


def erase(customer: Customer) -> None:
    anonymise_customer(lock_customer(customer.account_id, customer.customer_list_id, customer.pk))


def test_anonymising_empties_notes_that_tell_of_the_person(known: Customer) -> None:
    def asked(notes: str, **fields: Any) -> PrivacyRequest:
        return request_of(known.account, notes=notes, **fields)

    own = {"customer_id": known.pk}
    gone = [
        asked("Charles came by", **own),
        asked("Letter sent", extension_reason="Mr Moore moved", **own),
        asked("write to charles.moore@dummy-mail.org"),
        asked("Charles Moore, by phone"),
    ]
    stay = [asked("Answered by letter", **own), asked("Charles came by"), asked("")]

    erase(known)

    for one in [*gone, *stay]:
        one.refresh_from_db()
    assert [(one.notes, one.extension_reason) for one in gone] == [("", "")] * 4
    assert [one.notes for one in stay] == ["Answered by letter", "Charles came by", ""]
    assert {one.customer_id for one in (gone[0], stay[0])} == {known.pk}


def test_the_link_stays_as_an_id_when_the_customer_is_gone(
    officer: Desk, customer: Customer
) -> None:
    asked = request_of(customer.account, customer_id=customer.pk)
    delete_list(customer.customer_list)

    page = officer.get(url(asked)).content.decode()

    assert customer.public_id in page
    assert "gone with the list" in page
    assert officer.save(url(asked), notes="Kept").status_code == 302
    asked.refresh_from_db()
    assert (asked.customer_id, asked.notes) == (customer.pk, "Kept")
