"""The back-office of accounts and their locations, for superusers."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.models import Account, Location
from hubcustomers.backoffice.display import column
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.scoping import ScopedModelAdmin
from hubcustomers.public_ids import account_ids, parse_location_id


@admin.register(Account)
class AccountAdmin(ScopedModelAdmin):
    """Accounts, for superusers; others only choose among theirs."""

    account_lookup = "id"
    public_ids = account_ids
    search_fields = ("name",)
    search_help_text = _("Name or id")
    list_display = ("name", "shown_id", "currency", "timezone", "country")
    fields = ("name", "currency", "timezone", "country")

    @column(_("id"))
    def shown_id(self, obj: Account) -> str:
        """Return the id that clients see."""
        return obj.public_id


@admin.register(Location)
class LocationAdmin(ScopedModelAdmin):
    """Locations, for superusers; others only choose among theirs."""

    search_fields = ("name", "city")
    search_help_text = _("Name, city or id")
    list_display = ("name", "shown_id", "account", "city", "timezone", "country")
    list_filter = (AccountFilter,)
    list_select_related = ("account",)
    fields = ("account", "name", "timezone", "country", "address", "postal_code", "city")

    @column(_("id"))
    def shown_id(self, obj: Location) -> str:
        """Return the id that clients see."""
        return obj.public_id

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition; the id names account and number."""
        account_id, number = parse_location_id(term.lower()) or (0, 0)
        return super().search(request, term) | Q(account_id=account_id, number=number)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the account of an existing location: it stays where it is."""
        return () if obj is None else ("account",)

    def write(self, request: HttpRequest, obj: Location, form: Any, change: bool) -> None:
        """Save; a new location takes its account's next number."""
        if change:
            super().write(request, obj, form, change)
        else:
            services.number_location(obj)
