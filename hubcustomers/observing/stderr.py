"""Where the lines of the log go: standard error, from a web server many at a time."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.util import Finalize
from typing import Any

from hubcustomers.observing.logs import AccessRecord

_TOGETHER_SECONDS = 0.1
# Where nobody reads them, requests wait with their lines, as they would without a thread.
_MOST_WAITING = 10_000
# What a pipe takes as one piece (PIPE_BUF); of files and the journal more.
_UNDIVIDED = 4096


class StderrHandler(logging.StreamHandler[Any]):
    """Writes to standard error: each line at once, or those of a tenth of a second together.

    Each writing costs a request as much as all the rest of its line, and its thread the turn
    where many are busy. Together they are written by a thread of their own; a warning and what
    is worse goes out at once, behind all that came before it.
    """

    def __init__(self) -> None:
        """Write each line at once, until ``write_together`` is called."""
        super().__init__()
        # None while each line is written at once.
        self._waiting: deque[str | AccessRecord] | None = None
        self._begin_anew()
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        # A child has none of its parent's threads, and leaves the parent's lines to it.
        self._writing = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None
        if self._waiting is not None:
            self.write_together()

    def write_together(self) -> None:
        """From now on write the lines of a tenth of a second together."""
        self._waiting = deque()
        # Granian's workers are processes of multiprocessing, which know no atexit.
        Finalize(None, self._flush_waiting, exitpriority=0)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or keep it for a moment."""
        if self._waiting is None:
            super().emit(record)
            return
        try:
            # Those of requests become text later, one after the other, which is faster.
            line = record if isinstance(record, AccessRecord) else self.format(record)
            self._waiting.append(line)
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)
            return
        if record.levelno >= logging.WARNING or len(self._waiting) > _MOST_WAITING:
            self.flush()
        elif not self._some.is_set():
            self._some.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, daemon=True, name="logs")
                self._thread.start()

    def _write_on(self) -> None:
        while self._some.wait():
            time.sleep(_TOGETHER_SECONDS)
            # Before the writing: a line that comes meanwhile asks for another one.
            self._some.clear()
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting is None:
            super().flush()
        else:
            self._flush_waiting()

    def _flush_waiting(self) -> None:
        # Also where nothing waits: what another thread took away may not be written yet.
        # Never the handler's own lock inside of this one: a request has them the other way.
        with self._writing:
            try:
                for piece in _pieces(self._lines()):
                    self.stream.write(piece)
                    self.stream.flush()
            except Exception:  # noqa: BLE001 - nobody reads on; a request must not fail by it
                if self._waiting is not None:
                    self._waiting.clear()

    def _lines(self) -> Iterator[str]:
        """Take away what waits."""
        while self._waiting:
            line = self._waiting.popleft()
            yield line if isinstance(line, str) else self.format(line)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Put the lines together into pieces that no other process' lines come between."""
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) >= _UNDIVIDED:
            yield piece
            piece = ""
        piece += f"{line}\n"
    if piece:
        yield piece


def write_together() -> None:
    """Have this process' lines written together from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, StderrHandler):
            handler.write_together()
