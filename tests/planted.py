"""Whether any line that the suite has logged names a person or shows a secret.

Every test works with people and tokens of its own. What they are is noted where it comes in
(``HubClient``, factories, ``secrets``); what is logged meanwhile is kept as it would have been
written, and searched at the end of the session.
"""

import json
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models.signals import post_save

from customers.models import Customer
from hubcustomers.observing import requests
from hubcustomers.observing.logs import JsonFormatter

# What the factories call everybody.
NAMES = {"Jimmy", "Watson"}
_PERSONAL = {
    "address_1",
    "address_2",
    "company_name",
    "delivery_notes",
    "email",
    "first_name",
    "last_name",
    "phone",
    "phone_access_code",
    "private_ref",
    "seller_notes",
    "customer_notes",
}
_SECRET = re.compile(r"[A-Za-z0-9_-]{24,}")


def _tells(value: str) -> bool:
    """Tell whether a value is somebody's for sure, and no word that a log may well have."""
    told = value.strip(" @")
    return len(told) >= 8 and ("@" in told or " " in told or sum(map(str.isdigit, told)) >= 8)


class Watch(logging.Handler):
    """Keeps what is logged, and what must not be in it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.formatter = JsonFormatter()
        self.lines: set[str] = set()
        self.people: set[str] = set(NAMES)
        self.secrets: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = json.loads(self.format(record))
        # What differs in each line and is ours goes, so that a set is enough.
        for name in ("time", "ms"):
            line.pop(name, None)
        if str(line.get("request_id", "")).startswith(requests._own):
            del line["request_id"]
        self.lines.add(json.dumps(line, ensure_ascii=False))

    def note(self, data: Any) -> None:
        """Note what a request or a row tells of a person."""
        if isinstance(data, dict):
            for name, value in data.items():
                if name in _PERSONAL and isinstance(value, str) and _tells(value):
                    self.people.add(value)
                else:
                    self.note(value)
        elif isinstance(data, list):
            for value in data:
                self.note(value)

    def leaks(self) -> list[str]:
        """Return the lines that tell too much."""
        text = "\n".join(self.lines)
        shown = {word for word in _SECRET.findall(text) if word in self.secrets}
        shown |= {value for value in self.people if value in text}
        return sorted(line for line in self.lines if any(value in line for value in shown))


watch = Watch()


@contextmanager
def watched_logs() -> Iterator[Watch]:
    """Watch what is logged in the block, and who and what is in play."""

    def note_customer(instance: Customer, **kwargs: Any) -> None:
        watch.note(vars(instance))

    def noting(make: Any) -> Any:
        def made(*args: Any) -> str:
            secret = make(*args)
            watch.secrets.add(secret)
            return secret

        return made

    root = logging.getLogger()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("token_hex", "token_urlsafe"):
            patch.setattr(secrets, name, noting(getattr(secrets, name)))
        post_save.connect(note_customer, sender=Customer)
        root.addHandler(watch)
        try:
            yield watch
        finally:
            root.removeHandler(watch)
            post_save.disconnect(note_customer, sender=Customer)
