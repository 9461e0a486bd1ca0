"""Forms that judge as the API does and remember what the page showed."""

from datetime import date
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from rest_framework.exceptions import ValidationError as ApiValidationError

from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.backoffice.refusals import Faults, faults_in

# A fault's code is a field only where it is not one of Django's own words.
_OWN_CODES = {"", "required", "invalid", "unique", "unique_together", "null", "blank"}


def typed_number(text: str) -> str:
    """Return a number that was typed as the reader's language writes it, as the API takes it."""
    if get_language() != "fr":
        return text
    # French groups with blanks and has a decimal comma; two of them are a mistake.
    bare = "".join(text.split())
    return bare.replace(",", ".") if bare.count(",") == 1 and "." not in bare else text


class HubForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of every page that changes something.

    Each field carries what the page showed, so that ``changed_data`` is what the user
    changed and not what somebody else changed meanwhile.
    """

    # What refused the write of this request; the page is shown again with it.
    refusals: ClassVar[Faults] = []
    # Names of the API whose form field is called otherwise.
    renamed: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take ModelForm's arguments."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = self.instance.pk is not None

    def refuse(self, faults: Faults) -> None:
        """Show each fault at its field, or above the form where it has none."""
        for name, sentence in faults:
            field = self.renamed.get(name, name)
            if field in self.fields:
                self.add_error(field, sentence)
            else:
                known = "" if field in _OWN_CODES else f"{field} "
                self.add_error(None, f"{known}{sentence}")

    def _update_errors(self, errors: ValidationError) -> None:
        # What the model's fields and constraints say against the values.
        self.refuse(faults_in(errors))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.refuse(self.refusals)


class ServiceForm(HubForm):
    """A form whose values a serializer of the API judges and a service saves.

    After validation ``validated`` holds what the service takes: every filled field of a
    new object, the changed fields of an old one. The instance stays as it was read.
    """

    serializer: ClassVar[type[KeptSerializer]]
    validated: dict[str, Any]

    def _post_clean(self) -> None:
        names = self.changed_data if self.instance.pk is not None else list(self.fields)
        body = {name: self.sent(name) for name in names if name in self.cleaned_data}
        try:
            self.validated = self.serializer.read(
                self.complete(body), partial=self.instance.pk is not None
            )
        except ApiValidationError as error:
            # A field that Django refused is missing in the body; once is enough.
            self.refuse([fault for fault in faults_in(error) if not self._refused(fault[0])])
        self.refuse(self.refusals)

    def sent(self, name: str) -> Any:
        """Return the field as a client of the API would send it; empty is null."""
        value = self.cleaned_data[name]
        if isinstance(value, str):
            return value.replace("\r\n", "\n") or None
        return value.isoformat() if isinstance(value, date) else value

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body, changed where the API calls things otherwise."""
        return body

    def shown(self, name: str) -> Any:
        """Return what the page showed in the field before the user changed it."""
        text = self.data.get(self.add_initial_prefix(name))
        return self.fields[name].clean(text) if text else None

    def _refused(self, name: str) -> bool:
        return self.renamed.get(name, name) in self.errors
