"""``/loyalty_cards`` of a customer list and their ``/operations`` (spec 3 and 4)."""

from functools import cached_property

from django.http import HttpResponse
from rest_framework.request import Request

from customers.models import Customer
from customers.viewsets import InListViewSet
from hubcustomers.api.pagination import Page
from hubcustomers.api.rendering import json_response
from hubcustomers.exceptions import InvalidField, ObjectNotFound
from hubcustomers.public_ids import customer_ids, loyalty_card_ids, loyalty_operation_ids
from loyalty import ledger, reads, services
from loyalty.filters import LoyaltyCardFilter
from loyalty.serializers import (
    LoyaltyCardSerializer,
    LoyaltyCardUpdateSerializer,
    LoyaltyOperationSerializer,
    represent_card,
    represent_operation,
)


class OnCardViewSet(InListViewSet):
    """A viewset of one card, or of what lies below it."""

    @cached_property
    def card_id(self) -> int:
        """Return the number of the card in the URL.

        Raises:
            ObjectNotFound: The id is malformed.
        """
        number = loyalty_card_ids.decode(self.kwargs["loyalty_card_id"])
        if number is None:
            raise ObjectNotFound
        return number

    def find_card(self) -> reads.CardRow:
        """Return the card in the URL.

        Raises:
            ObjectNotFound: No such card, or out of reach.
        """
        row = reads.find_card(self.connection, self.list_id, self.card_id)
        if row is None:
            raise ObjectNotFound
        return row


class LoyaltyCardViewSet(OnCardViewSet):
    """Retrieve, find, create and update loyalty cards (spec 3)."""

    filterset_class = LoyaltyCardFilter

    def list(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Return the list's cards, oldest first, under the filters given (3.2)."""
        page = Page.read(request.query_params)
        filters = LoyaltyCardFilter.read(request.query_params)
        rows = reads.card_page(self.connection, self.list_id, filters=filters, page=page)
        if not rows:
            # No row has proved that the list exists.
            _ = self.customer_list
        return page.answer(rows, key=lambda row: row.id, represent=represent_card)

    def retrieve(
        self, request: Request, customer_list_id: str, loyalty_card_id: str
    ) -> HttpResponse:
        """Return the card (3.1)."""
        return json_response(represent_card(self.find_card()))

    def create(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Give a customer a card (3.3)."""
        list_id = self.customer_list.id
        data = LoyaltyCardSerializer.read(request.data, named={"customer_id": self._find_owner})
        card = services.create_card(
            account_id=self.connection.account_id,
            list_id=list_id,
            customer_id=customer_ids.decode(data["customer_id"]),
            name=data["name"],
            ref=data.get("ref"),
            caused_by=self.connection.client_id,
        )
        row = reads.CardRow(card.pk, card.customer_id, card.name, card.ref, "0")
        return json_response(represent_card(row))

    def _find_owner(self, public_id: str) -> None:
        rows = Customer.with_merged.for_account(self.connection.account_id)
        number = customer_ids.decode(public_id) or 0
        if not rows.filter(customer_list_id=self.list_id, pk=number).exists():
            raise InvalidField(*services.NO_CUSTOMER)

    def update(self, request: Request, customer_list_id: str, loyalty_card_id: str) -> HttpResponse:
        """Change the card's name or ref (3.4)."""
        list_id = self.customer_list.id
        card = services.update_card(
            account_id=self.connection.account_id,
            list_id=list_id,
            card_id=self.card_id,
            changes=LoyaltyCardUpdateSerializer.read(request.data),
            caused_by=self.connection.client_id,
        )
        row = reads.CardRow(
            card.pk, card.customer_id, card.name, card.ref, format(card.balance, "f")
        )
        return json_response(represent_card(row))


class LoyaltyOperationViewSet(OnCardViewSet):
    """Retrieve, list and create operations; none is ever changed (spec 4)."""

    def list(self, request: Request, customer_list_id: str, loyalty_card_id: str) -> HttpResponse:
        """Return the card's operations, newest first (4.2)."""
        page = Page.read(request.query_params)
        rows = reads.operation_page(self.connection, self.list_id, self.card_id, page=page)
        if not rows:
            # No row has proved that the card exists.
            self.find_card()
        return page.answer(
            rows,
            key=lambda row: row.sequence,
            represent=lambda row: represent_operation(row, self.connection),
        )

    def retrieve(
        self, request: Request, customer_list_id: str, loyalty_card_id: str, operation_id: str
    ) -> HttpResponse:
        """Return the operation (4.1)."""
        number = loyalty_operation_ids.decode(operation_id)
        if number is None:
            raise ObjectNotFound
        row = reads.find_operation(self.connection, self.list_id, self.card_id, number)
        if row is None:
            raise ObjectNotFound
        return json_response(represent_operation(row, self.connection))

    def create(self, request: Request, customer_list_id: str, loyalty_card_id: str) -> HttpResponse:
        """Post an operation to the ledger (4.3)."""
        place = ledger.CardPlace(
            account_id=self.connection.account_id,
            list_id=self.list_id,
            card_id=self.card_id,
            location_id=self.connection.location_id,
        )
        data = LoyaltyOperationSerializer.read(
            request.data,
            named={"order_id": lambda text: text and ledger.find_order(place.account_id, text)},
        )
        order = (
            ledger.find_order(place.account_id, data["order_id"]) if data.get("order_id") else None
        )
        row = ledger.post_operation(
            place,
            delta=data["delta"],
            reason=data.get("reason"),
            order=order,
            caused_by=self.connection.client_id,
        )
        return json_response(represent_operation(row, self.connection))
