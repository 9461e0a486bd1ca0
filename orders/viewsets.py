"""``/orders`` of a location or of the account (companion, section 8)."""

from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Location
from accounts.viewsets import ConnectedViewSet
from hubcustomers.api.pagination import Page
from hubcustomers.api.rendering import json_response
from hubcustomers.exceptions import InvalidField, ObjectNotFound
from hubcustomers.public_ids import order_ids
from orders import reads, services
from orders.filters import OrderFilter
from orders.serializers import OrderSerializer, OrderUpdateSerializer, represent_order


class OrderViewSet(ConnectedViewSet):
    """Place, find, retrieve and update orders.

    Loyalty is an app further up; a subclass there runs the operations of an order.
    """

    resource: str | None = "orders"
    filterset_class = OrderFilter

    @cached_property
    def location(self) -> Location | None:
        """Return the location that the URL means, None for the whole account."""
        if self.kwargs.get("owner") == "account":
            self.get_account()
            return None
        return self.get_location()

    @property
    def location_key(self) -> int | None:
        """Return the location's number in the database, None for the whole account."""
        return None if self.location is None else self.location.pk

    @cached_property
    def order_id(self) -> int:
        """Return the number of the order in the URL.

        Raises:
            ObjectNotFound: The id is malformed.
        """
        number = order_ids.decode(self.kwargs["order_id"])
        if number is None:
            raise ObjectNotFound
        return number

    def run_operations(
        self, placed: services.PlacedOrder, operations: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Run the loyalty operations of an order just placed, and return them as shown.

        Raises:
            InvalidField: Always: nobody here can.
        """
        raise InvalidField("loyalty_operations", "are not served")

    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Return the orders, newest first, under the filters given."""
        place: Any = self.location or self.connection.account
        page = Page.read(request.query_params)
        rows = reads.order_page(
            self.connection.account_id,
            client_id=self.connection.client_id,
            location_id=self.location_key,
            filters=OrderFilter.read_at(request.query_params, ZoneInfo(place.timezone)),
            page=page,
        )
        return page.answer(
            rows,
            key=lambda row: row.id,
            represent=lambda row: represent_order(row, self.connection.account),
        )

    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Return the order."""
        row = reads.find_order(
            self.connection.account_id,
            self.order_id,
            client_id=self.connection.client_id,
            location_id=self.location_key,
        )
        if row is None:
            raise ObjectNotFound
        return self._answer(row)

    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Place an order at the location."""
        location = self.get_location()
        data = OrderSerializer.read_at(
            request.data,
            currency=self.connection.account.currency,
            zone=location.timezone,
        )
        return self._answer(
            services.create_order(
                self.connection, location, data, run_operations=self.run_operations
            )
        )

    def update(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Change the fields that are present in the body and may change."""
        location = self.get_location()
        changes = OrderUpdateSerializer.read_at(
            request.data,
            currency=self.connection.account.currency,
            zone=location.timezone,
            partial=True,
        )
        return self._answer(
            services.update_order(self.connection, self.order_id, changes, location=location)
        )

    def _answer(self, row: reads.OrderRow) -> HttpResponse:
        return json_response(represent_order(row, self.connection.account))
