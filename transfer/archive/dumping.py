"""Writing an archive: every part as of one moment, streamed into one file."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Account
from transfer.archive import manifest
from transfer.archive.manifest import Manifest, PartEntry
from transfer.archive.parts import PARTS, Part
from transfer.exports import one_moment

_PIECE = 256 * 1024

Tell = Callable[[str, int], None]


def dump_account(account: Account, path: Path, *, tell: Tell) -> Manifest:
    """Write the account to the file, which appears when it is whole.

    Args:
        account: What is written.
        path: Where to; readable by its owner alone.
        tell: Hears the table and how many rows are done, as it goes.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f"{path.name}.part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                told = _write(account, archive, tell)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return told


def _write(account: Account, archive: zipfile.ZipFile, tell: Tell) -> Manifest:
    with one_moment(), connection.cursor() as cursor:
        # Written alike by every server, whatever its own clock and manner are.
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        cursor.execute("SET LOCAL DateStyle = 'ISO, YMD'")
        cursor.execute("SET LOCAL IntervalStyle = 'postgres'")
        cursor.execute("SET LOCAL bytea_output = 'hex'")
        cursor.execute("SET LOCAL extra_float_digits = 3")
        cursor.execute("SELECT now()")
        made_at = cursor.fetchone()[0].isoformat()
        parts = [_write_part(part, account.pk, archive, cursor, tell) for part in PARTS]
        told = Manifest(
            account={"id": account.pk, "public_id": account.public_id, "name": account.name},
            made_at=made_at,
            schema=manifest.schema_now({part.model._meta.app_label for part in PARTS}),
            parts=parts,
            key=manifest.key_print(settings.ENCRYPTION_KEY),
        )
    with archive.open(manifest.NAME, "w") as target:
        target.write(told.as_bytes())
    return told


def _write_part(
    part: Part, account_id: int, archive: zipfile.ZipFile, cursor: Any, tell: Tell
) -> PartEntry:
    sha, rows, size, last = hashlib.sha256(), 0, 0, b"0"
    waiting = bytearray()
    with (
        archive.open(f"{part.table}.copy", "w", force_zip64=True) as target,
        cursor.copy(f"COPY ({part.select(account_id)}) TO STDOUT") as copy,
    ):
        for row in copy:
            # One message of the protocol is one row; the first column is the id.
            line = bytes(row)
            rows += 1
            last = line[: line.find(b"\t")] if b"\t" in line else line.strip()
            waiting += line
            if len(waiting) >= _PIECE:
                _flush(waiting, sha, target)
                tell(part.table, rows)
            size += len(line)
        _flush(waiting, sha, target)
    tell(part.table, rows)
    return PartEntry(part.table, part.columns, rows, size, sha.hexdigest(), int(last))


def _flush(waiting: bytearray, sha: Any, target: Any) -> None:
    sha.update(waiting)
    target.write(waiting)
    waiting.clear()
