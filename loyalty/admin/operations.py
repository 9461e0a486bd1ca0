"""The back-office of operations, which nobody changes."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from customers.admin.lists import place_of
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.display import column, link, local, short
from hubcustomers.backoffice.filters import AccountFilter, RelatedFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.public_ids import loyalty_card_ids, loyalty_operation_ids
from loyalty.models import LoyaltyOperation


class CardFilter(RelatedFilter):
    """Operations of one card; the card's page leads here."""

    title = "card"
    parameter_name = "card"
    field = "card"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the chosen card alone: there are too many to choose from."""
        chosen = self.related_admin.get_choice(request, self.value()) if self.value() else None
        return [] if chosen is None else [(str(chosen.pk), str(chosen))]

    def has_output(self) -> bool:
        """Return whether a card has been chosen."""
        return self.value() is not None


@admin.register(LoyaltyOperation)
class LoyaltyOperationAdmin(ScopedModelAdmin):
    """Operations: nobody changes them; a mistake is voided by an opposite one."""

    role_may = {Role.MANAGER: VIEW, Role.SUPPORT: VIEW, Role.PRIVACY: VIEW}
    superuser_may = VIEW
    public_ids = loyalty_operation_ids
    search_fields = ("card",)
    search_help_text = "Operation id or card id"
    list_display = ("public_id", "created", "points", "balance", "cause", "of_card", "account")
    list_display_links = ("public_id",)
    list_filter = (AccountFilter, CardFilter)
    list_select_related = ("card__customer_list__location", "account")
    fields = (("public_id", "created", "of_card"), ("points", "balance"), "reason")

    @column("id")
    def public_id(self, obj: LoyaltyOperation) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column("time")
    def created(self, obj: LoyaltyOperation) -> str:
        """Return when it was posted, on the clocks of its place."""
        return local(obj.created_at, place_of(obj.card.customer_list))

    @column("points")
    def points(self, obj: LoyaltyOperation) -> str:
        """Return the points that it moved."""
        return plain_decimal(obj.delta)

    @column("new balance")
    def balance(self, obj: LoyaltyOperation) -> str:
        """Return the card's balance after it."""
        return plain_decimal(obj.new_balance)

    @column("reason")
    def cause(self, obj: LoyaltyOperation) -> str:
        """Return the reason, cut where it is very long."""
        return short(obj.reason or "-")

    @column("card")
    def of_card(self, obj: LoyaltyOperation) -> str:
        """Return a link to the card."""
        return link(obj.card, str(obj.card))

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the operation's id or its card's."""
        number = loyalty_operation_ids.decode(term.lower()) or 0
        return Q(pk=number) | Q(card_id=loyalty_card_ids.decode(term.lower()) or 0)
