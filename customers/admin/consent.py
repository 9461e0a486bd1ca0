"""The back-office of the history of consent: looked at, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers import consent
from customers.admin.filters import ChoiceFilter, Choices
from customers.models import ConsentChange
from hubcustomers.backoffice.display import column, link, local, named, short
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.public_ids import customer_ids

FLAGS = {"sms_marketing": _("SMS"), "email_marketing": _("e-mail")}
_COLOURS = {"given": "success", "taken": "warning"}


class FlagFilter(ChoiceFilter):
    """Changes of one of the two flags."""

    title = _("marketing by")
    parameter_name = "flag"
    choices_by_word = {flag: (title, Q(flag=flag)) for flag, title in FLAGS.items()}


class ValueFilter(ChoiceFilter):
    """Consent that was given, or taken back."""

    title = _("consent")
    parameter_name = "value"
    choices_by_word = {
        "given": (_("given"), Q(new_value=True)),
        "taken": (_("taken back"), Q(new_value=False)),
    }


class SourceFilter(ChoiceFilter):
    """Changes from one kind of source."""

    title = _("from where")
    parameter_name = "source"
    choices_by_word: Choices = {
        **{word: (title, Q(source=word)) for word, title in consent.WORDS.items()},
        "unknown": (_("nobody said"), Q(source="")),
    }


@admin.register(ConsentChange)
class ConsentChangeAdmin(ScopedModelAdmin):
    """Each change of a marketing flag: when, whose, from where, old and new value."""

    role_may = {Role.PRIVACY: VIEW, Role.MANAGER: VIEW}
    superuser_may = VIEW
    list_display = ("changed", "customer_link", "flag_word", "old", "new", "origin", "account")
    list_display_links = ("changed",)
    list_filter = (AccountFilter, FlagFilter, ValueFilter, SourceFilter)
    list_select_related = ("customer", "account")
    # Named for the search box to appear.
    search_fields = ("customer",)
    search_help_text = _("Id of the customer")
    fields = (("customer_link", "flag_word"), ("old", "new_text"), ("changed", "origin"))
    readonly_fields = ("customer_link", "flag_word", "old", "new_text", "changed", "origin")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the changes in reach, each with its customer and account."""
        return super().get_queryset(request).select_related("customer", "account")

    @column(_("time"))
    def changed(self, obj: ConsentChange) -> str:
        """Return when it changed, on the clocks of the account."""
        return local(obj.changed_at, obj.account)

    @column(_("customer"))
    def customer_link(self, obj: ConsentChange) -> str:
        """Return a link to the customer."""
        return link(obj.customer, obj.customer.public_id)

    @column(_("marketing by"))
    def flag_word(self, obj: ConsentChange) -> str:
        """Return which flag."""
        return str(FLAGS.get(obj.flag, obj.flag))

    @column(_("old value"))
    def old(self, obj: ConsentChange) -> str:
        """Return the value before; nothing where the history begins."""
        return "-" if obj.old_value is None else _yes_or_no(obj.old_value)

    @column(_("new value"), label=_COLOURS)
    def new(self, obj: ConsentChange) -> tuple[str, str]:
        """Return the value after."""
        return ("given" if obj.new_value else "taken"), _yes_or_no(obj.new_value)

    @column(_("new value"))
    def new_text(self, obj: ConsentChange) -> str:
        """Return the same for the page, which has no colours."""
        return self.new(obj)[1]

    @column(_("from where"))
    def origin(self, obj: ConsentChange) -> str:
        """Return the kind of source and its name."""
        kind = str(consent.WORDS.get(obj.source, _("nobody said")))
        return short(named(kind, obj.source_name) if obj.source_name else kind)

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the customer's id."""
        return Q(customer_id=customer_ids.decode(term.lower()) or 0)


def _yes_or_no(value: bool) -> str:
    return str(_("yes") if value else _("no"))
