"""Reading an archive: checked as a whole, then loaded in one transaction or not at all."""

import hashlib
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts.models import Account, Client
from hubcustomers.encryption import decrypt, encrypt
from transfer.archive import manifest
from transfer.archive.dumping import Tell
from transfer.archive.manifest import Manifest, PartEntry, UnusableArchive
from transfer.archive.parts import PARTS, quoted

_PIECE = 256 * 1024
# What a reader of zip files says of one that is not as it was written.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_PARTS = {part.table: part for part in PARTS}
_CLIENTS = "accounts_client"

# Consent without a history that ends with it: somebody wrote past the hub, or into the file.
_UNPROVEN_CONSENT = """
SELECT customer.id FROM customers_customer AS customer
CROSS JOIN LATERAL (VALUES ('sms_marketing', sms_marketing), ('email_marketing', email_marketing))
    AS given (flag, value)
WHERE customer.account_id = %(account)s AND given.value IS DISTINCT FROM coalesce((
    SELECT new_value FROM customers_consentchange AS change
    WHERE change.account_id = %(account)s AND change.customer_id = customer.id
        AND change.flag = given.flag
    ORDER BY change.id DESC LIMIT 1), false)
LIMIT 1
"""
_NAMES_CLIENTS = (
    "accounts_connection",
    "customers_customerprivateref",
    "orders_order",
    "orders_orderprivateref",
)


@dataclass
class Loaded:
    """What was loaded.

    Attributes:
        account: The account.
        told: The archive's manifest.
        new_secrets: Clients whose secret could not be read, each with its new one.
    """

    account: Account
    told: Manifest
    new_secrets: dict[str, str] = field(default_factory=dict)


class Archive:
    """An archive that was opened and checked from beginning to end."""

    def __init__(self, file: zipfile.ZipFile, told: Manifest) -> None:
        """Take the opened file and its manifest."""
        self.file, self.told = file, told

    def pieces(self, entry: PartEntry) -> Iterator[bytes]:
        """Yield a part, unpacked, in pieces.

        Raises:
            UnusableArchive: It is not what the manifest says.
        """
        sha, size, rows = hashlib.sha256(), 0, 0
        try:
            with self.file.open(entry.file) as source:
                while piece := source.read(_PIECE):
                    size += len(piece)
                    rows += piece.count(b"\n")
                    # What goes on for ever is not unpacked for ever.
                    if size > entry.bytes:
                        break
                    sha.update(piece)
                    yield piece
        except _DAMAGE as error:
            raise UnusableArchive(f"The archive is damaged (in {entry.table}).") from error
        if (size, rows, sha.hexdigest()) != (entry.bytes, entry.rows, entry.sha256):
            raise UnusableArchive(
                f"The archive is damaged or was changed: {entry.table} is not what its manifest"
                " says."
            )


@contextmanager
def opened(path: Path, *, key: str, tell: Tell) -> Iterator[Archive]:
    """Give the archive, checked from beginning to end.

    Args:
        path: The file.
        key: The HUB_ENCRYPTION_KEY of the hub that made it, as far as it is known.
        tell: Hears which part is being looked at.

    Raises:
        UnusableArchive: It is damaged, of another version, or of a newer hub.
        OSError: It cannot be read.
    """
    with path.open("rb") as raw:
        try:
            file = zipfile.ZipFile(raw)
        except _DAMAGE as error:
            raise UnusableArchive("The file is no archive, or its end is missing.") from error
        with file:
            archive = Archive(file, _manifest(file, key))
            manifest.check_schema(archive.told)
            _check_parts(file, archive.told)
            for entry in archive.told.parts:
                for _piece in archive.pieces(entry):
                    pass
                tell(entry.table, 0)
            yield archive


def _manifest(file: zipfile.ZipFile, key: str) -> Manifest:
    try:
        info = file.getinfo(manifest.NAME)
        if info.file_size > manifest.MAX_BYTES:
            raise UnusableArchive("This is not an archive of an account.")
        with file.open(info) as source:
            text = source.read(manifest.MAX_BYTES + 1)
    except KeyError as error:
        raise UnusableArchive("This is not an archive of an account.") from error
    except _DAMAGE as error:
        raise UnusableArchive("The archive's manifest is damaged.") from error
    return Manifest.read(text, key=key)


