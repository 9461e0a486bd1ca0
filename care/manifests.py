"""Backups in a folder: the dump, what was in it, its checksum, and the keys beside it.

One backup is four files of one name: ``hub-20261125T021500Z.dump`` (pg_dump's custom
format), ``.json`` (the manifest), ``.sha256`` (for ``sha256sum --check``) and ``.keys``.
The manifest is written last: a backup without one was cut off.
"""

import contextlib
import hashlib
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_NAME = re.compile(r"hub-\d{8}T\d{6}Z")
SUFFIXES = (".dump", ".sha256", ".keys", ".json")


@dataclass(frozen=True)
class Backup:
    """One backup in a folder."""

    dump: Path

    @property
    def manifest_path(self) -> Path:
        """Return where its manifest is."""
        return self.dump.with_suffix(".json")

    @property
    def taken_at(self) -> datetime:
        """Return when it was begun."""
        return datetime.strptime(self.dump.stem, "hub-%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    @property
    def age_seconds(self) -> float:
        """Return how long ago that was."""
        return time.time() - self.taken_at.timestamp()

    def manifest(self) -> dict[str, Any]:
        """Return what was in it.

        Raises:
            OSError: The manifest cannot be read.
            ValueError: It is no manifest.
        """
        found = json.loads(self.manifest_path.read_text())
        if not isinstance(found, dict) or "tables" not in found:
            raise ValueError(f"{self.manifest_path} is no manifest of a backup.")
        return found

    def remove(self) -> None:
        """Delete its files, the manifest first."""
        for suffix in reversed(SUFFIXES):
            self.dump.with_suffix(suffix).unlink(missing_ok=True)


def name_for(moment: datetime) -> str:
    """Return the name of a backup begun at that moment."""
    return moment.astimezone(UTC).strftime("hub-%Y%m%dT%H%M%SZ")


def whole_backups(folder: Path) -> list[Backup]:
    """Return the backups of the folder that were finished, oldest first."""
    found: list[Backup] = []
    with contextlib.suppress(FileNotFoundError):
        for manifest in folder.iterdir():
            dump = manifest.with_suffix(".dump")
            if manifest.suffix == ".json" and _NAME.fullmatch(manifest.stem) and dump.exists():
                found.append(Backup(dump))
    return sorted(found, key=lambda backup: backup.dump.name)


def newest(folder: Path) -> Backup | None:
    """Return the newest of them."""
    return next(reversed(whole_backups(folder)), None)


def checksum(path: Path) -> str:
    """Return the SHA-256 of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
