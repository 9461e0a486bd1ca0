"""Idempotency-Key: a till that repeats its call has it done once (design section 5)."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import connection as database

from accounts.models import Connection, IdempotentAnswer
from hubcustomers import exact_json
from hubcustomers.exceptions import InvalidField

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255

# Rivals wait here until the first of them has committed or failed.
_CLAIM = """
INSERT INTO accounts_idempotentanswer (account_id, connection_id, key, fingerprint)
VALUES (%(account)s, %(connection)s, %(key)s, %(fingerprint)s)
ON CONFLICT (account_id, connection_id, key) DO NOTHING
RETURNING id
"""
_FIND = """
SELECT id, fingerprint, status, body, created_at < statement_timestamp() - interval '24 hours'
FROM accounts_idempotentanswer
WHERE account_id = %(account)s AND connection_id = %(connection)s AND key = %(key)s
"""
_FORGET = "DELETE FROM accounts_idempotentanswer WHERE account_id = %s AND id = %s"
_COMPLETE = """
UPDATE accounts_idempotentanswer SET status = %s, body = %s WHERE account_id = %s AND id = %s
"""


class Answer(NamedTuple):
    """The status and the body of an answer."""

    status: int
    body: str


def check_key(key: str) -> None:
    """Refuse a key that cannot be kept.

    Raises:
        InvalidField: It has not 1 to 255 printable ASCII characters.
    """
    if not (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidField(HEADER, "must be 1 to 255 printable ASCII characters")


def fingerprint_of(method: str, path: str, body: bytes) -> bytes:
    """Return what tells one request from another."""
    return sha256(b"\n".join([method.encode(), path.encode(), body])).digest()


class Attempt:
    """One request that carries a key, in the transaction of its effect."""

    def __init__(self, connection: Connection, key: str, fingerprint: bytes) -> None:
        """Take the connection, whose keys are its own, a checked key and the request."""
        self._account_id = connection.account_id
        self._values: dict[str, Any] = {
            "account": connection.account_id,
            "connection": connection.pk,
            "key": key,
            "fingerprint": fingerprint,
        }
        self._row: int | None = None

    def claim(self) -> Answer | None:
        """Take the key, before anything else is done; wait for a rival that has it.

        Returns:
            The answer where the request has been done before; None where it is to be done
            now, and ``complete`` has to be called before the transaction ends.

        Raises:
            InvalidField: The key came with another request.
            OperationalError: The rival takes longer than a lock may (55P03).
        """
        with database.cursor() as cursor:
            while True:
                cursor.execute(_CLAIM, self._values)
                claimed = cursor.fetchone()
                if claimed is not None:
                    self._row = claimed[0]
                    return None
                cursor.execute(_FIND, self._values)
                kept = cursor.fetchone()
                if kept is None:
                    continue  # deleted since the conflict
                row, fingerprint, status, body, is_old = kept
                if not is_old:
                    break
                cursor.execute(_FORGET, [self._account_id, row])
        if bytes(fingerprint) != self._values["fingerprint"]:
            raise InvalidField(HEADER, "came with another request before")
        return Answer(status, body)

    def complete(self, answer: Answer) -> None:
        """Keep the answer for repeats."""
        with database.cursor() as cursor:
            cursor.execute(_COMPLETE, [answer.status, answer.body, self._account_id, self._row])


def erase_answers(account_id: int, public_ids: Sequence[str], fields: Iterable[str]) -> None:
    """Blank fields of objects in every answer kept for repeated requests.

    Args:
        account_id: The account.
        public_ids: The objects' ids; an answer that shows one elsewhere is blanked there too.
        fields: The names to set to null.
    """
    ids, names = set(public_ids), set(fields)
    # Ids are letters and digits, so any of them may stand in a pattern as it is.
    kept = IdempotentAnswer.objects.for_account(account_id).filter(
        body__regex=f'"({"|".join(public_ids)})"'
    )
    for answer in kept:
        data = exact_json.loads(answer.body or "null")
        _blank(data, ids, names)
        # Its day may end meanwhile, so the row need not be there any more.
        kept.filter(pk=answer.pk).update(body=exact_json.dumps(data).decode())


def _blank(data: Any, public_ids: set[str], names: set[str]) -> None:
    if isinstance(data, dict):
        if isinstance(data.get("id"), str) and data["id"] in public_ids:
            data.update((name, None) for name in names & data.keys())
        for value in data.values():
            _blank(value, public_ids, names)
    elif isinstance(data, list):
        for value in data:
            _blank(value, public_ids, names)
