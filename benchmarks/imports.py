"""How fast customers with cards are imported, beside the least that PostgreSQL needs for them.

    python -m benchmarks.imports [--rows 1000000] [--rounds 1] [--no-rival]

Makes a fresh durable PostgreSQL in a temporary folder (or databases of its own on the server of
DATABASE_URL), writes one CSV of that many customers, each with a private ref, a national phone
number, consent or none, and a card with points, and has it imported into an empty list:

- by COPY alone, into a table without a key, an index or a rule;
- by COPY into a staging table and INSERT into ours, with every index, key and trigger: the
  values are ready to be copied, and nobody judges them;
- by manage.py import_customers, which reads the CSV, judges each row by the rules of the API,
  makes phone numbers E.164 and can be killed at any moment;
- a tenth of it by django-import-export with its defaults, which is installed into the
  temporary folder: customers, refs and cards as three files. It moves no points.

Each has a database of its own. Prints a table in Markdown; nothing is left behind.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.import_contenders import RIVAL, write_files
from benchmarks.machine import PostgresCPU, database_server, fresh_database

# The marks of the design: ours is at most so much slower than staging and INSERT, and at
# least so much faster than the rival.
_MOST_SLOWER, _LEAST_FASTER = 1.3, 50
_NAMES = {
    "copy": "COPY alone",
    "staged": "COPY into staging and INSERT",
    "hub": "**import_customers**",
    "rival": "django-import-export",
}


@dataclass
class Figures:
    """What was measured of one contender, round by round.

    Attributes:
        rows: How many it imported each time.
        seconds: On the clock.
        own: CPU of its process.
        postgres: CPU of PostgreSQL, where it is on this machine.
        megabytes: The most memory its process held.
    """

    rows: int
    seconds: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return rows per second, of the median round."""
        return self.rows / statistics.median(self.seconds)

    def line(self, name: str) -> str:
        """Return a line of the table."""
        spent = [
            f"{statistics.median(values) / self.rows * 1e6:,.0f} µs" if values else "-"
            for values in (self.own, self.postgres)
        ]
        return (
            f"| {_NAMES[name]} | {self.rows:,} | {statistics.median(self.seconds):,.1f}"
            f" | {self.rate:,.0f} | {spent[0]} | {spent[1]} | {max(self.megabytes):,.0f} MB |"
        )


def main() -> int:
    """Measure and print."""
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        os.environ["HUB_DATA_DIR"] = str(folder / "data")
        server = stack.enter_context(database_server())
        _say(f"writing {options.rows:,} rows")
        write_files(folder, options.rows)
        template = f"hub_imports_{os.getpid()}_template"
        url = stack.enter_context(fresh_database(server, template))
        _run([sys.executable, "-m", "benchmarks.import_contenders", "prepare", str(folder)], url)
        names = ["copy", "staged", "hub"]
        if options.rival:
            _say("installing django-import-export")
            _install_rival(folder)
        found = {name: Figures(options.rows) for name in names}
        for turn in range(options.rounds):
            # The clock of a busy machine: whoever goes first must not always be the same one.
            for name in names if turn % 2 == 0 else names[::-1]:
                _measure(server, template, folder, name, found[name])
        if options.rival:
            found["rival"] = Figures(max(1, options.rows // 10))
            _measure(server, template, folder, "rival", found["rival"])
    print(_table(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.imports",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="of all but the rival (1)")
    parser.add_argument(
        "--no-rival", dest="rival", action="store_false", help="leave django-import-export out"
    )
    options = parser.parse_args()
    if options.rows < 10 or options.rounds < 1:
        parser.error("at least 10 rows and one round")
    return options


@contextmanager
def _folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="hub-imports-", ignore_cleanup_errors=True) as name:
        # The user who runs root's PostgreSQL has to get in.
        Path(name).chmod(0o755)
        yield name


def _install_rival(folder: Path) -> None:
    """Install the rival beside our own packages, which it does not touch."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*pip, str(folder / "rival"), *RIVAL], check=True)


@contextmanager
def _copy_of(server: str, template: str, name: str) -> Iterator[str]:
    """Give a database that is a copy of the template; drop it afterwards."""
    with fresh_database(server, name) as url:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield url


def _measure(server: str, template: str, folder: Path, name: str, found: Figures) -> None:
    _say(f"{_NAMES[name].strip('*')}: {found.rows:,} rows")
    with _copy_of(server, template, f"hub_imports_{os.getpid()}_{name}") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        postgres = PostgresCPU(url)
        before, begin = postgres.seconds(), time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.import_contenders", name, str(folder)]
        own, megabytes = _run([*command, str(found.rows)], url, path=folder / "rival")
        found.seconds.append(time.perf_counter() - begin)
        _wait_until_alone(url)
        after = postgres.seconds()
        if before is not None and after is not None:
            found.postgres.append(after - before)
        found.own.append(own)
        found.megabytes.append(megabytes)
        with psycopg.connect(url) as connection:
            _check(connection, name, found.rows)
    _say(f"  {found.seconds[-1]:.1f} s")


def _wait_until_alone(url: str) -> None:
    """Wait until what served the contender has ended: its CPU counts from then on."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
        while connection.execute(f"{others} AND pid <> pg_backend_pid()").fetchone():
            time.sleep(0.1)
    time.sleep(0.5)


def _run(command: list[str], url: str, *, path: Path | None = None) -> tuple[float, float]:
    """Run a command; return the seconds of CPU and the megabytes it used."""
    environment = {**os.environ, "DATABASE_URL": url}
    if path is not None and path.exists():
        # Behind our own packages: what both have is ours.
        environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), str(path)])
    child = subprocess.Popen(command, env=environment)
    _pid, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"benchmarks: {' '.join(command)} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _check(connection: "psycopg.Connection[tuple[int, ...]]", name: str, rows: int) -> None:
    """See that everything is there."""
    tables = ["customers_customer", "customers_customerprivateref", "loyalty_loyaltycard"]
    if name in ("staged", "hub"):
        tables.append("loyalty_loyaltyoperation")
    for table in ["raw_copy"] if name == "copy" else tables:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        if found is None or found[0] != rows:
            raise SystemExit(f"benchmarks: {name} left {found} rows in {table}, not {rows}")


def _table(found: dict[str, Figures]) -> str:
    lines = [
        "| who | rows | seconds | rows/s | CPU of it, a row | CPU of PostgreSQL, a row | memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(figures.line(name) for name, figures in found.items()),
        "",
        f"import_customers takes {found['staged'].rate / found['hub'].rate:.2f} times as long as"
        f" COPY into staging and INSERT (to reach: at most {_MOST_SLOWER}).",
    ]
    if "rival" in found:
        faster = found["hub"].rate / found["rival"].rate
        lines.append(
            f"It is {faster:,.0f} times as fast as django-import-export, which moves no points"
            f" (to reach: at least {_LEAST_FASTER})."
        )
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
