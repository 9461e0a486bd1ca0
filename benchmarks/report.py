"""The table that the benchmark prints, in Markdown."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from benchmarks.plan import PATHS

_HEAD = [
    "path",
    "SQL alone /s",
    "thin /s",
    "hub /s",
    "hub / thin",
    "target",
    "reached",
    "hub / SQL",
    "CPU hub",
    "CPU thin",
    "CPU PostgreSQL",
    "statements",
]


@dataclass
class Round:
    """One round of one path on one server."""

    rate: float
    cpu: float = 0.0
    postgres_cpu: float | None = None
    generator_cpu: float = 0.0


@dataclass
class Results:
    """All rounds of one database, by path and by who answered: hub, thin or sql."""

    size: int
    statements: dict[str, int]
    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=lambda: defaultdict(list))

    def rate(self, name: str, who: str) -> float:
        """Return requests per second, median of the rounds."""
        return median(one.rate for one in self.rounds[name, who])

    def ratio(self, name: str) -> float:
        """Return the median of the ratios hub to thin, each within its own round."""
        pairs = zip(self.rounds[name, "hub"], self.rounds[name, "thin"], strict=True)
        return median(hub.rate / thin.rate for hub, thin in pairs)

    def cpu(self, name: str, who: str) -> float:
        """Return microseconds of the web workers per request, median of the rounds."""
        return 1e6 * median(one.cpu for one in self.rounds[name, who])

    def postgres_cpu(self, name: str) -> float | None:
        """Return microseconds of PostgreSQL per request of the hub, None where unknown."""
        known = [one.postgres_cpu for one in self.rounds[name, "hub"]]
        seconds = [value for value in known if value is not None]
        return 1e6 * median(seconds) if seconds else None

    def generator_cpu(self) -> float:
        """Return microseconds of the load generator per request of the hub."""
        used = [
            one.generator_cpu
            for (_, who), rounds in self.rounds.items()
            if who == "hub"
            for one in rounds
        ]
        return 1e6 * median(used)


def table(results: Results) -> str:
    """Return the paths of one database, a row each."""
    rows = [_HEAD, ["---", *["---:"] * (len(_HEAD) - 1)]]
    for name, statements in results.statements.items():
        path, ratio = PATHS[name], results.ratio(name)
        hub, sql = results.rate(name, "hub"), results.rate(name, "sql")
        postgres = results.postgres_cpu(name)
        rows.append(
            [
                f"{name} {path.title}",
                f"{sql:.0f}",
                f"{results.rate(name, 'thin'):.0f}",
                f"{hub:.0f}",
                f"{ratio:.2f}",
                "-" if path.target is None else f"{path.target:.2f}",
                "-" if path.target is None else "yes" if ratio >= path.target else "NO",
                f"{hub / sql:.2f}",
                f"{results.cpu(name, 'hub'):.0f} µs",
                f"{results.cpu(name, 'thin'):.0f} µs",
                "-" if postgres is None else f"{postgres:.0f} µs",
                str(statements),
            ]
        )
    title = f"{results.size:,} customers in the list"
    note = f"The load generator used {results.generator_cpu():.0f} µs of CPU per request."
    return f"{title}\n\n{_aligned(rows)}\n\n{note}"


SIZE_TARGET = 0.9


def growth(results: list[Results]) -> str:
    """Return how the largest database does beside the smallest, a line for each path."""
    small = min(results, key=lambda one: one.size)
    large = max(results, key=lambda one: one.size)
    lines = []
    for name in small.statements:
        pairs = zip(large.rounds[name, "hub"], small.rounds[name, "hub"], strict=True)
        ratio = median(after.rate / before.rate for after, before in pairs)
        reached = "reached" if ratio >= SIZE_TARGET else "NOT reached"
        lines.append(
            f"{name} at {large.size:,} customers: {ratio:.2f} of its rate at {small.size:,}"
            f" (target {SIZE_TARGET:.2f}, {reached})"
        )
    return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    )
