"""Access tokens: issued once, kept as hashes, found again within one query."""

import secrets
import time
from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from django.conf import settings
from django.utils import timezone

from accounts.last_used import note_refusal, note_use
from accounts.models import AccessToken, Client, Connection
from hubcustomers.exceptions import AccessRefused, DomainError


class TokenRefused(DomainError):
    """The token gives no access; the message says why."""


def issue_token(connection: Connection) -> str:
    """Return a new token of the connection; nobody can read it again."""
    token = secrets.token_hex(20)
    AccessToken.objects.create(
        account_id=connection.account_id, connection=connection, token_hash=hash_of(token)
    )
    return token


def revoke_tokens(connection: Connection) -> int:
    """Revoke every token of the connection; return how many there were."""
    revoked = AccessToken.objects.for_account(connection.account_id).filter(
        connection=connection, revoked_at=None
    )
    count = revoked.update(revoked_at=timezone.now())
    forget_tokens()
    return count


def revoke_token(token: str, *, client: Client | None = None) -> bool:
    """Revoke one token for good; return False where nobody knows it as one that works.

    Raises:
        AccessRefused: It is another client's than the one that asks.
    """
    row = AccessToken.objects.filter(token_hash=hash_of(token)).select_related("connection").first()
    if row is None:
        return False
    if client is not None and row.connection.client_id != client.pk:
        raise AccessRefused("The token is another client's.")
    return revoke_one(row.connection, row.pk)


def revoke_one(connection: Connection, token_id: int) -> bool:
    """Revoke one of the connection's tokens; return False where it was revoked already."""
    live = AccessToken.objects.for_account(connection.account_id).filter(
        connection=connection, revoked_at=None
    )
    revoked = live.filter(pk=token_id).update(revoked_at=timezone.now())
    forget_tokens()
    return bool(revoked)


def revoke_but_newest(connection: Connection) -> int:
    """Revoke every token of the connection but the newest that works; return how many."""
    live = AccessToken.objects.for_account(connection.account_id).filter(
        connection=connection, revoked_at=None
    )
    newest = live.order_by("-pk").values_list("pk", flat=True).first()
    count = live.exclude(pk=newest).update(revoked_at=timezone.now())
    forget_tokens()
    return count


def working(connection: Connection) -> int:
    """Return how many tokens of the connection are not revoked."""
    own = AccessToken.objects.for_account(connection.account_id)
    return own.filter(connection=connection, revoked_at=None).count()


def set_blocked(connection: Connection, *, blocked: bool) -> None:
    """Block the connection, or let it in again."""
    connection.blocked_at = timezone.now() if blocked else None
    connection.save(update_fields=["blocked_at"])
    forget_tokens()


def find_connection(token: str) -> Connection:
    """Return the token's connection with its client, account and location.

    What was found is remembered for a second in each process, so a revoked or blocked
    token is refused within a second everywhere.

    Raises:
        TokenRefused: Unknown, revoked, or the connection is blocked.
    """
    token_hash = hash_of(token)
    known = _remembered.get(token_hash)
    if known is not None:
        return known
    row = (
        AccessToken.objects.filter(token_hash=token_hash)
        .select_related(
            "connection__client", "connection__account", "connection__location", "account"
        )
        .first()
    )
    if row is None:
        raise TokenRefused("The access token is unknown.")
    if row.revoked_at is not None:
        raise TokenRefused("The access token has been revoked.")
    if row.connection.blocked_at is not None:
        note_refusal(row.connection)
        raise TokenRefused("The connection of this access token is blocked.")
    connection: Connection = row.connection
    _remembered.put(token_hash, connection)
    note_use(connection)
    return connection


def forget_tokens() -> None:
    """Forget what this process remembers, so that a change here counts at once."""
    _remembered.clear()


def hash_of(token: str) -> bytes:
    """Return what is kept of a token or a code.

    Both carry 160 random bits: a plain hash of one cannot be guessed back.
    """
    return sha256(token.encode(errors="replace")).digest()


class _Remembered:
    """The connections found in the last second, at most 10,000."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, tuple[float, Connection]] = OrderedDict()
        self._lock = Lock()

    def get(self, token_hash: bytes) -> Connection | None:
        found = self._found.get(token_hash)
        if found is None or time.monotonic() > found[0]:
            return None
        return found[1]

    def put(self, token_hash: bytes, connection: Connection) -> None:
        with self._lock:
            self._found[token_hash] = (
                time.monotonic() + settings.TOKEN_CACHE_SECONDS,
                connection,
            )
            self._found.move_to_end(token_hash)
            while len(self._found) > 10_000:
                self._found.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


_remembered = _Remembered()
