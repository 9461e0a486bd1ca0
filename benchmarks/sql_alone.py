"""The statements of a path by themselves: prepared, from 16 processes, without HTTP."""

import json
import multiprocessing
import pickle
import subprocess
import sys
import time
from itertools import cycle, islice
from typing import Any

import psycopg

from benchmarks.plan import SESSION_OPTIONS, PathPlan, freshen

_WARM_UP = 8
# Each process makes rows of its own; a round never reaches this many.
_NUMBERS_EACH = 100_000


def measure(url: str, path: PathPlan, *, seconds: float, first: int, connections: int) -> float:
    """Return how often a second the database does the path's statements.

    A process each, as the connections of one Python process would wait for one another.
    """
    job = pickle.dumps((url, path, seconds, first, connections))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sql_alone"], input=job, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip()[-2000:])
    rate: float = json.loads(done.stdout)
    return rate


def _run(url: str, path: PathPlan, seconds: float, first: int, connections: int) -> float:
    context = multiprocessing.get_context("fork")
    barrier, counts = context.Barrier(connections), context.Array("q", connections)
    workers = [
        context.Process(
            target=_work,
            args=(url, path, seconds, first + number * _NUMBERS_EACH, barrier, counts, number),
        )
        for number in range(connections)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("A connection failed.")
    return sum(counts[:]) / seconds


def _work(
    url: str, path: PathPlan, seconds: float, first: int, barrier: Any, counts: Any, place: int
) -> None:
    try:
        with psycopg.connect(url, autocommit=True, options=SESSION_OPTIONS) as connection:
            once = _once(connection.cursor(), path)
            cases = islice(cycle(path.cases), first // 7 % len(path.cases), None)
            for number in range(_WARM_UP):
                once(next(cases), first + number)
            barrier.wait(60)
            done, deadline = 0, time.perf_counter() + seconds
            while time.perf_counter() < deadline:
                once(next(cases), first + _WARM_UP + done)
                done += 1
            counts[place] = done
    except BaseException:
        barrier.abort()
        raise


def _once(cursor: Any, path: PathPlan) -> Any:
    """Return a function that does the path's statements for one case."""
    statements = [(statement.sql, statement.binder()) for statement in path.statements]
    makes = any("made" in statement.names for statement in path.statements)

    def once(case: dict[str, Any], number: int) -> None:
        values = {**path.constants, **(freshen(case, number) if makes else case)}
        if makes:
            values["custom_fields"] = json.dumps(values["custom_fields"])
        if path.transactional:
            cursor.execute("BEGIN", prepare=False)
        for sql, bind in statements:
            cursor.execute(sql, bind(values), prepare=True)
            if makes and sql.startswith("INSERT INTO") and "made" not in values:
                values["made"] = cursor.fetchone()[0]
        if path.transactional:
            cursor.execute("COMMIT", prepare=False)

    return once


if __name__ == "__main__":
    print(json.dumps(_run(*pickle.loads(sys.stdin.buffer.read()))))
