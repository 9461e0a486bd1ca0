"""How far a command is, for who waits for it."""

import time
from typing import Any


class Progress:
    """Writes what is done, the rate and the time left, once it takes longer than two seconds."""

    def __init__(self, stream: Any, total: int = 0, done: int = 0, what: str = "rows") -> None:
        """Take where to write, how many there are (0: unknown), were done before, and of what."""
        self.stream, self.total, self.what = stream, total, what
        self._begin, self._before = time.monotonic(), done
        self._next = self._begin + 2

    def tell(self, done: int) -> None:
        """Take how many are done."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1
        rate = (done - self._before) / (now - self._begin)
        text = f"{done:,} {self.what}, {rate:,.0f} a second"
        if self.total and rate:
            left = (self.total - done) / rate
            percent = 100 * done // self.total
            text = f"{percent} %, {done:,} of {self.total:,} {self.what}, {rate:,.0f} a second,"
            text += f" {in_words(left)} left"
        self.stream.write(text)


def in_words(seconds: float) -> str:
    """Return a time like "2 min 5 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
