"""The forms of the back-office for loyalty cards and their points."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError as ApiValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from hubcustomers.backoffice.forms import ServiceForm, typed_number
from hubcustomers.backoffice.refusals import Faults, faults_in
from loyalty.serializers import (
    LoyaltyCardSerializer,
    LoyaltyCardUpdateSerializer,
    LoyaltyOperationSerializer,
)

# What scanners send: EAN-8 is the shortest that is on cards.
_SCANNED = re.compile(r"\d{8,}")


class NewCardForm(ServiceForm):
    """A card for a customer; its list is the customer's."""

    serializer: ClassVar[Any] = LoyaltyCardSerializer
    renamed: ClassVar[dict[str, str]] = {"customer_id": "customer"}

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body with the customer's id; the name may be empty, not missing."""
        customer = body.pop("customer", None)
        known = {} if customer is None else {"customer_id": customer.public_id}
        return {**body, **known, "name": body.get("name") or ""}


class CardForm(ServiceForm):
    """The name and the ref of a card."""

    serializer: ClassVar[Any] = LoyaltyCardUpdateSerializer

    def sent(self, name: str) -> Any:
        """Return the field; an empty name is a name."""
        value = super().sent(name)
        return value or "" if name == "name" else value


class VoidForm(forms.Form):
    """Why an operation is voided."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The customer reads this in the card's history."),
    )

    def refuse(self, faults: Faults) -> None:
        """Show what refused the void."""
        for _name, sentence in faults:
            self.add_error(None, sentence)


class PointsForm(forms.Form):
    """Points to add to a card or to remove from it, with the reason."""

    direction = forms.ChoiceField(
        label=_("What to do"),
        choices=[("add", _("Add points")), ("remove", _("Remove points"))],
        widget=UnfoldAdminSelectWidget(),
    )
    points = forms.CharField(
        label=_("Points"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("A number like 13.5"),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The customer reads this in the card's history."),
    )
    # Whether the next card is going to be scanned.
    counter = forms.BooleanField(required=False, widget=forms.HiddenInput())
    # How many operations the card had when the page was shown.
    seen = forms.IntegerField(widget=forms.HiddenInput())

    def clean(self) -> dict[str, Any]:
        """Read points and reason as the API does."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "points" in data and "reason" in data:
            points = typed_number(data["points"])
            if data.get("counter") and _SCANNED.fullmatch(points):
                self.add_error(
                    "points",
                    _(
                        "look like a code that was scanned. Whoever means so many opens the card"
                        " from the list of cards."
                    ),
                )
                return data
            body = {"delta": points, "reason": data["reason"]}
            try:
                data.update(LoyaltyOperationSerializer.read(body))
            except ApiValidationError as error:
                self.refuse(faults_in(error))
            else:
                self._take_side(data)
        return data

    def _take_side(self, data: dict[str, Any]) -> None:
        delta: Decimal = data["delta"]
        if delta <= 0:
            self.add_error("points", _("must be greater than 0"))
        elif data.get("direction") == "remove":
            # copy_negate, because a plain minus rounds to the context's digits.
            data["delta"] = delta.copy_negate()

    def refuse(self, faults: Faults) -> None:
        """Show each fault at its field."""
        for name, sentence in faults:
            field = "points" if name == "delta" else name
            self.add_error(field if field in self.fields else None, sentence)
