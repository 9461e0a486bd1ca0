"""``/callback`` and its ``/events`` (companion, section 9)."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.viewsets import ConnectedViewSet
from callbacks import reads, services
from callbacks.models import Callback
from callbacks.serializers import (
    CallbackSerializer,
    represent_callback,
    represent_event,
    represent_event_with_states,
)
from hubcustomers.api.pagination import Page
from hubcustomers.api.rendering import json_response
from hubcustomers.exceptions import ObjectNotFound
from hubcustomers.public_ids import event_ids


class CallbackViewSet(ConnectedViewSet):
    """Retrieve, set and remove the callback of the token's own connection."""

    def retrieve(self, request: Request) -> HttpResponse:
        """Return the callback; none looks like one that listens to nothing."""
        own = Callback.objects.for_account(self.connection.account_id)
        found = own.filter(connection=self.connection).values_list("url", "events").first()
        return json_response(represent_callback(*(found or (None, {}))))

    def create(self, request: Request) -> HttpResponse:
        """Set the callback, in the place of one that there is."""
        data = CallbackSerializer.read(request.data)
        callback = services.set_callback(
            self.connection, url=data.get("url"), events=data.get("events") or {}
        )
        return json_response(represent_callback(callback.url, callback.events))

    def destroy(self, request: Request) -> HttpResponse:
        """Remove the callback."""
        services.remove_callback(self.connection)
        return json_response({})


class EventViewSet(ConnectedViewSet):
    """List, retrieve and acknowledge what waits for the token's own connection."""

    @property
    def event_id(self) -> int:
        """Return the number of the event in the URL.

        Raises:
            ObjectNotFound: The id is malformed.
        """
        number = event_ids.decode(self.kwargs["event_id"])
        if number is None:
            raise ObjectNotFound
        return number

    def list(self, request: Request) -> HttpResponse:
        """Return the unacknowledged events without states, oldest first."""
        page = Page.read(request.query_params)
        rows = reads.event_page(self.connection, page=page)
        return page.answer(rows, key=lambda row: row.id, represent=represent_event)

    def retrieve(self, request: Request, event_id: str) -> HttpResponse:
        """Return the event with its states."""
        row = reads.find_event(self.connection, self.event_id)
        if row is None:
            raise ObjectNotFound
        return json_response(represent_event_with_states(row))

    def destroy(self, request: Request, event_id: str) -> HttpResponse:
        """Acknowledge the event."""
        services.acknowledge(self.connection, self.event_id)
        return json_response({})
