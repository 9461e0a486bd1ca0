"""Filters of the list pages: choices in reach only, and never a DISTINCT."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

# More choices than this belong into a search box.
_MOST = 200


class RelatedFilter(SimpleListFilter):
    """Rows that refer to one object, chosen among those that the staff user reaches."""

    field: str

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        """Take what the list page gives; the field names parameter and title."""
        related = model
        for name in self.field.split("__"):
            related = related._meta.get_field(name).related_model
        self.related_admin: Any = model_admin.admin_site.get_model_admin(related)
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices in the accounts whose rows are shown."""
        related = self.related_admin
        choices = related.get_choices(request)
        if related.account_lookup is not None:
            choices = model_admin.reach(request).narrow(choices, related.account_lookup)
        rows = choices[:_MOST]
        return [(str(row.pk), self.related_admin.choice_label(request, row)) for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen object; of one out of reach, none."""
        value = self.value()
        if value is None:
            return queryset
        chosen = self.related_admin.get_choice(request, value)
        if chosen is None:
            return queryset.none()
        found = self.narrow(queryset, chosen)
        # Every index of ours begins with the account.
        account_id = getattr(chosen, "account_id", None)
        return found if account_id is None else found.filter(account_id=account_id)

    def narrow(self, queryset: QuerySet[Any], chosen: Any) -> QuerySet[Any]:
        """Return the rows of the chosen object."""
        return queryset.filter(**{self.field: chosen})


class AccountFilter(RelatedFilter):
    """Rows of one account; offered to who works in several."""

    title = _("account")
    parameter_name = "account"
    field = "account"

    def has_output(self) -> bool:
        """Return whether there is a choice, or one has been made."""
        return len(self.lookup_choices) > 1 or self.value() is not None


class LocationFilter(RelatedFilter):
    """Rows of one location."""

    title = _("location")
    parameter_name = "location"
    field = "location"


class CustomerListFilter(RelatedFilter):
    """Rows of one customer list."""

    title = _("customer list")
    parameter_name = "list"
    field = "customer_list"
