"""Retention rules: previewed, and applied once that is confirmed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Connection
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from desk import inactive
from desk.factories import rule_of, silent
from desk.privacy import retention
from desk.privacy.models import RetentionRule
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import (
    Desk,
    add_url,
    errors_of,
    list_url,
    member_desk,
    url,
)
from transfer import jobs
from transfer.models import Job, State
from transfer.tests.commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(bistro: Connection) -> Desk:
    return member_desk(bistro.account, role=Role.PRIVACY)


@pytest.fixture
def rule(bistro: Connection) -> RetentionRule:
    return rule_of(bistro.account)


def preview(desk: Desk, rule: RetentionRule) -> Job:
    answer = desk.post(url(rule, "preview"))
    job = Job.objects.filter(kind=retention.PREVIEW).latest("pk")
    assert answer["Location"] == url(job)
    assert run("run_jobs", "--once").status == 0
    job.refresh_from_db()
    assert job.state == State.DONE, job.error
    return job


def test_a_preview_counts_by_list_and_month_and_shows_a_few_masked(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    people = [
        silent(customer_list, email=f"person{n}@dummy-mail.org", phone=f"+3361122330{n}")
        for n in range(5)
    ]
    CustomerFactory(customer_list=customer_list)

    job = preview(officer, rule)

    (counts,) = retention.counted(job).values()
    assert sum(counts.values()) == 5
    page = officer.get(url(job)).content.decode()
    assert "5 customers would be anonymised" in page
    assert customer_list.name in page
    assert page.count("p•••@d•••") == 3
    assert "person0@dummy-mail.org" not in page
    assert url(rule, "run") in page
    assert not Customer.objects.filter(anonymised=True).exists()
    assert people[0].public_id in page


def test_what_was_previewed_is_anonymised_once_its_number_is_typed(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    people = [silent(customer_list) for _ in range(3)]
    preview(officer, rule)
    page = url(rule, "run")
    assert "<strong" in officer.get(page).content.decode()
    officer.post(page, typed="4")
    assert not Job.objects.filter(kind=retention.RUN).exists()
    # One of them comes back in the meantime.
    Customer.objects.for_account(rule.account).filter(pk=people[0].pk).update(city="Lyon")

    answer = officer.post(page, typed="3")

    job = Job.objects.get(kind=retention.RUN)
    assert answer["Location"] == url(job)
    run("run_jobs", "--once")
    job.refresh_from_db()
    assert (job.state, job.counts, job.done) == (State.DONE, {"anonymised": 2}, 3)
    rows = Customer.objects.filter(anonymised=True)
    assert set(rows.values_list("pk", flat=True)) == {people[1].pk, people[2].pk}
    entries = AuditEntry.objects.filter(action="anonymised")
    assert set(entries.values_list("user", flat=True)) == {officer.user.pk}
    assert AuditEntry.objects.get(action="applied").resource_id == rule.pk


def test_without_a_fresh_preview_one_is_made_first(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    silent(customer_list)
    page = url(rule, "run")
    preview(officer, rule)
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    assert "Make a preview first" in officer.get(page).content.decode()

    officer.post(page, typed="1")

    assert Job.objects.filter(kind=retention.PREVIEW).count() == 2
    assert not Job.objects.filter(kind=retention.RUN).exists()


@pytest.mark.parametrize("change", ["the rule", "a rule of the list's own"])
def test_a_preview_counts_no_more_once_the_rules_say_something_else(
    change: str, officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    silent(customer_list)
    preview(officer, rule)

    if change == "the rule":
        assert officer.save(url(rule), months="1200").status_code == 302
    else:
        rule_of(rule.account, customer_list=customer_list, months=1200)

    assert "Make a preview first" in officer.get(url(rule, "run")).content.decode()
    officer.post(url(rule, "run"), typed="1")
    assert not Job.objects.filter(kind=retention.RUN).exists()


def test_a_rule_that_is_changed_while_somebody_confirms_is_not_applied(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    silent(customer_list)
    job = preview(officer, rule)
    RetentionRule.objects.update(months=1200)

    with pytest.raises(ValidationError, match="since the preview"):
        retention.start_run(rule, job, user=officer.user)

    assert not Job.objects.filter(kind=retention.RUN).exists()


def test_nobody_to_anonymise_is_said(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    preview(officer, rule)

    answer = officer.post(url(rule, "run"), typed="0")

    assert "There is nobody to anonymise" in answer.content.decode()


def test_a_rule_of_a_list_comes_before_that_of_the_account(
    bistro: Connection, rule: RetentionRule, customer_list: CustomerList
) -> None:
    other = CustomerListFactory(account=bistro.account)
    own = rule_of(bistro.account, customer_list=other, months=12)

    assert retention.lists_of(rule) == [customer_list]
    assert retention.lists_of(own) == [other]
    assert retention.rule_for(other) == own
    assert retention.rule_for(customer_list) == rule


def test_a_run_that_lost_its_worker_goes_on(
    officer: Desk,
    rule: RetentionRule,
    customer_list: CustomerList,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inactive, "BATCH", 1)
    for _ in range(4):
        silent(customer_list)
    preview(officer, rule)
    officer.post(url(rule, "run"), typed="4")
    first = jobs.claim()
    whole = inactive.anonymise_customers
    calls: list[int] = []

    def lose(customers: Any) -> int:
        calls.append(1)
        if len(calls) == 3:
            Job.objects.filter(pk=first.pk).update(lease_until=timezone.now() - timedelta(hours=1))
            assert jobs.claim().pk == first.pk
        return whole(customers)

    monkeypatch.setattr(inactive, "anonymise_customers", lose)
    with pytest.raises(jobs.JobTaken):
        retention.step_of_run(first)
    second = Job.objects.get(pk=first.pk)
    assert second.counts == {"anonymised": 2}

    while retention.step_of_run(second):
        pass

    second.refresh_from_db()
    assert (second.state, second.counts) == (State.DONE, {"anonymised": 4})
    assert AuditEntry.objects.filter(action="anonymised").count() == 4


def test_the_officer_stops_a_run_but_no_import(
    officer: Desk, rule: RetentionRule, customer_list: CustomerList
) -> None:
    silent(customer_list)
    preview(officer, rule)
    officer.post(url(rule, "run"), typed="1")
    job = Job.objects.get(kind=retention.RUN)
    cancel = f"{url(job)[:-7]}cancel/"
    assert cancel in officer.get(url(job)).content.decode()

    assert officer.post(cancel).status_code == 302

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    Job.objects.filter(pk=job.pk).update(kind="import", state=State.QUEUED)
    assert officer.post(cancel).status_code == 403


# --- rules ------------------------------------------------------------------------------


def test_rules_are_made_changed_and_deleted(officer: Desk, customer_list: CustomerList) -> None:
    account = customer_list.account.pk
    answer = officer.post(
        add_url(RetentionRule),
        account=account,
        customer_list=customer_list.pk,
        months=24,
        by="last-order",
    )
    assert answer.status_code == 302
    rule = RetentionRule.objects.get()
    assert "24" in officer.get(list_url(RetentionRule)).content.decode()

    officer.save(url(rule), months=12)
    rule.refresh_from_db()
    assert (rule.months, rule.by) == (12, "last-order")
    officer.post(url(rule, "delete"), post="yes")
    assert not RetentionRule.objects.exists()


@pytest.mark.parametrize("months", ["0", "1201", "x", ""])
def test_months_out_of_range_are_refused(months: str, officer: Desk, bistro: Connection) -> None:
    answer = officer.post(
        add_url(RetentionRule), account=bistro.account.pk, months=months, by="any"
    )

    assert set(errors_of(answer)) == {"months"}


def test_there_is_one_rule_a_list_and_one_for_the_account(
    officer: Desk, rule: RetentionRule, bistro: Connection
) -> None:
    answer = officer.post(add_url(RetentionRule), account=bistro.account.pk, months=9, by="any")
    assert set(errors_of(answer)) == {"customer_list"}
    with pytest.raises(IntegrityError, match="list_uniq"), transaction.atomic():
        rule_of(bistro.account)
    with pytest.raises(IntegrityError, match="months_chk"), transaction.atomic():
        RetentionRule.objects.for_account(bistro.account).update(months=0)


@pytest.mark.parametrize(
    ("role", "sees", "does"),
    [
        (Role.PRIVACY, 200, 302),
        (Role.MANAGER, 200, 403),
        (Role.SUPPORT, 403, 403),
        (Role.OPERATOR, 403, 403),
    ],
)
def test_roles_do_what_is_theirs(
    role: str, sees: int, does: int, rule: RetentionRule, bistro: Connection
) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.get(url(rule)).status_code == sees
    assert desk.post(url(rule, "preview")).status_code == does
    assert desk.post(url(rule, "run"), typed="0").status_code == does
