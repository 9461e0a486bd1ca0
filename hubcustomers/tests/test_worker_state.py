"""Signs of life of workers, and where staff see them."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from hubcustomers.observing.pulse import Pulse, workers

pytestmark = pytest.mark.django_db

LISTS = [
    ("/admin/callbacks/event/", "deliver_events"),
    ("/admin/transfer/job/", "run_jobs"),
]


@pytest.fixture
def boss(client: Client, settings) -> Client:
    """Somebody who sees every list."""
    settings.SECOND_FACTOR_REQUIRED = False
    client.force_login(User.objects.create_superuser("boss"))
    return client


def silence() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hubcustomers_workerpulse SET seen_at = now() - interval '3 minutes'")


@pytest.mark.parametrize(("path", "kind"), LISTS)
def test_a_list_says_that_its_worker_runs(boss: Client, path: str, kind: str) -> None:
    Pulse(kind).beat()

    page = boss.get(path).content.decode()

    assert f"One worker runs <code>manage.py {kind}</code>." in page
    assert "No worker runs" not in page


@pytest.mark.parametrize(("path", "kind"), LISTS)
def test_it_says_that_none_does(boss: Client, path: str, kind: str) -> None:
    Pulse(kind).beat()
    silence()

    page = boss.get(path).content.decode()

    assert f"No worker runs <code>manage.py {kind}</code>" in page
    assert "The last one was on" in page


def test_a_worker_beats_every_few_seconds_only(django_assert_num_queries) -> None:
    pulse = Pulse("run_jobs")

    with django_assert_num_queries(2):  # of workers long dead, and its own
        pulse.beat()
        pulse.beat()


def test_a_worker_that_ends_is_forgotten() -> None:
    pulse = Pulse("run_jobs")
    pulse.beat()
    assert [worker.is_alive for worker in workers("run_jobs")] == [True]

    pulse.end()

    assert workers() == []


def test_who_was_killed_is_remembered_for_a_day() -> None:
    Pulse("run_jobs").beat()
    silence()
    Pulse("run_jobs").beat()
    assert [worker.is_alive for worker in workers()] == [True, False]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hubcustomers_workerpulse SET seen_at = now() - interval '2 days'")

    Pulse("run_jobs").beat()

    assert len(workers()) == 1
