"""GET /metrics: the numbers, from however many processes they come."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from accounts.factories import ConnectionFactory
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory
from conftest import HubClient
from hubcustomers.observing import metrics
from hubcustomers.observing.pulse import Pulse
from hubcustomers.observing.shared import Series, SharedNumbers
from loyalty.factories import post
from loyalty.models import LoyaltyCard
from transfer.models import Job

TILL = Series("hub_sold_total", (("till", "1"),))
# Counts as often as it is told to, says so, and stays.
COUNTER = """
import sys, time
from pathlib import Path
from hubcustomers.observing.shared import Series, SharedNumbers
numbers = SharedNumbers(Path(sys.argv[1]))
start = numbers.place(Series("hub_sold_total", (("till", "1"),)))
for _ in range(int(sys.argv[2])):
    numbers.add(start, 1.0)
numbers.view[numbers.place(Series("hub_open", ()), gauge=True)] = 1.0
print("done", flush=True)
time.sleep(60)
"""


@pytest.fixture
def counting(tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count, in a folder of this test's own."""
    settings.METRICS_TOKEN = "sesame"
    monkeypatch.setattr(metrics, "is_on", True)
    monkeypatch.setattr(metrics, "numbers", SharedNumbers(tmp_path / "metrics"))
    monkeypatch.setattr(metrics, "_requests", {})
    monkeypatch.setattr(metrics, "_last_asked", (-1000.0, []))
    monkeypatch.setattr(metrics, "_start_sampler", lambda: None)


def scrape(client: Client) -> dict[str, float]:
    """Return the samples of the page by name and labels, and check each line's form."""
    r = client.get("/metrics", headers={"Authorization": "Bearer sesame"})
    assert r.status_code == 200
    assert r["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for line in r.content.decode().splitlines():
        if not line.startswith("#"):
            found = re.fullmatch(r'(hub_\w+(?:\{(?:\w+="[^"\n]*",?)+\})?) (\S+)', line)
            assert found, line
            assert found[1] not in samples
            samples[found[1]] = float(found[2])
    return samples


def counter(folder: Path, times: int) -> "subprocess.Popen[str]":
    """Start a process that counts, and wait until it has."""
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTER, str(folder), str(times)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "hubcustomers.settings"},
    )
    assert process.stdout.readline() == "done\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()


# --- who may ask --------------------------------------------------------------------


def test_without_a_token_in_the_settings_there_is_no_such_page(client: Client) -> None:
    r = client.get("/metrics", headers={"Authorization": "Bearer "})

    assert (r.status_code, r.json()["error_type"]) == (404, "routing_error")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Bearer sesam", "sesame", "é"])
def test_without_the_right_token_nothing_is_shown(
    counting: None, client: Client, given: str | None
) -> None:
    r = client.get("/metrics", headers={} if given is None else {"Authorization": given})

    assert r.status_code == 401
    assert r["WWW-Authenticate"] == "Bearer"
    assert b"hub_" not in r.content


# --- requests -----------------------------------------------------------------------


def test_requests_are_counted_by_route_method_and_status(
    counting: None, api: HubClient, client: Client
) -> None:
    for _ in range(3):
        api.get("/location")
    api.get("/nope")
    client.get("/admin/login/")

    seen = scrape(client)

    one = 'hub_http_requests_total{method="GET",route="%s",status="%s"}'
    assert seen[one % ("/v1/location", "2xx")] == 3
    assert seen[one % ("none", "4xx")] == 1
    assert seen[one % ("/admin/login/", "2xx")] == 1
    labels = 'method="GET",route="/v1/location"'
    assert seen[f"hub_http_request_seconds_count{{{labels}}}"] == 3
    assert seen[f'hub_http_request_seconds_bucket{{{labels},le="+Inf"}}'] == 3
    assert 0 < seen[f"hub_http_request_seconds_sum{{{labels}}}"] < 10


