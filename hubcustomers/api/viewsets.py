"""The base of every viewset of the API."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.conf import settings
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from hubcustomers.api import throttling
from hubcustomers.api.errors import error_for, sqlstate
from hubcustomers.api.parsing import BodyTooLarge
from hubcustomers.exceptions import InvalidField

_READS = {"GET", "HEAD"}
_TRIES = 3
_NONE: Mapping[str, Any] = MappingProxyType({})


class HubViewSet(GenericViewSet[Any]):
    """Authentication, one transaction around each write, and the error envelope.

    A write that PostgreSQL undoes because it met another one (a deadlock, a failed
    serialisation) is tried again, three times in all.
    """

    # What ScopePermission holds a call against.
    resource: str | None = None
    account_only = False
    location_only = False

    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the answer to the request; no failure leaves here as an exception."""
        self.args, self.kwargs, self.format_kwarg = args, kwargs, None
        self.is_read = request.method in _READS
        try:
            self.request = self.initialize_request(request, *args, **kwargs)
            self._refuse_large_body(request)
            self.check_method(request)
            self.perform_authentication(self.request)
            self._count_call()
            self.check_permissions(self.request)
            return self._handle()
        except AuthenticationFailed as error:
            return error_for(throttling.count_refusal(request, error))
        except Exception as error:  # noqa: BLE001 - error_for logs what it does not know
            return error_for(error, allowed_methods=self.allowed_methods)

    def _refuse_large_body(self, request: HttpRequest) -> None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.MAX_BODY_BYTES:
            raise BodyTooLarge

    def perform_authentication(self, request: Request) -> None:
        """Find the connection; DRF would look for a user first, and here is none."""
        for authenticator in request.authenticators or ():
            _, request.auth = authenticator.authenticate(request) or (None, None)

    def _count_call(self) -> None:
        connection: Any = self.request.auth
        if connection is not None:
            throttling.count_call(connection.pk)

    def check_method(self, request: HttpRequest) -> None:
        """Refuse a method that the URL does not have, before the token is looked at."""
        if not self.action:
            raise MethodNotAllowed(request.method or "")

    def _handle(self) -> HttpResponse:
        method = (self.request.method or "").lower()
        handler = getattr(self, method)
        if self.is_read:
            response: HttpResponse = handler(self.request, *self.args, **self.kwargs)
            return response
        if method != "delete":
            # Read the body before the transaction: a slow client must hold no lock.
            _ = self.request.data
        for attempt in range(1, _TRIES + 1):
            try:
                return self._write(handler)
            except DatabaseError as error:
                if sqlstate(error) not in {"40001", "40P01"} or attempt == _TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    def _write(self, handler: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = handler(self.request, *self.args, **self.kwargs)
        return response

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Return DRF's request, and note the action that the method asks for."""
        self.action = self.action_map.get((request.method or "").lower(), "")
        return Request(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context={"view": self, "kwargs": kwargs},
        )


class KeptSerializer(Serializer[Any]):
    """A serializer of which one instance is kept and used by all requests.

    Building the fields costs a millisecond, more than the statements of a write. A kept
    instance holds no data: ``read`` takes it and returns what it validated.
    """

    _kept: ClassVar[dict[tuple[type, bool], "KeptSerializer"]] = {}

    @classmethod
    def read(
        cls, data: Any, *, partial: bool = False, named: Mapping[str, Callable[[str], Any]] = _NONE
    ) -> dict[str, Any]:
        """Return the validated fields of the body; unknown ones are left out.

        Args:
            data: The body.
            partial: Whether fields may be missing.
            named: For fields that name another object, what looks for it or raises InvalidField.
                It is asked only beside the faults of other fields, so that all are told at once;
                of a body without faults the caller looks for it.

        Raises:
            ValidationError: Fields break their rules; all of them are named.
        """
        key = (cls, partial)
        serializer = cls._kept.get(key) or cls._kept.setdefault(key, cls(partial=partial))
        try:
            validated: dict[str, Any] = serializer.run_validation(data)
        except ValidationError as error:
            if isinstance(error.detail, dict):
                error.detail |= _faults_of(data, named, beside=error.detail)
            raise
        return validated


def _faults_of(
    data: Any, named: Mapping[str, Callable[[str], Any]], *, beside: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is wrong with the names of other objects in a body that is refused anyway."""
    faults: dict[str, Any] = {}
    for field, find in named.items():
        text = data.get(field)
        if field in beside or not isinstance(text, str):
            continue
        try:
            find(text)
        except InvalidField as error:
            faults[field] = [sentence for _field, sentence in error.errors]
    return faults
