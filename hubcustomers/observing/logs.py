"""How the hub logs: one line for each record, with the request's id and nobody's data.

Logs travel further than the database does, so what they must not tell is left out here, in
one place: the messages of exceptions, which may quote a value, and the paths of URLs. With
``DEBUG`` everything is shown.
"""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from hubcustomers.embedded_postgres import EmbeddedPostgresError

# What the records of this thread are about: a request, or the work of a worker.
about: ContextVar[str] = ContextVar("about", default="")

# They tell of code, not of data.
_HARMLESS = (AttributeError, ImportError, NameError, TypeError, EmbeddedPostgresError)

# Nobody reads them in our lines, and looking them up costs each record a microsecond.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


@contextmanager
def lines_about(name: str) -> Iterator[None]:
    """Have every line of the block carry this name, as those of a request carry its id."""
    token = about.set(name)
    try:
        yield
    finally:
        about.reset(token)


def plainly(error: BaseException) -> str:
    """Return what an error is without any value that it may quote.

    Of PostgreSQL's errors: state, constraint and first sentence, except where that sentence
    quotes the value at fault (class 22). Never the detail, which shows whole rows.
    """
    name = type(error).__name__
    if isinstance(error, _HARMLESS):
        return f"{name}: {error}"
    cause = error.__cause__ if isinstance(error, DatabaseError | InterfaceError) else error
    state = getattr(cause, "sqlstate", None)
    if state:
        diagnosis = cause.diag  # type: ignore[union-attr]
        sentence = "" if state.startswith("22") else diagnosis.message_primary
        parts = [state, diagnosis.constraint_name or "", sentence or ""]
        return f"{name}: {' '.join(part for part in parts if part)}"
    if isinstance(cause, psycopg.OperationalError):
        # No statement was refused: no connection could be had.
        return f"{name}: {cause}"
    return name


def _traceback(error: BaseException | None) -> str:
    """Return the traceback with each exception told plainly, causes first."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{plainly(error)}")
        hidden = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or hidden
    return "\n\n".join(reversed(parts))


class AccessRecord(logging.LogRecord):
    """The record of one request. Python would look up where it was made, and much more."""

    _COMMON = logging.LogRecord("hubcustomers.access", 0, "", 0, "request", None, None).__dict__

    def __init__(self, level: int, fields: dict[str, Any]) -> None:
        """Take the level, and what the line tells."""
        self.__dict__.update(
            self._COMMON,
            created=time.time(),
            levelno=level,
            levelname=logging.getLevelName(level),
            about=about.get(),
            fields=fields,
        )


@lru_cache(maxsize=4)
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


class _Formatter(logging.Formatter):
    def about(self, record: logging.LogRecord) -> str:
        """Return what the record is about; one that is written later has noted it."""
        noted = getattr(record, "about", None)
        return about.get() if noted is None else noted

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return the traceback, without the values of exceptions."""
        return super().formatException(ei) if settings.DEBUG else _traceback(ei[1])

    def trouble(self, record: logging.LogRecord) -> str:
        """Return the traceback of the record, if it has one that tells anything."""
        # A wrong Host header needs no traceback, and strangers send many.
        if not record.exc_info or record.name == "django.security.DisallowedHost":
            return ""
        return self.formatException(record.exc_info)

    def message(self, record: logging.LogRecord) -> str:
        """Return the message, without the path of Django's own lines about requests."""
        request = getattr(record, "request", None)
        path = getattr(request, "path", None)
        if path is None or settings.DEBUG or not isinstance(record.args, tuple):
            return record.getMessage()
        # Django escapes what it logs.
        paths = {path, path.encode("unicode_escape").decode("ascii")}
        args = tuple("(path)" if arg in paths else arg for arg in record.args)
        return str(record.msg) % args


class JsonFormatter(_Formatter):
    """One JSON object a line; ``LOG_FORMAT=json``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message(record),
        }
        if name := self.about(record):
            line["request_id"] = name
        line.update(getattr(record, "fields", {}))
        if trouble := self.trouble(record):
            line["exception"] = trouble
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode(errors="replace")


class TextFormatter(_Formatter):
    """A line for people; ``LOG_FORMAT=text``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it where there is one."""
        time = _second(int(record.created))
        name = self.about(record)
        mark = f" [{name}]" if name else ""
        fields: dict[str, Any] = getattr(record, "fields", {})
        told = "".join([f" {key}={value}" for key, value in fields.items() if value is not None])
        line = f"{time} {record.levelname} {record.name}{mark}: {self.message(record)}{told}"
        trouble = self.trouble(record)
        return f"{line}\n{trouble}" if trouble else line


FORMATTERS = {"json": JsonFormatter, "text": TextFormatter}


def logging_settings(*, layout: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to standard error, in one layout.

    Args:
        layout: ``json`` or ``text``.
        level: From which level on.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{__name__}.{FORMATTERS[layout].__name__}"}},
        "handlers": {
            "console": {"class": "hubcustomers.observing.stderr.StderrHandler", "formatter": "line"}
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Each 4xx is the client's own business; only our failures are worth a line.
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "INFO"},
            # Receivers of events answer as they like, and each attempt is kept anyway.
            "urllib3": {"level": "ERROR"},
        },
    }
