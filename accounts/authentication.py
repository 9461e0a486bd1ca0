"""Who calls: the connection behind ``X-Access-Token`` (companion, section 3)."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from accounts.models import Connection
from accounts.tokens import TokenRefused, find_connection


class TokenAuthentication(BaseAuthentication):
    """Finds the connection; ``request.auth`` holds it."""

    def authenticate(self, request: Request) -> tuple[None, Connection]:
        """Return no user and the connection.

        Raises:
            NotAuthenticated: The header is missing.
            AuthenticationFailed: The token gives no access; the message says why.
        """
        token = request.META.get("HTTP_X_ACCESS_TOKEN", "")
        if not token:
            raise NotAuthenticated("The X-Access-Token header is missing.")
        try:
            return None, find_connection(token)
        except TokenRefused as error:
            raise AuthenticationFailed(str(error)) from error
