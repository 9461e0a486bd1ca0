"""The back-office of background jobs: the list, the page that tells how far one is."""

from typing import Any

import pytest
from django.db import connection

from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import list_url, member_desk, url
from transfer import jobs
from transfer.factories import JobFactory
from transfer.models import Job, StagedRow, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(customer_list: Any) -> Job:
    job = JobFactory(
        customer_list=customer_list, state=State.QUEUED, total=2_000, done=0, counts={}
    )
    claimed = jobs.claim()
    assert claimed == job
    claimed.done, claimed.counts = 500, {"created": 499, "refused": 1}
    jobs.save_progress(claimed)
    return claimed


def test_the_list_tells_what_runs_how_far_and_whose_it_is(running, bistro) -> None:
    page = member_desk(bistro.account).get(list_url(Job)).content.decode()

    for text in ("Import customers.csv", "running", "500 of 2,000 (25 %)", "marie"):
        assert text in page


def test_a_state_without_a_colour_has_its_name(customer_list, bistro) -> None:
    desk = member_desk(bistro.account)
    # The choices of the filter.
    known = desk.get(list_url(Job)).content.decode().count("not started")

    JobFactory(customer_list=customer_list, state=State.DRAFT)

    assert desk.get(list_url(Job)).content.decode().count("not started") > known


def test_the_page_of_a_running_job_renews_itself_until_it_is_over(running, bistro) -> None:
    desk = member_desk(bistro.account)

    page = desk.get(url(running)).content.decode()

    assert 'value="25"' in page
    assert "500 of 2,000, " in page
    assert " a second, " in page
    assert "every 2s" in page
    jobs.finish(running)
    assert "every 2s" not in desk.get(url(running)).content.decode()


def test_a_failed_job_says_why(running, bistro) -> None:
    jobs.fail(running, "The list was <full>.")

    page = member_desk(bistro.account).get(url(running)).content.decode()

    assert "The list was &lt;full&gt;." in page
    assert "failed" in page


def test_cancelling_stops_the_worker_before_its_next_step(running, bistro) -> None:
    desk = member_desk(bistro.account)
    StagedRow.objects.create(account=running.account, job=running, line=2, cells=["a"])

    answer = desk.post(f"{url(running)[:-7]}cancel/")

    assert answer["Location"] == url(running)
    with pytest.raises(jobs.JobTaken):
        jobs.hold(running)
    jobs.finish(running)
    running.refresh_from_db()
    assert running.state == State.CANCELLED
    assert not StagedRow.objects.exists()
    assert AuditEntry.objects.get(action="cancelled").user_name == desk.user.username


def test_a_job_that_is_over_is_not_cancelled(customer_list, bistro) -> None:
    job = JobFactory(customer_list=customer_list)

    member_desk(bistro.account).post(f"{url(job)[:-7]}cancel/")

    job.refresh_from_db()
    assert job.state == State.DONE


@pytest.mark.parametrize(
    ("role", "sees", "cancels"),
    [
        (Role.MANAGER, 200, 302),
        (Role.PRIVACY, 200, 403),
        (Role.SUPPORT, 403, 403),
        (Role.OPERATOR, 403, 403),
    ],
)
def test_roles_do_what_is_theirs(role, sees, cancels, running, bistro) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.get(url(running)).status_code == sees
    assert desk.post(f"{url(running)[:-7]}cancel/").status_code == cancels


def test_jobs_are_found_by_an_index(running, bistro) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM transfer_job WHERE account_id IN (%s)"
            " ORDER BY id DESC LIMIT 50",
            [running.account_id],
        )
        plan = str(cursor.fetchall())
    assert "transfer_job_account_idx" in plan
