"""Which client calls: its id and secret, by HTTP Basic or among the parameters."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, ParseError
from rest_framework.request import Request

from accounts.models import Client
from hubcustomers.api.fields import UNSTORABLE


class Parameters:
    """The parameters of a call: body first (a form or JSON), then the query string."""

    def __init__(self, request: Request) -> None:
        """Take the request, whose body has been read."""
        body: Any = request.data
        self._given: list[Mapping[str, Any]] = [body, request.query_params]

    def text(self, name: str) -> str:
        """Return the parameter, "" where it is missing.

        Raises:
            ParseError: It is no text.
        """
        for given in self._given:
            value = given.get(name)
            if value is not None and not isinstance(value, str):
                raise ParseError(f"The {name} must be a text.")
            if value:
                # Half a character is in nothing that we gave out, and cannot be compared.
                return value.encode(errors="replace").decode()
        return ""


def named_client(request: Request, parameters: Parameters) -> Client | None:
    """Return the client whose credentials came along, None where none did.

    Raises:
        AuthenticationFailed: They are wrong.
    """
    given = _credentials(request, parameters)
    if given is None:
        return None
    client_id, secret = given
    client = None
    if not UNSTORABLE.search(client_id):
        client = Client.objects.filter(client_id=client_id).first()
    if client is None or not constant_time_compare(client.client_secret, secret):
        raise AuthenticationFailed("The client id or the client secret is wrong.")
    return client


def required_client(request: Request, parameters: Parameters) -> Client:
    """Return the client whose credentials came along.

    Raises:
        NotAuthenticated: None did.
        AuthenticationFailed: They are wrong.
    """
    client = named_client(request, parameters)
    if client is None:
        raise NotAuthenticated("The client id and the client secret are missing.")
    return client


def _credentials(request: Request, parameters: Parameters) -> tuple[str, str] | None:
    scheme, _blank, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(value.strip())
    given = (parameters.text("client_id"), parameters.text("client_secret"))
    return given if any(given) else None


def _basic(value: str) -> tuple[str, str]:
    try:
        client_id, _colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise AuthenticationFailed("The Authorization header cannot be read.") from error
    # RFC 6749 has both encoded like a form; ours look the same either way.
    return unquote_plus(client_id), unquote_plus(secret)
