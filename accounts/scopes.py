"""What a connection may do: ``location[customer_list.write,orders.read]`` (companion, 3)."""

import re
from dataclasses import dataclass
from typing import Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_noop

_SCOPE = re.compile(r"(location|account)\[([^\[\]]*)\]")
_PERMISSION = re.compile(r"([a-z][a-z_]*)\.(read|write)")


UNKNOWN_PERMISSION = gettext_noop("has a permission that is not understood: {permission}")


class ScopeError(ValueError):
    """The text is not a scope; the message says why."""


@dataclass(frozen=True)
class Scope:
    """An access level and the permissions granted at it."""

    level: str
    permissions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the scope written in the text.

        Permissions of resources that the hub does not serve are kept: clients ask for them.

        Raises:
            ScopeError: The text does not read as a scope.
        """
        match = _SCOPE.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ScopeError(
                gettext_noop("must look like location[orders.write,all_customer_lists.write]")
            )
        permissions = [part for part in match[2].split(",") if part]
        for permission in permissions:
            if not _PERMISSION.fullmatch(permission):
                raise ScopeError(UNKNOWN_PERMISSION.format(permission=permission))
        if not permissions:
            raise ScopeError(gettext_noop("must grant at least one permission"))
        return cls(match[1], frozenset(permissions))

    def allows(self, resource: str, *, write: bool) -> bool:
        """Return whether the resource may be read, or written; write implies read."""
        if f"{resource}.write" in self.permissions:
            return True
        return not write and f"{resource}.read" in self.permissions


def validate_scope(text: str) -> None:
    """Refuse text that is not a scope, as a validator of a model field."""
    try:
        Scope.parse(text)
    except ScopeError as error:
        raise ValidationError(str(error)) from error


def written(level: str, *, customers: str = "", one_list: bool = False, orders: str = "") -> str:
    """Return a scope as clients write it, "" where it would allow nothing.

    Args:
        level: ``location`` or ``account``.
        customers: ``read``, ``write`` or "".
        one_list: Only in a chosen list, instead of all.
        orders: ``read``, ``write`` or "".
    """
    lists = "customer_list" if one_list else "all_customer_lists"
    permissions = [
        f"{resource}.{access}"
        for resource, access in ((lists, customers), ("orders", orders))
        if access
    ]
    return f"{level}[{','.join(permissions)}]" if permissions else ""
