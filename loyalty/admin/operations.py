"""The back-office of operations, which nobody changes."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, column, link, local, short
from hubcustomers.backoffice.filters import AccountFilter, RelatedFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.public_ids import loyalty_card_ids, loyalty_operation_ids
from loyalty import ledger
from loyalty.admin.forms import VoidForm
from loyalty.admin.tables import void_of
from loyalty.models import LoyaltyCard, LoyaltyOperation


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

    role_may = {
        # Who adds and removes points also takes one of these back.
        Role.MANAGER: VIEW | {"void"},
        Role.SUPPORT: VIEW | {"void"},
        Role.PRIVACY: VIEW,
    }
    superuser_may = VIEW
    public_ids = loyalty_operation_ids
    search_fields = ("card",)
    search_help_text = gettext_lazy("Operation id or card id")
    list_display = (
        "public_id",
        "created",
        "points",
        "balance",
        "cause",
        "void_link",
        "of_card",
        "account",
    )
    list_display_links = ("public_id",)
    list_filter = (AccountFilter, CardFilter)
    list_select_related = ("card__customer_list__location", "account")
    fields = (("public_id", "created", "of_card"), ("points", "balance", "void_link"), "reason")
    actions_detail = ("void",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows in reach, with what voids them."""
        rows: Any = super().get_queryset(request)
        return rows.with_voids()

    @column(gettext_lazy("id"))
    def public_id(self, obj: LoyaltyOperation) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column(gettext_lazy("time"))
    def created(self, obj: LoyaltyOperation) -> str:
        """Return when it was posted, on the clocks of its place."""
        return local(obj.created_at, place_of(obj.card.customer_list))

    @column(gettext_lazy("points"))
    def points(self, obj: LoyaltyOperation) -> str:
        """Return the points that it moved."""
        return plain_decimal(obj.delta)

    @column(gettext_lazy("new balance"))
    def balance(self, obj: LoyaltyOperation) -> str:
        """Return the card's balance after it."""
        return plain_decimal(obj.new_balance)

    @column(gettext_lazy("reason"))
    def cause(self, obj: LoyaltyOperation) -> str:
        """Return the reason, cut where it is very long."""
        return short(obj.reason or "-")

    @column(gettext_lazy("voided"))
    def void_link(self, obj: LoyaltyOperation) -> str | SafeString:
        """Return a link to the operation that voids it, or that it voids."""
        return void_of(obj)

    @column(gettext_lazy("card"))
    def of_card(self, obj: LoyaltyOperation) -> str:
        """Return a link to the card."""
        # A card that was joined into another has no page of its own any more.
        return link(obj.card.joined_into or obj.card, str(obj.card))

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the operation's id or its card's."""
        number = loyalty_operation_ids.decode(term.lower()) or 0
        return Q(pk=number) | Q(card_id=loyalty_card_ids.decode(term.lower()) or 0)

    # --- voiding ------------------------------------------------------------------------

    def has_void_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may void an operation."""
        return self.may(request, "void", obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons; what is voided or voids another one has none."""
        obj = self.get_object(request, str(object_id))
        if obj is None or fault_of_voiding(obj):
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    @button(gettext_lazy("Void"), icon="undo", permission="void", danger=True)
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Post the opposite of the operation, once, and link the two."""
        obj = pages.find(self, request, object_id)
        initial = _("Cancelled: %s") % obj.reason if obj.reason else _("Cancelled")
        form = VoidForm(request.POST or None, initial={"reason": initial[:1000]})
        if request.method == "POST" and form.is_valid():
            if self._void(request, obj, form):
                self.message_user(request, _("The operation is voided."), messages.SUCCESS)
                return HttpResponseRedirect(change_url(obj))
            obj = pages.find(self, request, object_id)
        zone = place_of(obj.card.customer_list)
        facts = {
            _("Time"): local(obj.created_at, zone),
            _("Points"): plain_decimal(obj.delta),
            _("Reason"): obj.reason or "-",
            _("Card"): str(obj.card),
            _("Balance now"): plain_decimal(obj.card.balance),
            _("Balance afterwards"): plain_decimal(obj.card.balance - obj.delta),
        }
        return pages.page(
            self,
            request,
            obj,
            "admin/hub/void.html",
            title=_("Void this operation"),
            form=form,
            facts=facts,
            fault=fault_of_voiding(obj),
        )

    def _void(self, request: HttpRequest, obj: LoyaltyOperation, form: VoidForm) -> bool:
        card = obj.card
        cards = LoyaltyCard.objects.for_account(card.account_id).filter(pk=card.pk)
        place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
        try:
            with transaction.atomic():
                # Whoever voids it at the same moment waits here, and reads then who was first.
                list(cards.select_for_update(no_key=True).values("pk"))
                _refuse_second(pages.find(self, request, str(obj.pk)))
                ledger.post_operation(
                    place,
                    # copy_negate, because a plain minus rounds to the context's digits.
                    delta=obj.delta.copy_negate(),
                    reason=form.cleaned_data["reason"],
                    voids=obj.pk,
                )
                self.audit(request, obj, "voided")
        except REFUSALS as error:
            form.refuse(faults_in(error))
            return False
        return True


def fault_of_voiding(operation: Any) -> str:
    """Return why the operation, read ``with_voids``, cannot be voided; "" where it can."""
    if operation.card.joined_into_id is not None:
        return _("Its card was joined into another one. Post the opposite there instead.")
    if operation.voids_id is not None:
        return _("It voids another operation itself. Post the points again instead.")
    if operation.voided_by_id is not None:
        return _("It has been voided already.")
    return ""


def _refuse_second(operation: Any) -> None:
    fault = fault_of_voiding(operation)
    if fault:
        raise ValidationError(fault)
