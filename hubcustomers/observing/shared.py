"""Numbers that several processes count together, so that each of them can tell the sum.

A web server has several worker processes and a scrape reaches only one of them. Each process
counts in a file of its own, mapped into its memory: to count is to add to a float there,
which takes no system call and is never lost, however the process ends. A second file beside
it names the places. Who reads adds up the files of all processes.

A process holds a lock on its file as long as it lives. Files that nobody holds are added to
the totals by the next reader and removed, so that counters never go backwards when workers
come and go.
"""

import contextlib
import fcntl
import json
import logging
import mmap
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

# Sparse on disk: only what is counted takes room.
_PLACES = 65_536
_BYTES = 8 * _PLACES
_TOTALS = "totals.json"


class Series(NamedTuple):
    """One row of numbers: a metric with its labels, as ``name, value`` pairs."""

    metric: str
    labels: tuple[tuple[str, str], ...]


@dataclass
class Sums:
    """What all processes have counted: a counter goes on when its process has ended.

    Attributes:
        counted: Of each counter the sums over all processes, dead ones included.
        gauges: Of each gauge the values of the processes that live.
    """

    counted: dict[Series, list[float]] = field(default_factory=dict)
    gauges: dict[Series, list[float]] = field(default_factory=dict)

    def add(self, series: Series, values: list[float], *, gauge: bool = False) -> None:
        """Add the numbers of one process."""
        sums = (self.gauges if gauge else self.counted).setdefault(series, [0.0] * len(values))
        for place, value in enumerate(values):
            sums[place] += value


class _Place(NamedTuple):
    start: int
    width: int
    is_gauge: bool


class SharedNumbers:
    """The numbers of this process, and the sums over all processes with the same folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; nothing is opened before the first number is counted."""
        self.folder = folder
        self.lock = threading.Lock()
        self.view: Any = memoryview(b"")
        self._places: dict[Series, _Place] = {}
        self._used = 0
        self._path: Path | None = None
        self._descriptor: int | None = None
        self._is_open = False

    # --- counting -------------------------------------------------------------------

    def place(self, series: Series, width: int = 1, *, gauge: bool = False) -> int:
        """Return where in ``view`` the series begins; to be added to under ``lock``."""
        with self.lock:
            known = self._places.get(series)
            if known is None:
                self._open()
                known = _Place(self._used, width, gauge)
                if known.start + width > _PLACES:
                    # Labels are few by design; were they not, the last places take the rest.
                    return _PLACES - width
                self._name(series, known)
                self._used += width
                self._places[series] = known
            return known.start

    def add(self, start: int, value: float) -> None:
        """Add to the number at a place."""
        with self.lock:
            self.view[start] += value

    def forget(self) -> None:
        """Begin anew, with a file of its own: for a child after a fork."""
        descriptor = self._descriptor
        self.__init__(self.folder)  # type: ignore[misc]
        if descriptor is not None:
            # The lock is the parent's: closing our copy does not give it back.
            os.close(descriptor)

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{os.getpid()}-{secrets.token_hex(4)}.numbers"
            # Not yet under its name: who sees the file finds it locked.
            draft = path.with_suffix(".draft")
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.ftruncate(descriptor, _BYTES)
            path.with_suffix(".names").touch(0o600)
            draft.rename(path)
            self._path, self._descriptor = path, descriptor
            mapped = mmap.mmap(descriptor, _BYTES)
        except OSError as error:
            logger.warning(
                "Metrics are those of one process only, %s cannot be written: %s",
                self.folder,
                error.strerror,
            )
            mapped = mmap.mmap(-1, _BYTES)
        self.view = memoryview(mapped).cast("d")

    def _name(self, series: Series, place: "_Place") -> None:
        if self._path is not None:
            line = json.dumps([*series, *place])
            with self._path.with_suffix(".names").open("a") as names:
                names.write(line + "\n")

    # --- adding up ------------------------------------------------------------------

    def sums(self) -> Sums:
        """Return what all processes have counted so far."""
        sums = Sums()
        with self.lock:
            self._open()
        if self._path is None:
            for series, (start, width, gauge) in list(self._places.items()):
                sums.add(series, list(self.view[start : start + width]), gauge=gauge)
            return sums
        with _alone(self.folder):
            self._bury()
            for series, values in _read_totals(self.folder).counted.items():
                sums.add(series, values)
            for path in self.folder.glob("*.numbers"):
                for series, values, gauge in _read(path):
                    sums.add(series, values, gauge=gauge)
        return sums

    def _bury(self) -> None:
        """Add the files of processes that have ended to the totals, and remove them."""
        dead = [path for path in self.folder.glob("*.numbers") if _is_dead(path)]
        if not dead:
            return
        totals = _read_totals(self.folder)
        for path in dead:
            if path.name not in totals.buried:
                for series, values, gauge in _read(path):
                    if not gauge:
                        totals.add(series, values)
        # Written with their names before they go: a cut between the two counts none twice.
        totals.buried = [path.name for path in dead]
        totals.write(self.folder)
        for path in dead:
            path.unlink(missing_ok=True)
            path.with_suffix(".names").unlink(missing_ok=True)


@dataclass
class _Totals(Sums):
    buried: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        rows = [[*series, values] for series, values in self.counted.items()]
        draft = folder / f"{_TOTALS}.draft"
        draft.write_text(json.dumps({"rows": rows, "buried": self.buried}))
        draft.replace(folder / _TOTALS)


def _read_totals(folder: Path) -> _Totals:
    totals = _Totals()
    with contextlib.suppress(FileNotFoundError, ValueError):
        kept = json.loads((folder / _TOTALS).read_text())
        for metric, labels, values in kept["rows"]:
            totals.add(Series(metric, tuple((name, value) for name, value in labels)), values)
        totals.buried = kept["buried"]
    return totals


def _read(path: Path) -> Iterator[tuple[Series, list[float], bool]]:
    try:
        names = path.with_suffix(".names").read_text()
        numbers = memoryview(path.read_bytes()).cast("d")
    except (FileNotFoundError, TypeError):
        return
    # The last line may be under way.
    for line in names.splitlines(keepends=True):
        if line.endswith("\n"):
            metric, labels, start, width, gauge = json.loads(line)
            series = Series(metric, tuple((name, value) for name, value in labels))
            yield series, list(numbers[start : start + width]), gauge


def _is_dead(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "reading.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
