"""The manifest of an archive: what is in it, how much, and the hashes that prove it."""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

FORMAT = "hubcustomers account archive"
VERSION = 1
NAME = "manifest.json"
# Larger manifests are none.
MAX_BYTES = 1024 * 1024


class UnusableArchive(ValueError):
    """The file cannot be loaded; the message says why."""


@dataclass(frozen=True)
class PartEntry:
    """What is said of one part.

    Attributes:
        table: Its table.
        columns: Those that are written down, in their order.
        rows: How many rows.
        bytes: How long it is, unpacked.
        sha256: Of the unpacked part.
        last_id: The highest id in it.
    """

    table: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str
    last_id: int

    @property
    def file(self) -> str:
        """Return its name in the archive."""
        return f"{self.table}.copy"


@dataclass(frozen=True)
class Manifest:
    """What is said of the whole.

    Attributes:
        account: ``id`` (the number), ``public_id``, ``name``.
        made_at: When, as of that moment.
        schema: The last migration of each app, which says what hub made it.
        parts: In the order of loading.
        key: Tells which HUB_ENCRYPTION_KEY the secrets are encrypted with.
        format: What kind of file it is.
        version: Of the format.
    """

    account: dict[str, Any]
    made_at: str
    schema: dict[str, str]
    parts: list[PartEntry]
    key: str
    format: str = FORMAT
    version: int = VERSION

    @property
    def content(self) -> str:
        """Return the hash of what is in it: the same for the same rows, whenever dumped."""
        lines = [f"{part.table} {part.rows} {part.sha256}\n" for part in self.parts]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def as_bytes(self) -> bytes:
        """Return the manifest as it is written, sealed."""
        told = asdict(self)
        told["content_sha256"] = self.content
        told["seal"] = _seal(told, settings.ENCRYPTION_KEY)
        return json.dumps(told, indent=1, ensure_ascii=False).encode()

    @classmethod
    def read(cls, text: bytes, *, key: str) -> "Manifest":
        """Return the manifest of an archive.

        Args:
            text: As it is in the archive.
            key: The HUB_ENCRYPTION_KEY of the hub that made it, as far as it is known.

        Raises:
            UnusableArchive: It is none, of another version, or not as it was written.
        """
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise UnusableArchive("This is not an archive of an account.")
            if told["version"] != VERSION:
                raise UnusableArchive(
                    f"The archive is of version {told['version']}, this hub reads version"
                    f" {VERSION}."
                )
            seal = told.pop("seal")
            if told["key"] == key_print(key) and not hmac.compare_digest(seal, _seal(told, key)):
                raise UnusableArchive("The archive was changed after it was written.")
            content = told.pop("content_sha256")
            parts = [PartEntry(**part) for part in told.pop("parts")]
            manifest = cls(**told, parts=parts)
            _check_types(manifest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, UnusableArchive):
                raise
            raise UnusableArchive("The archive's manifest is damaged.") from error
        if manifest.content != content:
            raise UnusableArchive("The archive was changed after it was written.")
        return manifest


def _check_types(manifest: Manifest) -> None:
    numbers = [manifest.account["id"], *(part.rows for part in manifest.parts)]
    numbers += [number for part in manifest.parts for number in (part.bytes, part.last_id)]
    texts = [manifest.account["name"], manifest.account["public_id"], manifest.key]
    texts += [text for pair in manifest.schema.items() for text in pair]
    texts += [text for part in manifest.parts for text in (part.table, part.sha256, *part.columns)]
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError("numbers")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("texts")


def _seal(told: dict[str, Any], key: str) -> str:
    """Return what only a hub with the key can write below these words."""
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=False).encode()
    content = hashlib.sha256(canonical).hexdigest()
    return _mac(key, f"seal:{content}")


def key_print(key: str) -> str:
    """Return what tells this key from any other, and gives nothing of it away."""
    return _mac(key, "print")[:16]


def _mac(key: str, text: str) -> str:
    secret = f"hubcustomers.archive:{key}".encode()
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


# --- which hub made it ------------------------------------------------------------------


def schema_now(labels: set[str]) -> dict[str, str]:
    """Return the last migration of each app, as this database has it."""
    applied = MigrationLoader(connection).applied_migrations
    return {
        label: max(name for app, name in applied if app == label)
        for label in sorted(labels)
        if any(app == label for app, _ in applied)
    }


def check_schema(manifest: Manifest) -> None:
    """Refuse what a newer hub has made.

    Raises:
        UnusableArchive: It knows a migration that this hub does not.
    """
    known = MigrationLoader(None).disk_migrations
    for label, name in manifest.schema.items():
        if (label, name) not in known:
            raise UnusableArchive(
                f"A newer hub made the archive: this one does not know {label} {name}."
                " Upgrade it first."
            )
