"""Bulk grants post to each card once, whatever happens to a worker or at the tills."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks.models import Callback, Event
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import CustomerList
from hubcustomers.tests.desk import Desk, url
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard, LoyaltyOperation
from transfer import grants, jobs
from transfer.models import GrantedCard, Job, State
from transfer.tests.granting import balances, begin, is_sound, run

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUT = Path(__file__).resolve().parents[2]


# --- exactly once -----------------------------------------------------------------------


def test_the_cards_are_those_of_the_moment_it_was_confirmed(
    desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    begin(desk, 20)
    late: Any = LoyaltyCardFactory(customer=CustomerFactory(customer_list=crowd[0].customer_list))

    run()

    assert balances([*crowd, late]) == [5] * 20 + [0]


def test_cards_that_cannot_take_the_points_are_told(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    post(crowd[0], "99999999999999")
    doomed = CustomerListFactory(account=crowd[0].account)
    LoyaltyCardFactory(customer=CustomerFactory(customer_list=doomed))
    job = begin(desk, 21)
    with transaction.atomic():
        CustomerList.objects.filter(pk=doomed.pk).delete()

    run()

    job.refresh_from_db()
    assert job.counts == {"granted": 19, "refused": 1, "gone": 1}
    assert balances(crowd) == [99999999999999, *[5] * 19]
    shown = desk.get(url(job)).content.decode()
    assert crowd[0].public_id in shown
    assert "(gone)" in shown
    assert is_sound()


def test_cancelling_keeps_what_is_done(
    desk: Desk, crowd: list[LoyaltyCard], monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS", 6)
    job = begin(desk, 20)
    mine = jobs.claim()
    assert grants.step_of_grant(mine)

    desk.post(f"{url(job)[:-7]}cancel/")
    with pytest.raises(jobs.JobTaken):
        grants.step_of_grant(mine)
    run()

    assert balances(crowd) == [5] * 6 + [0] * 14
    job.refresh_from_db()
    assert (job.state, job.counts["granted"]) == (State.CANCELLED, 6)


def test_a_step_that_fails_leaves_nothing(
    desk: Desk, crowd: list[LoyaltyCard], monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS", 6)
    begin(desk, 20)
    mine = jobs.claim()
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "save_progress", lambda job: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            grants.step_of_grant(mine)
    assert balances(crowd) == [0] * 20

    fresh = Job.objects.get()
    while grants.step_of_grant(fresh):
        pass

    assert balances(crowd) == [5] * 20


def test_the_database_refuses_to_post_to_a_card_twice(desk: Desk, crowd: list[LoyaltyCard]) -> None:
    job = begin(desk, 20)
    run()

    # A worker that has forgotten how far it was, and looks at no mark.
    rows = GrantedCard.objects.filter(job=job)
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        rows.update(operation_id=1)
    assert "once" in str(caught.value)
    with pytest.raises(DatabaseError), transaction.atomic():
        GrantedCard.objects.create(account=job.account, job=job, card_id=crowd[0].pk)
    Job.objects.update(state=State.QUEUED, checkpoint={}, done=0, counts={})
    run()

    assert balances(crowd) == [5] * 20


# One batch at a time, on the database of the tests.
_WORKER = """
import sys
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from transfer import grants
from transfer.jobs import Worker
grants.BATCH_CARDS = 3
Worker().run(once=True)
"""


def start_worker() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER, connection.settings_dict["NAME"]],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )


def test_a_worker_that_is_killed_loses_nothing_and_posts_nothing_twice(
    desk: Desk, crowd: list[LoyaltyCard]
) -> None:
    job = begin(desk, 20)
    parameters = connection.get_connection_params()
    place = {name: parameters[name] for name in ("dbname", "user", "host", "port")}
    # A till that holds a card holds the worker in the middle of a batch.
    with psycopg.connect(**place) as till:
        till.execute("SELECT FROM loyalty_loyaltycard WHERE id = %s FOR UPDATE", [crowd[10].pk])
        worker = start_worker()
        deadline = time.monotonic() + 120
        while Job.objects.get().done < 9 and time.monotonic() < deadline:
            assert worker.poll() is None
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert sum(balances(crowd)) == 45

    # Nobody has heard of it for a minute.
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    again = start_worker()
    assert again.wait(timeout=300) == 0

    assert balances(crowd) == [5] * 20
    job.refresh_from_db()
    assert (job.state, job.counts["granted"]) == (State.DONE, 20)
    assert LoyaltyOperation.objects.count() == 20
    assert is_sound()


def test_tills_post_meanwhile_and_every_chain_holds(
    desk: Desk, crowd: list[LoyaltyCard], monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS", 4)
    begin(desk, 20)

    def till(number: int) -> None:
        for turn in range(20):
            post(crowd[(number * 5 + turn) % 20], "1")
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        tills = [pool.submit(till, number) for number in range(4)]
        run()
        for one in tills:
            one.result()

    assert balances(crowd) == [9] * 20
    assert is_sound()


# --- events -----------------------------------------------------------------------------


def test_listeners_hear_of_each_customer_once(
    desk: Desk, crowd: list[LoyaltyCard], bistro: Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr(grants, "BATCH_CARDS_HEARD", 7)
    crm = ConnectionFactory(account=bistro.account, account_level=True)
    issue_token(crm)
    Callback.objects.create(account=bistro.account, connection=crm, events={"customer": ["update"]})
    begin(desk, 20)

    run()

    events = Event.objects.order_by("resource_id")
    assert [event.resource_id for event in events] == [card.customer_id for card in crowd]
    for event in events:
        assert event.previous_state["loyalty_cards"][0]["balance"] == "0.0"
        assert event.new_state["loyalty_cards"][0]["balance"] == "5.0"
