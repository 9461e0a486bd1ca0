"""The forms of the register of requests."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.models import Membership
from customers.models import Customer
from desk.privacy.requests import today_in
from hubcustomers.backoffice.forms import HubForm
from hubcustomers.public_ids import customer_ids


class RequestForm(HubForm):
    """A request: of whom, of what kind, since when, and who looks after it."""

    renamed: ClassVar[dict[str, str]] = {"customer_id": "customer"}
    customer = forms.CharField(
        label=_("Customer"),
        required=False,
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("The id, once you know whom it is about."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take ModelForm's arguments."""
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["customer"] = self.instance.customer_public_id

    def clean(self) -> dict[str, Any]:
        """Refuse a customer and staff of another account, and a day that is still to come."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = data.get("account") or getattr(self.instance, "account", None)
        if account is None:
            return data
        self._find_customer(account, data)
        received = data.get("received_on")
        if received is not None and received > today_in(account):
            self.add_error("received_on", _("is still to come"))
        staff = data.get("assigned_to")
        if staff is not None and "assigned_to" in self.changed_data:
            members = Membership.objects.filter(account=account, user=staff)
            if not staff.is_superuser and not members.exists():
                self.add_error("assigned_to", _("does not work in this account"))
        return data

    def _find_customer(self, account: Any, data: dict[str, Any]) -> None:
        code = (data.get("customer") or "").strip().lower()
        # Who was known when the request was linked may have gone with the list since.
        if code == self.instance.customer_public_id:
            return
        number = customer_ids.decode(code)
        known = Customer.objects.for_account(account).filter(pk=number or 0)
        if code and not known.exists():
            self.add_error("customer", _("is no customer of this account"))
            return
        self.instance.customer_id = number


class ExtensionForm(forms.Form):
    """Why two months more are taken."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Tell the person the same within the first month."),
    )
