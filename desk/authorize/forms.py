"""The choice of a list, on the page that lets an application in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from customers.models import CustomerList
from desk.authorize.places import Place, lists_at

NEW = "new"
# A longer choice helps nobody; whoever has more names the list first.
_MOST_LISTS = 500


class AllowForm(forms.Form):
    """What is left to choose: the list, where the scope has a permission on one list."""

    customer_list = forms.ChoiceField(
        label=_("Customer list"),
        widget=UnfoldAdminSelectWidget,
        error_messages={"required": _("Choose a list.")},
    )

    def __init__(
        self, *args: Any, place: Place, new_name: str, needed: bool, **kwargs: Any
    ) -> None:
        """Take where the list must lie, and how a new one would be called."""
        super().__init__(*args, **kwargs)
        if not needed:
            del self.fields["customer_list"]
            return
        self._lists = {row.public_id: row for row in lists_at(place)[:_MOST_LISTS]}
        choices: list[Any] = [("", _("Choose a list …"))]
        choices += [(key, _label(row, place)) for key, row in self._lists.items()]
        if all(row.name != new_name for row in self._lists.values()):
            choices.append((NEW, _("A new list named “%(name)s”") % {"name": new_name}))
        field: Any = self.fields["customer_list"]
        field.choices = choices

    def chosen(self) -> CustomerList | None:
        """Return the list that was chosen, None where none was or it is still to be made."""
        return self._lists.get(self.cleaned_data["customer_list"])

    def wants_new(self) -> bool:
        """Return whether the list is to be made."""
        return bool(self.cleaned_data.get("customer_list") == NEW)


def _label(row: CustomerList, place: Place) -> str:
    if row.location is not None:
        # On a location's page they are all its own.
        return row.name if place.location else f"{row.name} ({row.location})"
    whole = str(_("whole account"))
    return f"{row.name} ({whole})" if place.location else row.name
