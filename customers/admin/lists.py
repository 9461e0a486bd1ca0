"""The back-office of customer lists."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from customers import services
from customers.admin.forms import (
    CustomerListForm,
)
from customers.models import Customer, CustomerList
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asked_again
from hubcustomers.backoffice.display import cell, column, local
from hubcustomers.backoffice.filters import AccountFilter, LocationFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin
from hubcustomers.public_ids import customer_list_ids


def place_of(customer_list: CustomerList) -> Any:
    """Return whose clock and country the list goes by: its location, else its account."""
    return customer_list.location or customer_list.account


@admin.register(CustomerList)
class CustomerListAdmin(ScopedModelAdmin):
    """Customer lists: created, renamed, and deleted with everything in them."""

    role_may = {
        # Further pages, of apps that this one does not know, are for who has these rights.
        Role.MANAGER: EDIT | {"delete", "import", "export", "merge"},
        Role.SUPPORT: VIEW,
        Role.PRIVACY: VIEW,
        Role.OPERATOR: VIEW,
    }
    form = CustomerListForm
    public_ids = customer_list_ids
    search_fields = ("name",)
    search_help_text = _("Name or id")
    list_display = ("list_name", "public_id", "place", "account", "created")
    list_filter = (AccountFilter, LocationFilter)
    list_select_related = ("location", "account")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Return the place of a new list, or what an old one is."""
        if obj is None:
            return ("account", "location", "name")
        return ("name", ("account_name", "place", "public_id", "created"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return everything but the name: a list stays where it is."""
        return () if obj is None else ("account_name", "place", "public_id", "created")

    @column(_("name"))
    def list_name(self, obj: CustomerList) -> str:
        """Return the name, cut where it is very long."""
        return cell(obj.name)

    @column(_("account"))
    def account_name(self, obj: CustomerList) -> str:
        """Return the account's name."""
        return obj.account.name

    @column(_("place"))
    def place(self, obj: CustomerList) -> str:
        """Return the location, or that it is the whole account."""
        return str(_("Whole account")) if obj.location is None else obj.location.name

    @column(_("id"))
    def public_id(self, obj: CustomerList) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column(_("created"))
    def created(self, obj: CustomerList) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, place_of(obj))

    def choice_label(self, request: HttpRequest, obj: CustomerList) -> str:
        """Return the name with the location, where it has one."""
        label = super().choice_label(request, obj)
        return label if obj.location is None else f"{label}, {obj.location}"

    def get_choices(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the lists in reach with their locations."""
        return super().get_choices(request).select_related("account", "location")

    def check_reach(self, request: HttpRequest, obj: CustomerList) -> None:
        """Refuse a new list in a foreign account; of an old one the row itself says it."""
        if obj.pk is not None:
            super().check_reach(request, obj)

    def write(self, request: HttpRequest, obj: CustomerList, form: Any, change: bool) -> None:
        """Create or rename the list."""
        if change:
            name = form.validated.get("name", obj.name)
            if name != obj.name:
                services.rename_list(obj, name=name)
            return
        # The choices of the form were those in reach.
        data = form.cleaned_data
        made = services.create_list(
            data["account"], name=form.validated["name"], location=data["location"]
        )
        for field in ("pk", "account", "location", "name"):
            setattr(obj, field, getattr(made, field))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete the list with its customers, cards and operations; its name confirms it."""
        if not self.may(request, "delete", object_id):
            return super().delete_view(request, object_id, extra_context)
        asks = asked_again(request)
        if asks is not None:
            return asks
        obj = pages.find(self, request, object_id)
        text = _(
            "The list goes for good, with everything in it. Connections that were made "
            "for this list alone stay, and reach nothing."
        )
        asked = pages.Confirmation(
            title=str(_("Delete this customer list")),
            text=str(text),
            button=str(_("Delete the list")),
            counts=_counts_of_list(obj),
            typed=obj.name,
            write=lambda: self._delete(request, obj),
            done=str(_("The customer list is deleted.")),
            next_url=reverse("admin:customers_customerlist_changelist"),
        )
        return pages.confirm(self, request, obj, asked)

    def _delete(self, request: HttpRequest, obj: CustomerList) -> None:
        self.log_deletions(request, [obj])
        services.delete_list(obj)


def card_counts(cards: Any) -> list[tuple[str, int]]:
    """Return how many cards and operations there are, each with its name."""
    # Operations are numbered from 1 without a gap, so the last numbers add up to their count.
    found = cards.aggregate(cards=Count("pk"), operations=Sum("last_sequence"))
    count, operations = found["cards"], found["operations"] or 0
    return [
        (ngettext("loyalty card", "loyalty cards", count), count),
        (ngettext("operation", "operations", operations), operations),
    ]


def _counts_of_list(customer_list: CustomerList) -> list[tuple[str, int]]:
    customers = Customer.objects.for_account(customer_list.account_id)
    count = customers.filter(customer_list=customer_list).count()
    # The reverse relation: customers know nothing of loyalty.
    cards: Any = customer_list.loyalty_cards
    return [(ngettext("customer", "customers", count), count), *card_counts(cards)]
