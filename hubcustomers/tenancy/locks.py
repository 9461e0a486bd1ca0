"""Locks that order the writers of one account."""

from django.db import connection


def lock_account(account_id: int) -> None:
    """Let no other holder of this lock in before the transaction ends.

    Rows that refer to the account can still be written meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounts_account WHERE id = %s FOR NO KEY UPDATE", [account_id]
        )
