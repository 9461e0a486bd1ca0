"""What a token may call: its access level and its scope (companion, section 3)."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hubcustomers.exceptions import AccessRefused


class ScopePermission(BasePermission):
    """Holds a call against the token's access level and scope.

    A view says what it needs: ``resource`` is a resource of the scope, None where any
    token will do; ``account_only`` or ``location_only`` name the level of a short URL.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True.

        Raises:
            AccessRefused: The level or the scope does not allow this call.
        """
        connection: Any = request.auth
        if view.account_only and connection.location_id is not None:
            raise AccessRefused("This needs a token of the whole account.")
        if view.location_only and connection.location_id is None:
            raise AccessRefused("This needs a token of one location.")
        write = not view.is_read
        if view.resource is not None and not connection.may(view.resource, write=write):
            needed = f"{view.resource}.{'write' if write else 'read'}"
            raise AccessRefused(f"The token's scope does not include {needed}.")
        return True
