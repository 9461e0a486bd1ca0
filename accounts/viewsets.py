"""``/accounts`` and ``/locations`` (companion, section 3)."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from accounts import idempotency
from accounts.models import Account, Connection, Location
from accounts.representations import represent_account, represent_location
from hubcustomers.api.pagination import Page
from hubcustomers.api.rendering import JSONAnswer, json_response
from hubcustomers.api.viewsets import HubViewSet
from hubcustomers.exceptions import AccessRefused, ObjectNotFound
from hubcustomers.public_ids import account_ids, parse_location_id

# Looked up as it stands in META: the mapping of all headers is made anew for each request.
_KEY = "HTTP_IDEMPOTENCY_KEY"


class ConnectedViewSet(HubViewSet):
    """A viewset that knows the connection behind the token, and what it reaches."""

    @property
    def connection(self) -> Connection:
        """Return the connection behind the token."""
        connection: Any = self.request.auth
        return cast(Connection, connection)

    def _write(self, handler: Any) -> HttpResponse:
        """Do the write; a POST that carries an Idempotency-Key once, however often it comes."""
        key = self.request.META.get(_KEY)
        if self.request.method != "POST" or key is None:
            return super()._write(handler)
        idempotency.check_key(key)
        body: bytes = getattr(self.request, "raw_body", b"")
        fingerprint = idempotency.fingerprint_of("POST", self.request.path_info, body)
        attempt = idempotency.Attempt(self.connection, key, fingerprint)

        def once(*args: Any, **kwargs: Any) -> HttpResponse:
            done = attempt.claim()
            if done is not None:
                return _replayed(done)
            response: HttpResponse = handler(*args, **kwargs)
            attempt.complete(idempotency.Answer(response.status_code, response.content.decode()))
            return response

        return super()._write(once)

    def get_account(self) -> Account:
        """Return the account that the URL means; a short URL means the token's own.

        Raises:
            AccessRefused: The token is one of a location.
            ObjectNotFound: The account is another.
        """
        if self.connection.location_id is not None:
            raise AccessRefused("This needs a token of the whole account.")
        asked = self.kwargs.get("account_id")
        if asked is not None and account_ids.decode(asked) != self.connection.account_id:
            raise ObjectNotFound
        return self.connection.account

    def get_location(self) -> Location:
        """Return the location that the URL means; a short URL means the token's own.

        Raises:
            ObjectNotFound: No such location, or outside what the token reaches.
        """
        own: Location | None = self.connection.location
        if "location_id" not in self.kwargs and own is not None:
            return own
        account, number = parse_location_id(self.kwargs["location_id"]) or (0, 0)
        if account != self.connection.account_id:
            raise ObjectNotFound
        if own is not None:
            if number != own.number:
                raise ObjectNotFound
            return own
        found = Location.objects.for_account(account).filter(number=number).first()
        if found is None:
            raise ObjectNotFound
        return cast(Location, found)


def _replayed(answer: idempotency.Answer) -> HttpResponse:
    return JSONAnswer(
        answer.body.encode(), status=answer.status, headers={"Idempotency-Replayed": "true"}
    )


class AccountViewSet(ConnectedViewSet):
    """Retrieve and list accounts: a token reaches exactly one."""

    def list(self, request: Request) -> HttpResponse:
        """Return the token's account, alone in an array."""
        Page.read(request.query_params)
        return json_response([represent_account(self.connection.account)])

    def retrieve(self, request: Request, account_id: str | None = None) -> HttpResponse:
        """Return the account."""
        return json_response(represent_account(self.get_account()))


class LocationViewSet(ConnectedViewSet):
    """Retrieve and list the locations that a token reaches."""

    def get_queryset(self) -> QuerySet[Any]:
        """Return the token's location, or all of its account."""
        rows = Location.objects.for_account(self.connection.account_id)
        if self.connection.location_id is not None:
            rows = rows.filter(pk=self.connection.location_id)
        return rows.order_by("number")

    def list(self, request: Request) -> HttpResponse:
        """Return the locations by number."""
        page = Page.read(request.query_params)
        rows = self.get_queryset()
        if page.after is not None:
            rows = rows.filter(number__gt=page.after)
        account = self.connection.account
        return page.answer(
            list(rows[: page.limit]),
            key=lambda location: location.number,
            represent=lambda location: represent_location(location, account),
        )

    def retrieve(self, request: Request, location_id: str | None = None) -> HttpResponse:
        """Return the location."""
        return json_response(represent_location(self.get_location(), self.connection.account))