def _check_parts(file: zipfile.ZipFile, told: Manifest) -> None:
    names = sorted(info.filename for info in file.infolist())
    if names != sorted([manifest.NAME, *(entry.file for entry in told.parts)]):
        raise UnusableArchive("The archive has other parts than its manifest says.")
    order = [part.table for part in PARTS]
    tables = [entry.table for entry in told.parts]
    if [table for table in order if table in tables] != tables or not {
        "accounts_account",
        _CLIENTS,
    } <= set(tables):
        raise UnusableArchive("The archive has parts that this hub does not know.")
    for entry in told.parts:
        part = _PARTS[entry.table]
        for column in entry.columns:
            if column not in part.columns:
                raise UnusableArchive(
                    f"The archive has a column that this hub does not know: {entry.table}.{column}."
                )
        for column in part.columns:
            if column not in entry.columns and part.must_be_told(column):
                raise UnusableArchive(
                    f"An older hub made the archive, which does not tell {entry.table}.{column}."
                    " Load it with that hub, upgrade it, and dump the account again."
                )


# --- into the database ------------------------------------------------------------------


def load(archive: Archive, *, key: str, tell: Tell) -> Loaded:
    """Load the account, in one transaction.

    Args:
        archive: As it was opened.
        key: The HUB_ENCRYPTION_KEY of the hub that made it, as far as it is known.
        tell: Hears the table and how many of its bytes are done, as it goes.

    Raises:
        UnusableArchive: Something of it is in this hub already, or the database refuses it.
    """
    account_id = archive.told.account["id"]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL lock_timeout = 0")
            cursor.execute("SET LOCAL DateStyle = 'ISO, YMD'")
            # The archive brings the history of consent: the trigger would begin another one.
            cursor.execute("SET LOCAL hub.loads_archive = 'on'")
            _refuse_known(archive.told)
            kept = set(Client.objects.values_list("pk", flat=True))
            for entry in archive.told.parts:
                _move_sequence(cursor, entry)
                _copy(cursor, archive, entry, tell)
            _check(cursor, account_id, archive)
            new_secrets = _open_secrets(kept, archive, key)
    except (DatabaseError, psycopg.Error) as error:
        sentence = str(error.__cause__ or error).splitlines()[0]
        raise UnusableArchive(f"The database refuses the archive: {sentence}.") from error
    return Loaded(Account.objects.get(pk=account_id), archive.told, new_secrets)


def _tables(archive: Archive) -> set[str]:
    return {entry.table for entry in archive.told.parts}


def _refuse_known(told: Manifest) -> None:
    account = told.account
    known = Account.objects.filter(pk=account["id"]).first()
    if known is not None and known.name == account["name"]:
        raise UnusableArchive(f"This hub has the account {known.name} already.")
    if known is not None:
        raise UnusableArchive(
            f"The account's id {account['public_id']} is taken in this hub, by the account"
            f" {known.name}. Load the archive into a hub of its own."
        )
    if Account.objects.filter(name=account["name"]).exists():
        raise UnusableArchive(f"This hub has another account called {account['name']}.")


