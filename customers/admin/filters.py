"""The filters of the list of customers."""

from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, CustomerList
from hubcustomers.backoffice.filters import RelatedFilter

Choices = dict[str, tuple[str | Promise, Q]]


class ChoiceFilter(SimpleListFilter):
    """Rows under one of a few conditions."""

    choices_by_word: Choices

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [(word, title) for word, (title, _condition) in self.choices_by_word.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        chosen = self.choices_by_word.get(str(self.value()))
        return queryset if chosen is None else queryset.filter(chosen[1])


class PlaceFilter(RelatedFilter):
    """Customers in the lists of one location."""

    title = _("location")
    parameter_name = "location"
    field = "customer_list__location"

    def narrow(self, queryset: QuerySet[Any], chosen: Any) -> QuerySet[Any]:
        """Return the rows in those lists; a location has few, and an index begins with them."""
        lists = CustomerList.objects.for_account(chosen.account_id).filter(location=chosen)
        return queryset.filter(customer_list_id__in=list(lists.values_list("pk", flat=True)))


class AnonymisedFilter(ChoiceFilter):
    """Anonymised customers, or the others."""

    title = _("anonymised")
    parameter_name = "anonymised"
    choices_by_word = {
        "no": (_("No"), Q(anonymised=False)),
        "yes": (_("Yes"), Q(anonymised=True)),
    }


class ConsentFilter(ChoiceFilter):
    """Customers who agreed to marketing, or who did not."""

    title = _("consent")
    parameter_name = "consent"
    choices_by_word = {
        "email": (_("To e-mail"), Q(email_marketing=True)),
        "sms": (_("To SMS"), Q(sms_marketing=True)),
        "none": (_("To neither"), Q(email_marketing=False, sms_marketing=False)),
    }


class CardFilter(SimpleListFilter):
    """Customers with a loyalty card, or without one."""

    title = _("loyalty card")
    parameter_name = "card"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two choices."""
        return [("yes", _("Has a card")), ("no", _("Has none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        if self.value() == "no":
            return queryset.filter(has_card=False)
        # The reverse relation: cards are an app further up. Where few have one, PostgreSQL
        # begins with the cards.
        cards: Any = Customer._meta.get_field("loyalty_cards").related_model
        own = Exists(cards.objects.filter(account=OuterRef("account"), customer=OuterRef("pk")))
        return queryset.filter(own) if self.value() == "yes" else queryset


class LastOrderFilter(SimpleListFilter):
    """Customers by how long ago they ordered last."""

    title = _("last order")
    parameter_name = "last_order"
    days = {"7": 7, "30": 30, "90": 90, "365": 365}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the ranges."""
        return [
            ("7", _("In the last 7 days")),
            ("30", _("In the last 30 days")),
            ("90", _("In the last 90 days")),
            ("365", _("In the last year")),
            ("earlier", _("Over a year ago")),
            ("never", _("Never")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the range."""
        value = str(self.value())
        if value in self.days:
            return queryset.filter(last_order_date__gte=_ago(self.days[value]))
        if value == "earlier":
            return queryset.filter(last_order_date__lt=_ago(365))
        return queryset.filter(last_order_date=None) if value == "never" else queryset


def _ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)
