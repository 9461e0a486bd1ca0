"""The form of a new connection: what it may do, chosen in words, or written as a scope."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from accounts.scopes import Scope, ScopeError, written
from hubcustomers.backoffice.forms import HubForm

_ACCESS = [("", _("Nothing")), ("read", _("Read")), ("write", _("Read and write"))]
_LISTS = [("all", _("All lists of its place")), ("one", _("Only the list chosen below"))]


def _choice(
    label: Any, choices: list[tuple[str, Any]], initial: str = "", help_text: Any = ""
) -> Any:
    return forms.ChoiceField(
        label=label,
        choices=choices,
        initial=initial,
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=help_text,
    )


class ConnectionForm(HubForm):
    """A new connection: its parts must belong together."""

    customers = _choice(
        _("Customers"), _ACCESS, help_text=_("With their loyalty cards and points.")
    )
    lists = _choice(_("In which lists"), _LISTS, "all")
    orders = _choice(_("Orders"), _ACCESS)
    scope = forms.CharField(
        label=_("Scope"),
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_(
            "The choices above, as applications write them. What stands here is what counts."
        ),
    )

    class Media:
        js = ("accounts/scope.js",)

    def clean(self) -> dict[str, Any]:
        """Refuse a location or a list of another account, and a list out of reach."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account, location = data.get("account"), data.get("location")
        if account and location and location.account_id != account.pk:
            self.add_error("location", _("is not one of this account"))
        if "scope" in data:
            self._check_scope(data, location)
        self._check_list(account, location, data.get("customer_list"))
        return data

    def _check_scope(self, data: dict[str, Any], location: Any) -> None:
        data["scope"] = data["scope"].replace(" ", "") or written(
            "location" if location else "account",
            customers=data.get("customers", ""),
            one_list=data.get("lists") == "one",
            orders=data.get("orders", ""),
        )
        if not data["scope"]:
            self.add_error("scope", _("Choose above what the connection may do."))

    def _check_list(self, account: Any, location: Any, customer_list: Any) -> None:
        if customer_list is None:
            if self._needs_list():
                self.add_error("customer_list", _("must be chosen for a customer_list permission"))
            return
        foreign = account and customer_list.account_id != account.pk
        elsewhere = (
            location
            and customer_list.location_id is not None
            and customer_list.location_id != location.pk
        )
        if foreign or elsewhere:
            self.add_error("customer_list", _("is not within reach of the connection"))

    def _needs_list(self) -> bool:
        try:
            scope = Scope.parse(self.cleaned_data.get("scope", ""))
        except ScopeError:
            # The model's own validator says so.
            return False
        return scope.allows("customer_list", write=False)
