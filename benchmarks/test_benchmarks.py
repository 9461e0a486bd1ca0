"""``./benchmarks/run`` (its figures are for people; here it only has to work)."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.plan import PATHS

CHECKOUT = Path(__file__).resolve().parents[1]


def test_a_quick_run_prints_every_path() -> None:
    """A whole run on a small database: everything it starts, checks and prints."""
    run = subprocess.run(
        ["./benchmarks/run", "--quick"],
        cwd=CHECKOUT,
        # On a server of its own: the suite's may have no connections left for it.
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line[:3] in {"| W", "| O", "| E"}]
    assert [row.split()[1] for row in rows] == list(PATHS)


def test_the_import_is_measured_beside_copy() -> None:
    """A few rows by each contender that needs no download, and nothing left behind."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.imports", "--rows", "50", "--no-rival"],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith("| ")]
    assert [row.split("|")[2].strip() for row in rows] == ["rows", "---:", "50", "50", "50"]
    assert "times as long as COPY into staging and INSERT" in run.stdout


def test_the_pages_of_the_back_office_are_measured() -> None:
    """A few pages of a small hub, for both kinds of staff, and nothing left behind."""
    words = ["--customers", "30", "--rounds", "1", "--pages", "^home$|^list of customers$"]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.back_office", *words],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line.split(" | ")[:2] for line in run.stdout.splitlines() if line[:3] in {"| m", "| s"}]
    assert {tuple(row) for row in rows} >= {
        (f"| {who}", page)
        for who in ("manager", "superuser")
        for page in ("home", "list of customers")
    }
