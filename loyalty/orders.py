"""Orders with loyalty operations: points move with the order or not at all (companion, 8)."""

from typing import Any

from django.db import IntegrityError

from hubcustomers.api.errors import constraint_name
from hubcustomers.exceptions import InvalidField
from loyalty import ledger, services
from loyalty.models import LoyaltyCard
from orders.services import PlacedOrder
from orders.viewsets import OrderViewSet


class LoyaltyOrderViewSet(OrderViewSet):
    """Orders whose ``loyalty_operations`` are posted to the customer's cards."""

    def run_operations(
        self, placed: PlacedOrder, operations: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Post the operations to the cards they name, and return them as the order shows them.

        Raises:
            AccessRefused: The token may only read the customer's list.
            InvalidField: An operation cannot be posted; its place is named.
        """
        self.connection.check_list(placed.customer_list_id, write=True)
        cards = self._cards(placed, {operation.get("name") or "" for operation in operations})
        done = []
        for number, operation in enumerate(operations):
            try:
                done.append(self._post(placed, cards, operation))
            except InvalidField as error:
                [(field, message)] = error.errors
                raise InvalidField(f"loyalty_operations[{number}].{field}", message) from error
        return done

    def _cards(self, placed: PlacedOrder, names: set[str]) -> dict[str, LoyaltyCard]:
        # The customer's row is locked, so nobody else makes a card for it meanwhile.
        cards = LoyaltyCard.objects.for_account(self.connection.account_id).filter(
            customer_list_id=placed.customer_list_id,
            customer_id=placed.customer_id,
            name__in=names,
        )
        return {card.name: card for card in cards}

    def _post(
        self, placed: PlacedOrder, cards: dict[str, LoyaltyCard], operation: dict[str, Any]
    ) -> dict[str, Any]:
        name = operation.get("name") or ""
        if name not in cards:
            cards[name] = self._create_card(placed, name, operation.get("ref"))
        card = cards[name]
        place = ledger.CardPlace(
            account_id=card.account_id,
            list_id=placed.customer_list_id,
            card_id=card.pk,
            location_id=self.connection.location_id,
        )
        row = ledger.post_operation(
            place,
            delta=operation["delta"],
            reason=operation.get("reason"),
            order=ledger.OrderPlace(placed.order_id, placed.location_number),
            caused_by=self.connection.client_id,
        )
        return {
            "name": card.name,
            "ref": card.ref,
            "delta": row.delta,
            "reason": row.reason,
            "new_balance": row.new_balance,
        }

    def _create_card(self, placed: PlacedOrder, name: str, ref: str | None) -> LoyaltyCard:
        try:
            return services.create_card(
                account_id=self.connection.account_id,
                list_id=placed.customer_list_id,
                customer_id=placed.customer_id,
                name=name,
                ref=ref,
                caused_by=self.connection.client_id,
            )
        except IntegrityError as error:
            if constraint_name(error) != "loyalty_card_list_name_ref_uniq":
                raise
            raise InvalidField("ref", "has already been taken") from error