def _move_sequence(cursor: Any, entry: PartEntry) -> None:
    """Let the table's next number be behind those of the archive; it never moves back."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [entry.table])
    name = cursor.fetchone()[0]
    # One that was never asked says 1, and has not given it yet.
    cursor.execute(f"SELECT last_value - (NOT is_called)::int FROM {name}")
    if cursor.fetchone()[0] < entry.last_id:
        cursor.execute("SELECT setval(%s::regclass, %s)", [name, entry.last_id])


def _copy(cursor: Any, archive: Archive, entry: PartEntry, tell: Tell) -> None:
    part = _PARTS[entry.table]
    target, prefix, columns = entry.table, b"", list(entry.columns)
    if part.has_account:
        # Rows do not say whose they are, so that none can get into another account.
        prefix = f"{archive.told.account['id']}\t".encode()
        columns.insert(0, "account_id")
    if entry.table == _CLIENTS:
        target = "loaded_client"
        cursor.execute(f"CREATE TEMP TABLE {target} (LIKE {_CLIENTS}) ON COMMIT DROP")
    done, begins_line = 0, True
    with cursor.copy(f"COPY {target} ({quoted(columns)}) FROM STDIN") as copy:
        for piece in archive.pieces(entry):
            lines = piece.replace(b"\n", b"\n" + prefix)
            if begins_line:
                lines = prefix + lines
            begins_line = piece.endswith(b"\n")
            # What would begin behind the last line begins with the next piece.
            copy.write(lines[: len(lines) - len(prefix)] if begins_line else lines)
            done += len(piece)
            tell(entry.table, done)
    if cursor.rowcount != entry.rows:
        raise UnusableArchive(f"The archive is damaged: rows of {entry.table} are missing.")
    if entry.table == _CLIENTS:
        _enter_clients(cursor)


def _enter_clients(cursor: Any) -> None:
    """Enter the clients that this hub does not have; it may know some from another account."""
    cursor.execute(
        f"SELECT mine.name FROM loaded_client AS mine JOIN {_CLIENTS} AS other"
        " ON mine.id = other.id OR mine.name = other.name OR mine.client_id = other.client_id"
        " WHERE (mine.id, mine.name, mine.client_id)"
        " <> (other.id, other.name, other.client_id) LIMIT 1"
    )
    if (row := cursor.fetchone()) is not None:
        raise UnusableArchive(
            f"The client {row[0]} meets another one in this hub, of the same number or name."
            " Load the archive into a hub of its own."
        )
    cursor.execute(
        f"INSERT INTO {_CLIENTS} SELECT * FROM loaded_client"
        f" WHERE id NOT IN (SELECT id FROM {_CLIENTS})"
    )


def _check(cursor: Any, account_id: int, archive: Archive) -> None:
    """Refuse what the keys of the database do not."""
    _check_account(cursor, account_id, archive)
    for table in _NAMES_CLIENTS:
        cursor.execute(
            f"SELECT 1 FROM {table} WHERE account_id = %s AND client_id IS NOT NULL"
            " AND client_id NOT IN (SELECT id FROM loaded_client) LIMIT 1",
            [account_id],
        )
        if cursor.fetchone() is not None:
            raise UnusableArchive(f"Rows of {table} name a client that is not in the archive.")
    cursor.execute(_UNPROVEN_CONSENT, {"account": account_id})
    if cursor.fetchone() is not None:
        raise UnusableArchive("The history of consent does not say what the customers say.")


def _check_account(cursor: Any, account_id: int, archive: Archive) -> None:
    """Refuse another account than the manifest's, and ids that another account has."""
    cursor.execute(
        "SELECT count(*) FROM accounts_account WHERE id = %s AND name = %s",
        [account_id, archive.told.account["name"]],
    )
    if cursor.fetchone()[0] != 1:
        raise UnusableArchive("The archive's account is not the one that its manifest names.")
    for table in sorted(_tables(archive)):
        if not _PARTS[table].has_account:
            continue
        # Ids that clients see are made of these: no two accounts may share one.
        cursor.execute(
            f"SELECT id FROM {table} AS mine WHERE account_id = %s AND EXISTS (SELECT FROM {table}"
            " AS other WHERE other.id = mine.id AND other.account_id <> mine.account_id) LIMIT 1",
            [account_id],
        )
        if cursor.fetchone() is not None:
            raise UnusableArchive(
                f"Ids of the archive are taken in this hub, by rows of {table} of another account."
                " Load it into a hub of its own."
            )


def _open_secrets(kept: set[int], archive: Archive, key: str) -> dict[str, str]:
    """Encrypt the clients' secrets with this hub's key; those it cannot read are made anew."""
    readable = manifest.key_print(key) == archive.told.key
    if readable and key == settings.ENCRYPTION_KEY:
        return {}
    made: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM loaded_client")
        loaded = [number for (number,) in cursor.fetchall() if number not in kept]
    for client in Client.objects.filter(pk__in=loaded):
        if readable:
            secret = decrypt(client.sealed_secret, key=key)
        else:
            secret = made[client.name] = secrets.token_hex(24)
        client.sealed_secret = encrypt(secret)
        client.save(update_fields=["sealed_secret"])
    return made
