"""Whether the hub is well: what is looked at, and what is found (``manage.py check_hub``)."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.db import connection

from accounts.models import Client
from callbacks.measures import overdue_events
from care import manifests, schema
from hubcustomers.checks import MUST_BE_ON
from hubcustomers.encryption import decrypt
from hubcustomers.observing import pulse
from hubcustomers.observing.readiness import known_migrations
from transfer.models import Job, State

FINE, WARNING, BROKEN = "fine", "warning", "broken"
# Checks that ask tables: in vain where the database is away or was not migrated.
NEED_TABLES = {"migrations", "schema", "key", "workers", "outbox"}
LEVELS = (FINE, WARNING, BROKEN)
_OLDEST_POSTGRES = 15
_GIB = 1024**3
_WEAK_KEYS = ("django-insecure", "changeme", "change-me", "secret", "password", "only for")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What, in a word.
        level: ``fine``, ``warning`` or ``broken``.
        text: How it is, in a sentence.
        todo: What to do, in a sentence; '' where nothing is to be done.
    """

    check: str
    level: str
    text: str
    todo: str = ""


# --- the database -------------------------------------------------------------------


def check_database() -> Iterator[Finding]:
    """Look at the server and at the settings that the ledger needs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        major = cursor.fetchone()[0]
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE current_setting(name) = 'off'",
            [list(MUST_BE_ON)],
        )
        off = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT current_setting('session_replication_role')")
        role = cursor.fetchone()[0]
    if major < _OLDEST_POSTGRES:
        text = f"PostgreSQL {major} is older than the hub needs."
        yield Finding("database", BROKEN, text, f"Move to PostgreSQL {_OLDEST_POSTGRES} or later.")
    for name in off:
        text = f"PostgreSQL runs with {name} = off: a power cut takes points that a till was told."
        yield Finding("database", BROKEN, text, f"Set {name} = on and reload PostgreSQL.")
    if role != "origin":
        text = f"session_replication_role is {role}: no trigger of the hub runs."
        todo = "Take the setting from the role, the database or the configuration."
        yield Finding("database", BROKEN, text, todo)
    if major >= _OLDEST_POSTGRES and not off and role == "origin":
        yield Finding("database", FINE, f"PostgreSQL {major} answers and keeps what it is told.")


def check_migrations() -> Iterator[Finding]:
    """Look for steps of an upgrade that were not done."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
        if cursor.fetchone()[0]:
            yield Finding("migrations", BROKEN, "The database is empty.", "Run manage.py migrate.")
            return
        cursor.execute("SELECT app || '.' || name FROM django_migrations")
        applied = {name for (name,) in cursor.fetchall()}
    missing = sorted(known_migrations() - applied)
    ours = {name.partition(".")[0] for name in known_migrations()}
    newer = sorted(name for name in applied - known_migrations() if name.partition(".")[0] in ours)
    if missing:
        text = f"The database was not migrated to this version: {', '.join(missing)}."
        yield Finding("migrations", BROKEN, text, "Run manage.py migrate.")
    if newer:
        text = f"The database is of a newer version, with {', '.join(newer)}."
        todo = "Install the version of the hub that the database was migrated with."
        yield Finding("migrations", WARNING, text, todo)
    if not missing and not newer:
        yield Finding("migrations", FINE, f"All {len(applied)} migrations are applied.")


def check_schema() -> Iterator[Finding]:
    """Look for rules that somebody took out of the database."""
    made = schema.made_by_migrations()
    found = schema.find_differences(made)
    again = "Make it again as migration {} does, then run manage.py check_ledger."
    for thing, by in found.missing.items():
        yield Finding("schema", BROKEN, f"The {thing} is missing.", again.format(by))
    for thing, by in found.changed.items():
        text = f"The {thing} is not as the migrations make it."
        yield Finding("schema", BROKEN, text, again.format(by))
    for thing in found.off:
        todo = f"ALTER TABLE {thing.table} ENABLE TRIGGER ALL, then run manage.py check_ledger."
        yield Finding("schema", BROKEN, f"The {thing} is switched off.", todo)
    for thing in found.invalid:
        word = "VALIDATE CONSTRAINT" if thing.kind == "constraint" else "REINDEX INDEX"
        text = f"The {thing} does not hold for all rows."
        yield Finding("schema", WARNING, text, f"Run {word} {thing.name}.")
    for thing in found.foreign:
        text = f"The {thing} is not the hub's."
        yield Finding("schema", WARNING, text, "Find out who made it, and what it does to writes.")
    rest = (found.missing, found.changed, found.off, found.invalid, found.foreign)
    if not any(rest):
        text = f"All {len(made.by)} tables, triggers, constraints and indexes are in place."
        yield Finding("schema", FINE, text)


def check_settings() -> Iterator[Finding]:
    """Ask Django's own checks and ours."""
    messages = [message for message in run_checks() if not message.is_silenced()]
    for message in messages:
        level = BROKEN if message.level >= ERROR else WARNING
        yield Finding("settings", level, str(message.msg), str(message.hint or ""))
    if settings.DEBUG:
        text = "DEBUG is on: pages of errors show settings, and logs show personal data."
        yield Finding("settings", BROKEN, text, "Unset DEBUG.")
    if settings.CALLBACK_ALLOW_PRIVATE:
        text = "Callbacks may reach this machine and private networks."
        yield Finding("settings", WARNING, text, "Unset HUB_ALLOW_PRIVATE_CALLBACKS.")
    if not messages and not settings.DEBUG and not settings.CALLBACK_ALLOW_PRIVATE:
        yield Finding("settings", FINE, "The settings are in order.")