def test_the_buckets_of_a_histogram_add_up(counting: None, db: None, client: Client) -> None:
    for seconds in (0.0005, 0.001, 0.003, 7.0, 100.0):
        metrics.count_request("/x", "GET", 200, seconds)

    seen = scrape(client)

    bucket = 'hub_http_request_seconds_bucket{method="GET",route="/x",le="%s"}'
    bounds = ("0.001", "0.0025", "0.005", "5.0", "20.0", "+Inf")
    assert [seen[bucket % bound] for bound in bounds] == [2, 2, 3, 3, 4, 5]


# --- several processes --------------------------------------------------------------


def test_processes_count_together(tmp_path: Path) -> None:
    processes = [counter(tmp_path, times) for times in (1000, 500)]
    numbers = SharedNumbers(tmp_path)
    numbers.add(numbers.place(TILL), 7.0)

    sums = numbers.sums()

    assert sums.counted == {TILL: [1507.0]}
    assert sums.gauges == {Series("hub_open", ()): [2.0]}
    for process in processes:
        end(process)


def test_what_a_killed_process_has_counted_is_kept_once(tmp_path: Path) -> None:
    numbers = SharedNumbers(tmp_path)
    process = counter(tmp_path, 1000)
    before = numbers.sums()

    end(process)

    after, later = numbers.sums(), SharedNumbers(tmp_path).sums()
    assert before.counted == after.counted == later.counted == {TILL: [1000.0]}
    assert after.gauges == {}
    # Of the dead nothing is left but the totals.
    assert len(list(tmp_path.glob("*.numbers"))) == 2


def test_a_cut_between_adding_and_removing_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(counter(tmp_path, 10))
    numbers = SharedNumbers(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, missing_ok=False: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            numbers.sums()

    assert numbers.sums().counted == {TILL: [10.0]}
    assert numbers.sums().counted == {TILL: [10.0]}


def test_a_child_counts_for_itself(tmp_path: Path) -> None:
    numbers = SharedNumbers(tmp_path)
    numbers.add(numbers.place(TILL), 1.0)

    child = os.fork()
    if child == 0:
        numbers.forget()
        numbers.add(numbers.place(TILL), 5.0)
        os._exit(0)
    os.waitpid(child, 0)

    assert numbers.sums().counted == {TILL: [6.0]}


def test_where_no_file_can_be_written_one_process_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    numbers = SharedNumbers(tmp_path / "file" / "metrics")
    numbers.add(numbers.place(TILL), 2.0)

    assert numbers.sums().counted == {TILL: [2.0]}
    assert "those of one process only" in caplog.text


# --- what the database knows --------------------------------------------------------


@pytest.mark.django_db
def test_the_ledger_the_outbox_and_jobs_are_told(
    counting: None, client: Client, card: LoyaltyCard
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('loyalty_loyaltyoperation_id_seq')")
        before = cursor.fetchone()[0]
    url = "https://till.example/events"
    listener = ConnectionFactory(account=card.account, account_level=True)
    issue_token(CallbackFactory(connection=listener, url=url).connection)
    for _ in range(2):
        post(card, "1.5")
    Job.objects.create(account=card.account, kind="import", state="queued", user_name="x")
    Pulse("run_jobs").beat()

    seen = scrape(client)

    assert seen["hub_ledger_operations_total"] == before + 2
    assert seen["hub_outbox_events"] == 2
    assert 0 <= seen["hub_outbox_oldest_seconds"] < 60
    assert seen['hub_jobs{state="queued"}'] == 1
    assert seen['hub_workers{kind="run_jobs"}'] == 1
    assert seen['hub_workers{kind="deliver_events"}'] == 0


def test_pool_and_processes_are_told(counting: None, db: None, client: Client) -> None:
    metrics.sample()

    seen = scrape(client)

    assert seen["hub_web_processes"] == 1
    assert seen["hub_pool_size"] >= seen["hub_pool_available"] >= 0
    assert seen["hub_pool_waiting"] == 0


def test_what_processes_count_is_shown_while_the_database_is_away(
    counting: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise metrics.DatabaseError

    monkeypatch.setattr(metrics.transaction, "atomic", refuse)
    metrics.count("hub_deliveries_total", outcome="failed")

    seen = scrape(client)

    assert seen['hub_deliveries_total{outcome="failed"}'] == 1
    assert "hub_outbox_events" not in seen
