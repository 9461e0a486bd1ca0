"""Restoring a backup, and proving that the copy is what was backed up.

The same steps restore into a scratch database for the drill and into an empty one for real:
checksum, pg_restore, the numbers of the manifest, the ledger, the keys, the erasures.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from care import postgres
from care.backups import REGISTER
from care.contents import count_everything, differences
from care.manifests import Backup, checksum
from care.postgres import Address
from hubcustomers.encryption import decrypt
from hubcustomers.observing.readiness import known_migrations

# Any number, the same everywhere: one drill at a time of one database.
_LOCK = 7_236_452
_PROVEN, _BROKEN = 0, 1
# The comment of a database while a backup is restored into it.
_UNFINISHED = "hubcustomers: a restore is under way"


class CannotRestore(Exception):
    """The backup was not restored; the message says why."""


@dataclass
class Outcome:
    """What became of a restored copy.

    Attributes:
        faults: A sentence for each thing that is not as it was.
        facts: What was seen, by name.
    """

    faults: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def scratch_database(server: Address) -> Iterator[Address]:
    """Give a new database on the server, and drop it whatever happens.

    Raises:
        CannotRestore: Another drill is under way there.
    """
    with server.connect() as maintenance:
        # Of the hub whose database this is; another hub on that server has others.
        prefix = f"{maintenance.info.dbname[:40]}_drill_"
        name = prefix + secrets.token_hex(6)
        if not maintenance.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()[0]:  # type: ignore[index]
            raise CannotRestore("Another drill is under way.")
        left = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        # Of drills that were killed: nobody is at one now.
        for (old,) in maintenance.execute(left, [prefix]).fetchall():
            maintenance.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
        maintenance.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield server.named(name)
        finally:
            maintenance.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def is_empty(address: Address) -> bool:
    """Return whether the database has no table."""
    with address.connect() as opened:
        row = opened.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind IN ('r', 'p')"
        ).fetchone()
    return row is not None and row[0] == 0


def was_interrupted(address: Address) -> bool:
    """Return whether a restore into the database was begun and never ended."""
    with address.connect() as opened:
        row = opened.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    return row is not None and row[0] == _UNFINISHED


def _mark(address: Address, note: str | None) -> None:
    # Who does not own the database restores without a note.
    with suppress(psycopg.errors.InsufficientPrivilege), address.connect() as opened:
        name = sql.Identifier(opened.info.dbname)
        opened.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(note)))


def check_file(backup: Backup) -> dict[str, Any]:
    """Return the manifest of an undamaged backup.

    Raises:
        CannotRestore: It is damaged, or has no manifest.
    """
    try:
        manifest = backup.manifest()
        found = checksum(backup.dump)
    except (OSError, ValueError) as error:
        raise CannotRestore(f"{backup.dump} cannot be read as a backup: {error}") from error
    if found != manifest["sha256"]:
        raise CannotRestore(
            f"{backup.dump} is damaged: its checksum is not the one of its manifest."
        )
    return manifest


def restore(backup: Backup, address: Address, tell: Callable[[str], None]) -> Outcome:
    """Restore into an empty database and prove the copy.

    Args:
        backup: What to restore.
        address: The empty database.
        tell: Called with what is done next.

    Raises:
        CannotRestore: The file is damaged, or pg_restore failed.
        NoProgram: There is no pg_restore that fits.
    """
    tell("comparing the checksum")
    manifest = check_file(backup)
    program = postgres.find_program("pg_restore", server=address.major())
    _mark(address, _UNFINISHED)
    for section in ("pre-data", "data", "post-data"):
        tell(f"restoring {section} of {manifest['bytes']:,} bytes")
        _restore_section(program, section, backup, address)
    _mark(address, None)
    outcome = Outcome(facts={"backup": backup.dump.name, "taken_at": manifest["taken_at"]})
    tell("counting rows")
    with address.connect() as opened, opened.cursor() as cursor:
        found = count_everything(cursor)
        sealed = cursor.execute("SELECT sealed_secret FROM accounts_client").fetchall()
    outcome.faults += differences(manifest, found)
    outcome.facts |= {"rows": sum(found["tables"].values()), "ledger": found["ledger"]}
    _try_keys(backup, [secret for (secret,) in sealed], outcome)
    _migrate(set(manifest["migrations"]), address, outcome, tell)
    tell("checking the ledger")
    _check_ledger(address, outcome)
    tell("applying erasures again")
    _reapply(backup, address, outcome)
    return outcome


def _restore_section(program: Path, section: str, backup: Backup, address: Address) -> None:
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--no-password", "--jobs=2"]
    words = [*options, f"--section={section}", f"--dbname={address.text}", str(backup.dump)]
    try:
        postgres.run(program, *words, address=address)
    except postgres.ProgramFailed as error:
        raise CannotRestore(f"pg_restore failed: {error}") from error
    if section == "data":
        # Foreign keys come next: without statistics PostgreSQL checks the 50,000 customers of
        # one account row by row along an index that begins with the account, for minutes.
        with address.connect() as opened:
            opened.execute("ANALYZE")


def _try_keys(backup: Backup, sealed: list[str], outcome: Outcome) -> None:
    """See whether the keys beside the backup, or else ours, open what is in it."""
    path = backup.dump.with_suffix(".keys")
    key = settings.ENCRYPTION_KEY
    if path.exists():
        key = json.loads(path.read_text())["HUB_ENCRYPTION_KEY"]
    closed = sum(not _opens(secret, key) for secret in sealed)
    outcome.facts["client_secrets"] = len(sealed)
    if closed:
        outcome.faults.append(f"The key opens {closed} of {len(sealed)} client secrets not.")


def _opens(sealed: str, key: str) -> bool:
    try:
        decrypt(sealed, key=key)
    except ValueError:
        return False
    return True


def _migrate(
    applied: set[str], address: Address, outcome: Outcome, tell: Callable[[str], None]
) -> None:
    """Bring the copy of an older version to this one."""
    ours = {name.partition(".")[0] for name in known_migrations()}
    if newer := [name for name in applied - known_migrations() if name.partition(".")[0] in ours]:
        outcome.faults.append(f"The backup is of a newer version, with {', '.join(sorted(newer))}.")
    if missing := known_migrations() - applied:
        tell(f"applying {len(missing)} migrations")
        status, told = _manage(address, "migrate", "--verbosity", "0")
        outcome.facts["migrated"] = len(missing)
        if status:
            outcome.faults.append(f"The copy could not be migrated: {told.get('message')}")


def _check_ledger(address: Address, outcome: Outcome) -> None:
    status, report = _manage(address, "check_ledger", "--json")
    outcome.facts["check_ledger"] = report.get("status", "unknown")
    if status != _PROVEN:
        kinds = report.get("kinds") or report.get("message") or "it could not check"
        outcome.faults.append(f"check_ledger: {kinds}.")


def _reapply(backup: Backup, address: Address, outcome: Outcome) -> None:
    register = backup.dump.parent / REGISTER
    if not register.exists():
        outcome.faults.append(f"There is no {REGISTER} beside the backup: who was erased since?")
        return
    status, report = _manage(address, "reapply_erasures", str(register), "--json")
    outcome.facts["erased_again"] = report.get("applied")
    if status:
        outcome.faults.append(f"reapply_erasures could not apply {register}.")


def _manage(address: Address, *words: str) -> tuple[int, dict[str, Any]]:
    """Run a command of the hub on the copy; return its status and its report."""
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words],
        env={
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"},
            "DATABASE_URL": address.secret_text,
            "DJANGO_SETTINGS_MODULE": "hubcustomers.settings",
            # Only what is said on the standard output is read.
            "LOG_LEVEL": "error",
            "SECRET_KEY": settings.SECRET_KEY,
            "HUB_ENCRYPTION_KEY": settings.ENCRYPTION_KEY,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        report = {"message": ended.stderr.strip()[-500:]}
    return ended.returncode, report
