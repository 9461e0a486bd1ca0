"""``manage.py prune``: what goes, what stays, and what it says."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts.models import Connection, IdempotentAnswer
from callbacks.factories import EventFactory
from callbacks.models import DeliveryAttempt, Event
from care import pruning
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList
from desk.merging import services
from desk.merging.factories import merge, undo
from desk.merging.models import Merge
from desk.privacy import proof
from hubcustomers.models import AuditEntry
from signin.models import Session
from transfer import uploaded
from transfer.factories import JobFactory
from transfer.models import Job, RefusedRow, StagedRow, State

pytestmark = pytest.mark.django_db


def ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def prune(*words: str) -> dict[str, Any]:
    """Prune, and return the rows by kind."""
    out = StringIO()
    call_command("prune", "--json", *words, stdout=out)
    return json.loads(out.getvalue())


def event(days: float, **fields: Any) -> Event:
    """Make an event that was recorded so many days ago."""
    made = EventFactory(**fields)
    Event.objects.filter(pk=made.pk).update(created_at=ago(days=days))
    return made


def answer(till: Connection, days: float) -> IdempotentAnswer:
    made = IdempotentAnswer.objects.create(
        account=till.account,
        connection=till,
        key=str(days),
        fingerprint=b"x",
        status=200,
        body="{}",
    )
    IdempotentAnswer.objects.filter(pk=made.pk).update(created_at=ago(days=days))
    return made


def test_acknowledged_events_go_when_they_are_old() -> None:
    old = event(40, acknowledged_at=ago(days=31))
    DeliveryAttempt.objects.create(
        account=old.account, event=old, started_at=ago(days=31), duration_ms=1
    )
    kept = [
        event(40, acknowledged_at=ago(days=29)),
        event(400),
        event(400, given_up_at=ago(days=399)),
    ]

    report = prune()

    assert report["rows"]["events"] == 1
    assert set(Event.objects.all()) == set(kept)
    assert not DeliveryAttempt.objects.exists()


def test_what_only_an_undo_would_need_goes_when_no_undo_is_possible(
    customer_list: CustomerList, api: HubClient
) -> None:
    kept, old, young, parted = (
        CustomerFactory(
            customer_list=customer_list, email=f"{name}@example.com", custom_fields={"vip": name}
        )
        for name in ("kept", "old", "young", "parted")
    )
    merges = {one: merge(kept, one, email="other") for one in (old, parted, young)}
    undo(merges[young])
    undo(merges[parted])
    merges[young] = merge(kept, young, email="other")
    for one, days in ((old, 30.1), (parted, 30.1), (young, 29.9)):
        Merge.objects.filter(pk=merges[one].pk).update(created_at=ago(days=days))

    assert prune("--dry-run")["rows"]["merges"] == 1
    assert prune()["rows"]["merges"] == 1
    assert prune()["rows"]["merges"] == 0

    rows = {row.pk: row for row in Customer.with_merged.all()}
    assert (rows[old.pk].anonymised, rows[old.pk].email) == (True, None)
    assert rows[old.pk].custom_fields == {}
    assert Merge.objects.get(pk=merges[old].pk).changes == {}
    for one in (young, parted):
        assert (rows[one.pk].anonymised, rows[one.pk].custom_fields) == (
            False,
            {"vip": one.email.split("@")[0]},
        )
    assert Merge.objects.get(pk=merges[young].pk).changes["email"]
    # Its id goes on to be understood, and the other merge can still be undone.
    found = api.get(f"/customer_lists/{customer_list.public_id}/customers/{old.public_id}").json()
    assert (found["id"], found["email"]) == (kept.public_id, "young@example.com")
    undo(merges[young])


def test_a_merge_that_can_be_undone_is_never_emptied() -> None:
    with pytest.raises(CommandError, match="from 30 to 36500"):
        prune("--merges", "29")


def test_a_customer_who_was_parted_meanwhile_is_left_alone(
    customer_list: CustomerList, monkeypatch: pytest.MonkeyPatch
) -> None:
    survivor, merged = (
        CustomerFactory(customer_list=customer_list, email=email)
        for email in ("a@example.com", "b@example.com")
    )
    kept = merge(survivor, merged)
    undo(kept)
    # As a prune saw it that began a moment before.
    monkeypatch.setattr(services, "undoable_no_more", lambda _before: Merge.objects.all())

    services.forget_former(timezone.now(), 10)

    merged.refresh_from_db()
    assert (merged.anonymised, merged.email) == (False, "b@example.com")


def test_answers_go_after_two_days(bistro: Connection) -> None:
    answer(bistro, 2.1)
    kept = answer(bistro, 1.9)

    report = prune()

    assert report["rows"]["answers"] == 1
    assert list(IdempotentAnswer.objects.all()) == [kept]


def test_what_imports_left_goes(customer_list: Any) -> None:
    over = JobFactory(customer_list=customer_list, finished_at=ago(days=8))
    ancient = JobFactory(customer_list=customer_list, finished_at=ago(days=91))
    draft = JobFactory(customer_list=customer_list, state=State.DRAFT, finished_at=None)
    young = JobFactory(customer_list=customer_list, finished_at=ago(days=6))
    Job.objects.filter(pk=draft.pk).update(created_at=ago(days=8))
    for number, job in enumerate((over, ancient, young)):
        fields = {"account": job.account, "job": job, "line": number, "cells": []}
        RefusedRow.objects.create(reason="no", **fields)
    StagedRow.objects.create(account=draft.account, job=draft, line=1, cells=[])

    report = prune()

    assert report["rows"]["refused-rows"] == 2
    assert report["rows"]["uploads"] == 1
    assert report["rows"]["jobs"] == 1
    assert [row.job_id for row in RefusedRow.objects.all()] == [young.pk]
    assert set(Job.objects.all()) == {over, draft, young}
    # Nobody can start it any more.
    draft.refresh_from_db()
    assert draft.state == State.CANCELLED


def test_an_upload_that_goes_can_be_started_no_more(
    customer_list: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_BATCH", 1)
    job = JobFactory(customer_list=customer_list, state=State.CHECKED, finished_at=None)
    Job.objects.filter(pk=job.pk).update(created_at=ago(days=8))
    for line in range(3):
        StagedRow.objects.create(account=job.account, job=job, line=line, cells=[])
    refused: list[str] = []

    def begin(done: int) -> None:
        # Somebody presses the button after the first row went.
        try:
            uploaded.begin(job)
        except ValidationError as error:
            refused.extend(error.messages)

    pruning.prune({"uploads": 7}, tell=begin)

    assert len(refused) >= 3
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert not StagedRow.objects.exists()


def test_what_to_look_for_goes_when_no_worker_comes(customer_list: Any) -> None:
    fields = {"customer_list": customer_list, "state": State.QUEUED, "finished_at": None}
    old, young = (JobFactory(kind=proof.KIND, **fields) for _ in range(2))
    other = JobFactory(**fields)
    Job.objects.filter(pk__in=[old.pk, other.pk]).update(created_at=ago(days=1.1))

    assert prune()["rows"]["searches"] == 1

    assert set(Job.objects.all()) == {young, other}


def test_expired_sessions_go(client: Client) -> None:
    for name in ("boss", "guest"):
        client.cookies.clear()
        client.force_login(User.objects.create_superuser(name))
    old = Session.objects.first()
    Session.objects.filter(pk=old.pk).update(expire_date=ago(days=1))

    report = prune()

    assert report["rows"]["sessions"] == 1
    assert Session.objects.count() == 1
    assert not Session.objects.filter(pk=old.pk).exists()


def test_ages_are_options_and_kinds_can_be_left_alone(bistro: Connection) -> None:
    event(5, acknowledged_at=ago(days=4))
    kept = answer(bistro, 300)

    report = prune("--events", "3", "--answers", "keep")

    assert report["rows"]["events"] == 1
    assert "answers" not in report["rows"]
    assert list(IdempotentAnswer.objects.all()) == [kept]


def test_a_dry_run_counts_alike_and_deletes_nothing(bistro: Connection) -> None:
    event(40, acknowledged_at=ago(days=31))
    answer(bistro, 3)

    planned, done = prune("--dry-run"), prune()

    assert planned["dry_run"] is True
    assert planned["rows"] == done["rows"]
    assert planned["total"] == done["total"] == 2


def test_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries) -> None:
    monkeypatch.setattr(pruning, "_BATCH", 3)
    first = event(40)
    for _ in range(7):
        event(40, acknowledged_at=ago(days=31), connection=first.connection)
    event(1, acknowledged_at=ago(days=0), connection=first.connection)

    told: list[int] = []
    pruned = pruning.prune({"events": 30}, tell=told.append)

    assert told == [2, 5, 7]
    assert pruned.rows == {"events": 7}
    assert Event.objects.count() == 2


def test_behind_the_first_young_row_nothing_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries
) -> None:
    monkeypatch.setattr(pruning, "_BATCH", 1)
    for _ in range(5):
        event(1, acknowledged_at=ago(days=0))

    with django_assert_num_queries(3):  # SAVEPOINT, the first batch, RELEASE
        pruning.prune({"events": 30})


def test_it_says_what_went(bistro: Connection) -> None:
    answer(bistro, 3)
    out = StringIO()

    call_command("prune", stdout=out)

    text = out.getvalue()
    assert "1  answers kept for repeated requests (Idempotency-Key)" in text
    assert "1  rows deleted in" in text


@pytest.mark.parametrize("given", ["-1", "x", "0", "36501", "1.5"])
def test_an_age_that_makes_no_sense_is_refused(given: str) -> None:
    with pytest.raises(CommandError, match="must be 'keep' or a whole number"):
        call_command("prune", "--answers", given)


def test_a_database_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("nobody answers")

    monkeypatch.setattr("care.management.commands.prune.prune", refuse)

    with pytest.raises(CommandError, match="nobody answers") as refused:
        call_command("prune")

    assert refused.value.returncode == 2


def test_the_audit_trail_is_never_pruned() -> None:
    assert AuditEntry._meta.db_table not in {rule.table for rule in pruning.RULES}


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_nobody(second: Callable[[], Any]) -> None:
    held = event(40, acknowledged_at=ago(days=31))
    free = event(40, acknowledged_at=ago(days=31))
    other = second()
    other.execute("SELECT FROM callbacks_event WHERE id = %s FOR UPDATE", [held.pk])

    report = prune()

    other.rollback()
    assert report["rows"]["events"] == 1
    assert list(Event.objects.all()) == [held]
    assert free != held


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["customers_customer", "desk_merge"])
def test_a_merge_that_somebody_holds_is_emptied_another_time(
    table: str, customer_list: CustomerList, second: Callable[[], Any]
) -> None:
    held, free = (
        merge(*(CustomerFactory(customer_list=customer_list, city=name) for _ in range(2)))
        for name in ("Lyon", "Nice")
    )
    Merge.objects.update(created_at=ago(days=31))
    other = second()
    number = held.pk if table == "desk_merge" else held.merged_id
    other.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [number])

    assert prune()["rows"]["merges"] == 1

    other.rollback()
    rows = dict(Customer.with_merged.values_list("pk", "anonymised"))
    assert (rows[held.merged_id], rows[free.merged_id]) == (False, True)
    assert prune()["rows"]["merges"] == 1


@pytest.fixture
def second() -> Any:
    """Return a function that opens a connection of somebody else's."""
    opened = []

    def connect() -> Any:
        given = connection.get_connection_params()
        names = ("dbname", "user", "host", "port", "password")
        opened.append(psycopg.connect(**{k: given[k] for k in names if k in given}))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
