"""The back-office of loyalty cards; only the ledger moves points."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, column, link, local, short
from hubcustomers.backoffice.filters import AccountFilter, CustomerListFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin
from hubcustomers.public_ids import customer_ids, loyalty_card_ids
from loyalty import ledger, services
from loyalty.admin import counter
from loyalty.admin.balance import balance_chart
from loyalty.admin.forms import CardForm, NewCardForm, PointsForm
from loyalty.admin.statement import statement
from loyalty.admin.tables import void_of
from loyalty.models import LoyaltyCard, LoyaltyOperation

_LATEST = 20


@admin.register(LoyaltyCard)
class LoyaltyCardAdmin(ScopedModelAdmin):
    """Loyalty cards: named here, moved by the ledger alone."""

    role_may = {
        Role.MANAGER: EDIT | {"post", "export"},
        # Who explains a balance also makes good what went wrong.
        Role.SUPPORT: VIEW | {"post"},
        Role.PRIVACY: VIEW,
    }
    choice_ordering = ("-pk",)
    public_ids = loyalty_card_ids
    # Named for the search box to appear; ``search`` says how each is found.
    search_fields = ("ref",)
    search_help_text = gettext_lazy("Ref, card id or customer id")
    list_display = ("public_id", "card_name", "card_ref", "points", "owner", "list_name", "account")
    list_display_links = ("public_id",)
    list_filter = (AccountFilter, CustomerListFilter)
    list_select_related = ("customer", "customer_list", "account")
    autocomplete_fields = ("customer",)
    actions_detail = ("post", "statement")
    list_before_template = "admin/hub/find_card.html"
    change_form_outer_before_template = "admin/hub/card_points.html"
    change_form_outer_after_template = "admin/hub/card.html"

    # --- what the pages show ------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Return the fields of a new card, or of an old one with its balance."""
        if obj is None:
            return ("customer", "name", "ref")
        return (("points", "owner", "list_name", "public_id", "created"), ("name", "ref"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return everything but name and ref."""
        if obj is None:
            return ()
        return ("points", "owner", "list_name", "public_id", "created")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form of a new card or of an old one."""
        return super().get_form(
            request, obj, change, **{"form": CardForm if change else NewCardForm, **kwargs}
        )

    @column(gettext_lazy("id"))
    def public_id(self, obj: LoyaltyCard) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column(gettext_lazy("name"))
    def card_name(self, obj: LoyaltyCard) -> str:
        """Return the scheme; a card may have none."""
        return short(obj.name) or _("(no name)")

    @column(gettext_lazy("ref"))
    def card_ref(self, obj: LoyaltyCard) -> str:
        """Return what is printed on the card."""
        return short(obj.ref or "-")

    @column(gettext_lazy("balance"))
    def points(self, obj: LoyaltyCard) -> str:
        """Return the balance."""
        return plain_decimal(obj.balance)

    @column(gettext_lazy("customer"))
    def owner(self, obj: LoyaltyCard) -> str:
        """Return a link to the customer."""
        return link(obj.customer, str(obj.customer))

    @column(gettext_lazy("customer list"))
    def list_name(self, obj: LoyaltyCard) -> str:
        """Return the list's name."""
        return short(obj.customer_list.name)

    @column(gettext_lazy("created"))
    def created(self, obj: LoyaltyCard) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, place_of(obj.customer_list))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the card, its balance and latest operations, and the form that posts one more."""
        obj = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if obj is not None:
            context = {"tables": [_operation_table(obj)], "chart": balance_chart(obj)}
            if self.has_post_permission(request, obj):
                form = PointsForm(initial=counter.initial(request, obj))
                context |= {"points_form": form, "points_url": _post_url(obj)}
                context |= counter.focus(request, form)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: a ref of a list in reach, a card's or a customer's id."""
        lists = self.admin_site.get_model_admin(
            LoyaltyCard._meta.get_field("customer_list").related_model
        ).get_queryset(request)
        # From the lists: the index on refs begins with account and list.
        with_ref = lists.order_by().filter(loyalty_cards__ref=term)
        found = set(with_ref.values_list("loyalty_cards__pk", flat=True)[:500])
        found.add(loyalty_card_ids.decode(term.lower()) or 0)
        return Q(pk__in=found) | Q(customer_id=customer_ids.decode(term.lower()) or 0)

    # --- writing ------------------------------------------------------------------------

    def check_reach(self, request: HttpRequest, obj: LoyaltyCard) -> None:
        """Refuse a foreign row; a new one goes to a customer who was a choice in reach."""
        if obj.pk is not None:
            super().check_reach(request, obj)

    def write(self, request: HttpRequest, obj: LoyaltyCard, form: Any, change: bool) -> None:
        """Create the card, or change under lock what the user changed."""
        if change:
            services.update_card(
                account_id=obj.account_id,
                list_id=obj.customer_list_id,
                card_id=obj.pk,
                changes=form.validated,
            )
            return
        customer = form.cleaned_data["customer"]
        made = services.create_card(
            account_id=customer.account_id,
            list_id=customer.customer_list_id,
            customer_id=customer.pk,
            name=form.validated["name"],
            ref=form.validated.get("ref"),
        )
        obj.pk, obj.account_id = made.pk, made.account_id

    @button(gettext_lazy("Add or remove points"), icon="exposure", permission="post")
    def post(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Post an operation to the ledger."""
        obj = pages.find(self, request, object_id)
        form = PointsForm(request.POST or None, initial=counter.initial(request, obj))
        if request.method == "POST" and form.is_valid():
            if self._post(request, obj, form):
                return HttpResponseRedirect(change_url(obj) + counter.after(request, form))
            obj = pages.find(self, request, object_id)
            # What the user confirms by sending the form again is the balance now shown.
            form.data = {**request.POST.dict(), "seen": obj.last_sequence}
        counter.focus_on_fault(form)
        return pages.page(
            self,
            request,
            obj,
            "admin/hub/points.html",
            title=_("Add or remove points"),
            form=form,
            points_url=_post_url(obj),
            back=change_url(obj) + counter.query(form),
            facts=self._facts(obj),
        )

    statement = statement

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses, with the one that finds a card."""
        find = self.admin_site.admin_view(self.find)
        return [path("find/", find, name="loyalty_loyaltycard_find"), *super().get_urls()]

    def find(self, request: HttpRequest) -> HttpResponse:
        """Go to the card of the ref that was scanned or typed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return counter.find_card(self, request)

    def has_post_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may add and remove points."""
        return self.may(request, "post", obj)

    def _facts(self, obj: LoyaltyCard) -> dict[str, str]:
        people = self.admin_site.get_model_admin(type(obj.customer))
        return {
            _("Name"): people.person(obj.customer),
            _("Customer"): self.owner(obj),
            _("Customer list"): self.list_name(obj),
            _("Card"): self.card_name(obj),
            _("Ref"): self.card_ref(obj),
            _("Balance"): self.points(obj),
        }

    def _post(self, request: HttpRequest, obj: LoyaltyCard, form: PointsForm) -> bool:
        cards = LoyaltyCard.objects.for_account(obj.account_id).select_for_update(no_key=True)
        data = form.cleaned_data
        try:
            with transaction.atomic():
                sequence = cards.values_list("last_sequence", flat=True).get(pk=obj.pk)
                if sequence != data["seen"]:
                    # Somebody else, or a second click on the button.
                    form.add_error(
                        None, _("The card changed meanwhile. Look at it and send again.")
                    )
                    return False
                place = ledger.CardPlace(obj.account_id, obj.customer_list_id, obj.pk)
                made = ledger.post_operation(place, delta=data["delta"], reason=data["reason"])
                self.audit(
                    request, LoyaltyOperation(pk=made.id, account_id=obj.account_id), "posted"
                )
                counter.told(self, request, data["delta"], made.new_balance)
        except REFUSALS as error:
            form.refuse(faults_in(error))
            return False
        return True


def _post_url(card: LoyaltyCard) -> str:
    return reverse("admin:loyalty_loyaltycard_post", args=[card.pk])


def _operation_table(card: LoyaltyCard) -> dict[str, Any]:
    operations = LoyaltyOperation.objects.for_account(card.account_id).filter(card=card)
    every = reverse("admin:loyalty_loyaltyoperation_changelist")
    zone = place_of(card.customer_list)
    return {
        "title": _("Latest operations"),
        "links": [(_("All operations"), f"{every}?card={card.pk}")],
        "headers": [_("time"), _("points"), _("new balance"), _("reason"), _("voided")],
        "rows": [
            [
                link(row, local(row.created_at, zone)),
                plain_decimal(row.delta),
                plain_decimal(row.new_balance),
                short(row.reason or "-"),
                void_of(row),
            ]
            for row in operations.with_voids().order_by("-sequence")[:_LATEST]
        ],
    }