def check_key() -> Iterator[Finding]:
    """Look at the secret key, and whether it opens what is encrypted with it."""
    key = settings.SECRET_KEY
    if len(key) < 32 or key.lower().startswith(_WEAK_KEYS):
        text = "SECRET_KEY is short or well known: sessions can be forged with it."
        todo = "Set a random one of 50 characters; set HUB_ENCRYPTION_KEY to the old one."
        yield Finding("key", BROKEN, text, todo)
    kept = settings.DATA_DIR / "secret_key"
    if kept.exists() and kept.stat().st_mode & 0o077:
        text = f"Others on this machine can read {kept}."
        yield Finding("key", BROKEN, text, f"Run chmod 600 {kept}, and think about a new key.")
    sealed = Client.objects.order_by("-pk").values_list("sealed_secret", flat=True).first()
    try:
        if sealed:
            decrypt(sealed)
    except ValueError:
        text = "The secrets of clients were encrypted with another key: no event can be signed."
        todo = "Set HUB_ENCRYPTION_KEY to the key of that time; it is beside the backups."
        yield Finding("key", BROKEN, text, todo)
    else:
        yield Finding("key", FINE, "The key opens the secrets of clients.")


# --- what runs ----------------------------------------------------------------------


def check_workers() -> Iterator[Finding]:
    """Look whether somebody sends events and runs jobs."""
    queued = Job.objects.filter(state=State.QUEUED).count()
    late, _ = overdue_events()
    for kind, waiting in zip(pulse.KINDS, (late, queued), strict=True):
        alive = [worker for worker in pulse.workers(kind) if worker.is_alive]
        if alive:
            where = ", ".join(sorted({worker.host for worker in alive}))
            text = f"{len(alive)} running {kind}, on {where}."
            yield Finding("workers", FINE, text)
            continue
        text = f"Nobody runs {kind}" + (f", and {waiting} wait for it." if waiting else ".")
        todo = f"Start manage.py {kind} beside the web server, and see why it ended."
        yield Finding("workers", BROKEN if waiting else WARNING, text, todo)


def check_outbox() -> Iterator[Finding]:
    """Look whether events go out in time."""
    late, seconds = overdue_events()
    if not late:
        yield Finding("outbox", FINE, "No event waits for longer than it should.")
        return
    level = BROKEN if seconds > 3600 else WARNING
    text = f"{late} events should have been sent {round(seconds / 60)} min ago or later."
    todo = "See whether deliver_events runs; more of them may, or raise HUB_CALLBACK_WORKERS."
    yield Finding("outbox", level, text, todo)


# --- the machine --------------------------------------------------------------------


def check_clock() -> Iterator[Finding]:
    """Compare the clocks of the hub and of the database."""
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        theirs = cursor.fetchone()[0]
        after = time.time()
    apart = abs(theirs - (before + after) / 2) - (after - before) / 2
    text = f"The clocks of the hub and of its database are {max(0.0, apart):.1f} s apart."
    todo = "Have both keep time by NTP."
    level = BROKEN if apart > 60 else WARNING if apart > 2 else FINE
    yield Finding("clock", level, text, "" if level == FINE else todo)


def check_disk() -> Iterator[Finding]:
    """Look how much room there is for data."""
    folder = Path(settings.DATA_DIR)
    if not os.access(folder, os.W_OK):
        text = f"{folder} cannot be written."
        yield Finding(
            "disk", WARNING, text, "Give the hub's user that folder, or set HUB_DATA_DIR."
        )
        return
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / _GIB:.1f} GiB are free for {folder}."
    level = FINE
    if usage.free < _GIB // 5:
        level = BROKEN
    elif usage.free < _GIB or usage.free < usage.total // 10:
        level = WARNING
    todo = "Make room: run manage.py prune, move old backups away."
    yield Finding("disk", level, text, "" if level == FINE else todo)


def check_backups(folder: Path) -> Iterator[Finding]:
    """Look how old the newest backup is."""
    todo = "Run script/backup every night (deploy/systemd), or name the folder with --backups."
    newest = manifests.newest(folder)
    if newest is None:
        yield Finding("backups", WARNING, f"There is no backup in {folder}.", todo)
        return
    hours = newest.age_seconds / 3600
    text = f"The newest backup is {hours:.0f} h old: {newest.dump.name}."
    level = FINE if hours <= 26 else WARNING
    yield Finding("backups", level, text, "" if level == FINE else todo)


def all_checks(backups: Path) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
    """Return the checks by name, in the order of the report."""
    return [
        ("database", check_database),
        ("migrations", check_migrations),
        ("schema", check_schema),
        ("settings", check_settings),
        ("key", check_key),
        ("workers", check_workers),
        ("outbox", check_outbox),
        ("clock", check_clock),
        ("disk", check_disk),
        ("backups", lambda: check_backups(backups)),
    ]
