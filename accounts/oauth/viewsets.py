"""``/oauth2/v1/token`` and ``/oauth2/v1/revoke`` (companion, section 10)."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from accounts import tokens
from accounts.grants import CodeRefused, Granted, redeem_code
from accounts.oauth.credentials import Parameters, named_client, required_client
from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.api.parsing import StrictJSONParser
from hubcustomers.api.rendering import json_response
from hubcustomers.api.viewsets import HubViewSet
from hubcustomers.exceptions import AccessRefused
from hubcustomers.public_ids import user_ids

_LONGEST_DEVICE = 255


class OAuthViewSet(HubViewSet):
    """Called by applications: no access token, but the client's own credentials."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (StrictJSONParser, FormParser, MultiPartParser)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the answer, which nobody on the way may keep."""
        answer = super().dispatch(request, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        if answer.status_code == 401:
            answer.headers["WWW-Authenticate"] = 'Basic realm="hubcustomers"'
        return answer

    def token(self, request: Request) -> HttpResponse:
        """Exchange a code for an access token."""
        given = Parameters(request)
        client = required_client(request, given)
        grant_type = given.text("grant_type")
        # Real clients send none.
        if grant_type not in {"", "authorization_code"}:
            raise ParseError("The grant_type must be authorization_code.")
        if not given.text("code"):
            raise ParseError("The code is missing.")
        device_id = given.text("device_id")
        if len(device_id) > _LONGEST_DEVICE or UNSTORABLE.search(device_id):
            raise ParseError("The device_id cannot be kept: at most 255 characters.")
        try:
            granted = redeem_code(
                client,
                given.text("code"),
                redirect_uri=given.text("redirect_uri"),
                device_id=device_id,
            )
        except CodeRefused as error:
            raise ParseError(str(error)) from error
        return json_response(_represent(granted))

    def revoke(self, request: Request) -> HttpResponse:
        """Revoke a token for good: who holds it may, with or without the client's secret.

        A token that nobody knows is no mistake (RFC 7009): it gives no access either way.
        """
        given = Parameters(request)
        client = named_client(request, given)
        token = given.text("token")
        if not token:
            raise ParseError("The token is missing.")
        try:
            tokens.revoke_token(token, client=client)
        except AccessRefused as error:
            raise ParseError(str(error)) from error
        return json_response({})


def _represent(granted: Granted) -> dict[str, Any]:
    connection = granted.connection
    location = connection.location
    chosen = cast(Any, connection.customer_list)
    return {
        "access_token": granted.token,
        "token_type": "Bearer",
        "scope": connection.scope,
        "account_id": connection.account.public_id,
        "location_id": location and location.public_id,
        "customer_list_id": chosen and chosen.public_id,
        "account_name": connection.account.name,
        "location_name": location and location.name,
        "customer_list_name": chosen and chosen.name,
        "app_instance_id": connection.public_id,
        "user_id": user_ids.encode(granted.user_id),
    }
