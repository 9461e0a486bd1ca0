"""What the metrics tell of background jobs."""

from collections.abc import Iterable
from typing import Any

from hubcustomers.observing.metrics import Gauge

_ASK = """
SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
    coalesce(extract(epoch FROM statement_timestamp()
        - min(created_at) FILTER (WHERE state = 'queued')), 0)::float8
FROM transfer_job WHERE state IN ('queued', 'running')
"""


def job_gauges(cursor: Any) -> Iterable[Gauge]:
    """Return how many jobs wait and run."""
    cursor.execute(_ASK)
    queued, running, age = cursor.fetchone()
    text = "Background jobs that are not over."
    yield Gauge("hub_jobs", text, "gauge", queued, (("state", "queued"),))
    yield Gauge("hub_jobs", text, "gauge", running, (("state", "running"),))
    yield Gauge("hub_jobs_oldest_queued_seconds", "Age of the oldest that waits.", "gauge", age)
