"""Names of models and fields in the user's language.

They are plain words in the models: translated ones there would ask for migrations. What is said
here of a model, its migrations do not see.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils import translation
from django.utils.translation import gettext_lazy

_OTHERS = ("django.", "django_", "rest_framework", "drf_", "unfold", "corsheaders")

# How people call fields whose names say it less well; like those, they stand in small letters.
_CALLED = {
    "customers.Customer.email": "e-mail",
    "customers.Customer.email_marketing": "e-mail marketing",
    "customers.Customer.sms_marketing": "SMS marketing",
    # Not the state that jobs, events and requests are in.
    "customers.Customer.state": "state or region",
}


def our_models() -> list[type[Model]]:
    """Return the models of the hub's own apps."""
    ours = [config for config in apps.get_app_configs() if not config.name.startswith(_OTHERS)]
    return [model for config in ours for model in config.get_models()]


def translate_models() -> None:
    """Have the names of models and fields read in the language of whoever reads them."""
    for model in our_models():
        for described in _described(model):
            for name in ("verbose_name", "verbose_name_plural", "help_text"):
                text = _text_of(described, name)
                if text:
                    setattr(described, name, gettext_lazy(str(text)))
            if getattr(described, "choices", None):
                described.choices = [
                    (value, gettext_lazy(str(text))) for value, text in described.choices
                ]


def words_of_models() -> Iterator[str]:
    """Return what models say to people, in English: names, help, refusals of constraints."""
    with translation.override(None):
        for model in our_models():
            for described in _described(model):
                for name in ("verbose_name", "verbose_name_plural", "help_text"):
                    yield _text_of(described, name)
                for _value, text in getattr(described, "choices", None) or ():
                    yield str(text)
            for constraint in model._meta.constraints:
                if constraint.violation_error_code:
                    yield str(constraint.violation_error_message)


def _text_of(described: Any, name: str) -> str:
    called = _CALLED.get(str(described)) if name == "verbose_name" else None
    return called or str(getattr(described, name, ""))


def _described(model: type[Model]) -> list[Any]:
    return [model._meta, *model._meta.local_fields]
