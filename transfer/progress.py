"""How far something long is, said about once a second."""

import time
from typing import Any


class Progress:
    """Writes rows done, the rate and the time left, once it takes longer than two seconds."""

    def __init__(self, stream: Any, total: int = 0, done: int = 0) -> None:
        """Take where to write, how many rows there are (0: unknown), and were done before."""
        self.stream, self.total = stream, total
        self._begin, self._before = time.monotonic(), done
        self._next = self._begin + 2

    def tell(self, done: int) -> None:
        """Take how many rows are done."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1
        rate = (done - self._before) / (now - self._begin)
        text = f"{done:,} rows, {rate:,.0f} a second"
        if self.total and rate:
            left = (self.total - done) / rate
            percent = 100 * done // self.total
            text = f"{percent} %, {done:,} of {self.total:,} rows, {rate:,.0f} a second,"
            text += f" {_time(left)} left"
        self.stream.write(text)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
