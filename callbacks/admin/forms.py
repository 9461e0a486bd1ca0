"""The form of a callback."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from callbacks.models import Callback
from callbacks.serializers import CallbackSerializer
from hubcustomers.backoffice.forms import ServiceForm

# What the hub tells of; a callback may name more, which stays silent.
HEARD = [
    ("customer.create", _("A customer is created")),
    ("customer.update", _("A customer changes, or the points on a card")),
    ("order.create", _("An order is created")),
    ("order.update", _("An order changes")),
    ("customer_list.update", _("A customer list is renamed")),
]
_OFFERED = {pair for pair, _name in HEARD}


class EventsField(forms.MultipleChoiceField):
    """The events to hear of: ``{"customer": ["create", …], …}`` as boxes to tick."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def prepare_value(self, value: Any) -> Any:
        """Return the boxes that are ticked."""
        return pairs_of(value) if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return whether other boxes are ticked than the page showed."""
        shown = pairs_of(initial) if isinstance(initial, dict) else initial
        return set(shown or ()) & _OFFERED != set(data or ())


def pairs_of(events: dict[str, list[str]]) -> list[str]:
    """Return ``["customer.create", …]``."""
    return [f"{resource}.{event}" for resource, types in events.items() for event in types]


def selection_of(pairs: list[str]) -> dict[str, list[str]]:
    """Return ``{"customer": ["create", …], …}``."""
    selection: dict[str, list[str]] = {}
    for pair in pairs:
        resource, event = pair.split(".")
        selection.setdefault(resource, []).append(event)
    return selection


class CallbackForm(ServiceForm):
    """Where a connection's events go, and which."""

    serializer: ClassVar[Any] = CallbackSerializer

    url = forms.CharField(
        label=_("URL"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Events are sent here. Empty: the client asks for its events by itself."),
    )
    events = EventsField(label=_("Tell it when"), choices=HEARD, required=False)

    class Meta:
        model = Callback
        fields = ("connection", "url", "events")

    def clean_connection(self) -> Any:
        """Refuse a connection that has a callback: it would be overwritten unseen."""
        connection = self.cleaned_data["connection"]
        own = Callback.objects.for_account(connection.account_id)
        if own.filter(connection=connection).exists():
            raise forms.ValidationError(_("has a callback already"))
        return connection

    def sent(self, name: str) -> Any:
        """Return the field as the API takes it; what is not offered as a box stays."""
        if name != "events":
            return super().sent(name)
        kept = set(pairs_of(self.instance.events)) - _OFFERED if self.instance.pk else set()
        return selection_of([*self.cleaned_data["events"], *sorted(kept)])
