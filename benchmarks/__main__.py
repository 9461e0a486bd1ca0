"""The command: prepare, check, measure in turns, print the table."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import load, sql_alone
from benchmarks.machine import PostgresCPU, WebServer, database_server, fresh_database, web_servers
from benchmarks.plan import FRESH, PATHS, Plan
from benchmarks.report import Results, Round, growth, table

# Fresh numbers: nine digits, and enough of them for each run of a generator.
_FIRST_NUMBER = 700_100_000
_NUMBERS_EACH = 2_000_000
# What may differ between two right answers to the same call.
_VOLATILE = {"id", "created_at", "new_balance", "private_ref", "email", "phone"}


@dataclass
class Subject:
    """One database with its two services and what was measured on them."""

    plan: Plan
    hub: WebServer
    thin: WebServer
    postgres: PostgresCPU
    results: Results


class Numbers:
    """Hands out blocks of numbers that no request has carried."""

    def __init__(self) -> None:
        self._next = _FIRST_NUMBER

    def block(self) -> int:
        """Return the first number of a new block."""
        self._next += _NUMBERS_EACH
        return self._next - _NUMBERS_EACH


def main() -> int:
    """Measure and print; return 0, or 1 when some answer was wrong."""
    options = _options()
    numbers = Numbers()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="hub-benchmark-", ignore_cleanup_errors=True)
            )
        )
        os.environ["HUB_DATA_DIR"] = str(folder)
        server = stack.enter_context(database_server())
        subjects = [_subject(stack, server, size, folder, options) for size in options.sizes]
        try:
            for subject in subjects:
                _check(subject, numbers)
            if not options.quick:
                _warm_up(subjects, numbers, options)
            for turn in range(options.rounds):
                _say(f"round {turn + 1} of {options.rounds}")
                _measure(subjects, numbers, options, hub_first=turn % 2 == 0)
        except load.WrongAnswer as error:
            print(f"benchmarks: a wrong answer: {error}", file=sys.stderr)
            return 1
    print("\n\n".join(table(subject.results) for subject in subjects))
    if len(subjects) > 1:
        print("\n" + growth([subject.results for subject in subjects]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("--paths", default=",".join(PATHS), help="like W3 or W1,W2 (all)")
    parser.add_argument("--sizes", default="", help="customers in the list (100000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=None, help="of each round (4)")
    parser.add_argument("--quick", action="store_true", help="only shows that it works")
    options = parser.parse_args()
    options.paths = options.paths.split(",")
    unknown = set(options.paths) - set(PATHS)
    if unknown:
        parser.error(f"no such path: {', '.join(sorted(unknown))}")
    options.sizes = [
        int(size) for size in (options.sizes or ("1000" if options.quick else "100000")).split(",")
    ]
    if min(options.sizes) < 1000:
        parser.error("a list has at least 1000 customers here")
    if options.quick:
        options.rounds = 1
    options.seconds = options.seconds or (0.2 if options.quick else 4.0)
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _subject(
    stack: ExitStack, server: str, size: int, folder: Path, options: argparse.Namespace
) -> Subject:
    begin = time.monotonic()
    url = stack.enter_context(fresh_database(server, f"hub_benchmark_{os.getpid()}_{size}"))
    file = folder / f"{size}.plan"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.prepare", str(size), str(file)],
        env={**os.environ, "DATABASE_URL": url},
        check=True,
    )
    plan = Plan.load(file)
    hub, thin = stack.enter_context(web_servers(plan, file))
    _say(f"{size:,} customers made in {time.monotonic() - begin:.0f} s")
    trips = {name: plan.paths[name].round_trips for name in options.paths}
    return Subject(plan, hub, thin, PostgresCPU(url), Results(size, trips))


def _check(subject: Subject, numbers: Numbers) -> None:
    """See that hub and thin service give the same right answer to each call."""
    for name in subject.results.statements:
        request = subject.plan.paths[name].requests[0]
        answers = []
        for server in (subject.hub, subject.thin):
            digits = b"%09d" % numbers.block()
            answers.append(load.call(server.port, request.replace(FRESH.encode(), digits)))
        hub, thin = (_without_volatile(name, answer) for answer in answers)
        if hub != thin:
            text = f"{str(hub)[:2000]}\n{str(thin)[:2000]}"
            raise load.WrongAnswer(f"{name}: hub and thin service differ:\n{text}")
        wrong = _what_is_wrong(name, answers[0])
        if wrong:
            raise load.WrongAnswer(f"{name}: {wrong}: {answers[0]}"[:2000])


def _without_volatile(name: str, answer: Any) -> Any:
    if name not in {"W1", "W4", "W5", "O1"}:
        return answer
    return {key: None if key in _VOLATILE else value for key, value in answer.items()}


def _what_is_wrong(name: str, answer: Any) -> str:
    match name:
        case "W1" if not (answer["phone"] or "").startswith("+337"):
            return "the phone is not as sent"
        case "W2" if len(answer["loyalty_cards"]) != 2 or not answer["private_ref"]:
            return "two cards and a private ref were expected"
        case "W3" if len(answer) != 10:
            return "ten customers were expected"
        case "W4" | "W5" if answer["delta"] != "1.5":
            return "the delta is not as sent"
        case "W6" if len(answer) != 100:
            return "a hundred operations were expected"
        case "O1" | "O2" if answer["total"] != "139.50 EUR" or len(answer["items"]) != 10:
            return "ten items worth 139.50 EUR were expected"
        case "O3" | "E1" if len(answer) != 100:
            return "a hundred were expected"
    return ""


def _warm_up(subjects: list[Subject], numbers: Numbers, options: argparse.Namespace) -> None:
    """Let every thread connect and every connection prepare its statements."""
    for subject in subjects:
        for name in options.paths:
            for server in (subject.hub, subject.thin):
                load.generate(
                    server.port,
                    subject.plan.paths[name].requests,
                    seconds=1.0,
                    first=numbers.block(),
                )


def _measure(
    subjects: list[Subject], numbers: Numbers, options: argparse.Namespace, *, hub_first: bool
) -> None:
    """Measure each path once on each database, hub and thin service right after each other."""
    for name in options.paths:
        for subject in subjects:
            rounds = subject.results.rounds
            for who in ("hub", "thin") if hub_first else ("thin", "hub"):
                server = subject.hub if who == "hub" else subject.thin
                one = _one_round(subject, server, name, numbers.block(), options.seconds)
                rounds[name, who].append(one)
            path = subject.plan.paths[name]
            first, seconds = numbers.block(), options.seconds / 2
            rate = sql_alone.measure(
                subject.plan.url,
                path,
                seconds=seconds,
                first=first,
                connections=4 if options.quick else load.CONNECTIONS,
            )
            rounds[name, "sql"].append(Round(rate))


def _one_round(subject: Subject, server: WebServer, name: str, first: int, seconds: float) -> Round:
    cpu, postgres = server.cpu(), subject.postgres.seconds()
    requests = subject.plan.paths[name].requests
    done = load.generate(server.port, requests, seconds=seconds, first=first)
    if done.requests == 0:
        raise load.WrongAnswer(f"{name}: no answer within {seconds} s")
    used, after = server.cpu() - cpu, subject.postgres.seconds()
    return Round(
        rate=done.rate,
        cpu=used / done.sent,
        postgres_cpu=None if after is None or postgres is None else (after - postgres) / done.sent,
        generator_cpu=done.cpu / done.sent,
    )


if __name__ == "__main__":
    sys.exit(main())
