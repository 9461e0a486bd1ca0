"""A tripwire for tests: no request may touch an account table without its account."""

import re
from collections.abc import Callable
from typing import Any

from hubcustomers.tenancy.tables import ACCOUNT_TABLES

_TABLE = re.compile(r"\b(" + "|".join(sorted(ACCOUNT_TABLES)) + r")\b")
_ACCOUNT = re.compile(r"account_id\"?\s*=\s*\(?(?:\d+|%s|%\(\w+\)s|\$\d+)")
_INSERT = re.compile(r"\s*INSERT\b", re.IGNORECASE)


class UnscopedStatement(AssertionError):
    """A statement over an account table does not say which account it means."""


def is_scoped(sql: str) -> bool:
    """Return whether the statement leaves account tables alone or names one account."""
    if not _TABLE.search(sql) or _INSERT.match(sql):
        return True
    return bool(_ACCOUNT.search(sql))


def refuse_unscoped(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute the statement unless it is unscoped (an execute wrapper).

    Raises:
        UnscopedStatement: It could not be sent to one shard, or reads across accounts.
    """
    if not is_scoped(sql):
        raise UnscopedStatement(sql)
    return execute(sql, params, many, context)
