"""The forms of the back-office for customer lists and customers."""

from decimal import Decimal
from typing import Any, ClassVar

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from customers.serializers import CustomerListSerializer, CustomerSerializer
from hubcustomers import exact_json
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.forms import ServiceForm
from hubcustomers.exact_json import UnreadableJSON


class CoordinateInput(forms.CharField):
    """Degrees, written without useless zeros; the API's rule judges them."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text in the box."""
        return plain_decimal(value) if isinstance(value, Decimal) else value


class CustomFieldsInput(forms.CharField):
    """A JSON object, one member on a line."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text in the box."""
        if not isinstance(value, dict):
            return value
        members = [f"  {_json(key)}: {_json(member)}" for key, member in value.items()]
        return "{\n" + ",\n".join(members) + "\n}" if members else ""

    def to_python(self, value: Any) -> Any:
        """Return the object."""
        text = super().to_python(value)
        try:
            return exact_json.loads(text) if isinstance(value, str) and text else {}
        except UnreadableJSON as error:
            raise ValidationError(
                _("cannot be read as JSON: %(error)s"), params={"error": error}
            ) from error


def _json(value: Any) -> str:
    return orjson.dumps(orjson.Fragment(exact_json.dumps(value))).decode()


class CustomerListForm(ServiceForm):
    """The name of a list; for a new one also its place."""

    serializer = CustomerListSerializer

    def clean(self) -> dict[str, Any]:
        """Refuse a location of another account."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account, location = data.get("account"), data.get("location")
        if account and location and location.account_id != account.pk:
            self.add_error("location", "is not one of this account")
        return data


class CustomerForm(ServiceForm):
    """A customer, under the API's rules."""

    serializer: ClassVar[Any] = CustomerSerializer

    def sent(self, name: str) -> Any:
        """Return the field as the API takes it; of custom fields what was changed."""
        value = super().sent(name)
        if name != "custom_fields" or not isinstance(value, dict):
            return value
        shown = self.shown(name) or {}
        removed = {key: None for key in shown if key not in value}
        return removed | {
            key: member for key, member in value.items() if key not in shown or shown[key] != member
        }
