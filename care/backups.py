"""Taking a backup: dump, manifest, checksum, keys and the register of erasures.

Rows are counted in the snapshot that pg_dump reads, so the manifest tells exactly what is in
the dump, however busy the tills are.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from care import postgres
from care.contents import count_everything
from care.manifests import Backup, checksum, name_for, whole_backups
from care.postgres import Address
from desk import erasures

# The register of erasures beside the backups: whoever restores an old one needs the latest.
REGISTER = "erasures.jsonl"


def take(folder: Path, *, with_keys: bool, tell: Callable[[int], None]) -> Backup:
    """Back up the hub's database into the folder.

    Args:
        folder: Made where it is missing, for its owner alone.
        with_keys: Write the keys beside the dump.
        tell: Called with how many bytes are written.

    Raises:
        NoProgram: There is no pg_dump that fits.
        ProgramFailed: pg_dump failed; nothing is left of the try.
        OSError: The folder cannot be written.
    """
    address = Address.of_hub()
    program = postgres.find_program("pg_dump", server=address.major())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    begin = time.monotonic()
    taken = datetime.now(UTC).replace(microsecond=0)
    backup = Backup(folder / f"{name_for(taken)}.dump")
    draft = backup.dump.with_suffix(".draft")
    try:
        # Made by us, so that nobody else can read it meanwhile; another's is not ours to remove.
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise FileExistsError(f"{draft} is being written by another backup.") from error
    try:
        contents = _dump(program, address, draft, tell)
        manifest = {
            "taken_at": taken.isoformat(),
            "seconds": round(time.monotonic() - begin, 1),
            "bytes": draft.stat().st_size,
            "sha256": checksum(draft),
            **contents,
        }
        _keep(draft)
        draft.rename(backup.dump)
        _write_beside(backup, manifest, with_keys=with_keys)
    except BaseException:
        draft.unlink(missing_ok=True)
        backup.remove()
        raise
    return backup


def _dump(
    program: Path, address: Address, draft: Path, tell: Callable[[int], None]
) -> dict[str, Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot(), current_setting('server_version')")
        snapshot, version = cursor.fetchone()
        options = ["--format=custom", f"--snapshot={snapshot}", f"--file={draft}"]
        running = postgres.start(
            program, *options, "--no-password", f"--dbname={address.text}", address=address
        )
        try:
            contents = count_everything(cursor)
            cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
            migrations = [name for (name,) in cursor.fetchall()]
            while not running.is_over(seconds=0.5):
                tell(draft.stat().st_size)
            running.finish()
        finally:
            running.stop()
    return {"postgres": version, "migrations": migrations, **contents}


def _write_beside(backup: Backup, manifest: dict[str, Any], *, with_keys: bool) -> None:
    _write(backup.dump.with_suffix(".sha256"), f"{manifest['sha256']}  {backup.dump.name}\n")
    if with_keys:
        keys = {"SECRET_KEY": settings.SECRET_KEY, "HUB_ENCRYPTION_KEY": settings.ENCRYPTION_KEY}
        _write(backup.dump.with_suffix(".keys"), json.dumps(keys, indent=1) + "\n")
    write_register(backup.dump.parent)
    _write(backup.manifest_path, json.dumps(manifest, indent=1) + "\n")


def write_register(folder: Path) -> Path:
    """Write the register of erasures, as it is now, beside the backups."""
    path = folder / REGISTER
    _write(path, "".join(f"{line.rstrip()}\n" for line in erasures.lines()))
    return path


def rotate(folder: Path, keep: int) -> list[Backup]:
    """Remove all but the newest backups of the folder; return what went."""
    gone = whole_backups(folder)[:-keep]
    for backup in gone:
        backup.remove()
    return gone


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _keep(path: Path) -> None:
    """Have the disk keep what is written."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
