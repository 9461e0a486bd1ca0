"""What refused a write in the back-office, told in the words of the API."""

from collections.abc import Iterator

import orjson
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError
from django.utils.translation import gettext_noop
from rest_framework.exceptions import ValidationError as ApiValidationError

from hubcustomers.api.errors import error_for
from hubcustomers.backoffice.retelling import retold
from hubcustomers.exceptions import DomainError, ObjectNotFound

# What a write may raise because of its values, or because of other writers.
REFUSALS = (DomainError, ValidationError, ApiValidationError, DatabaseError)

Faults = list[tuple[str, str]]


def faults_in(error: Exception) -> Faults:
    """Return ``(field, sentence)`` for each fault; the field is "" where it is none's.

    The sentences are in the user's language, as far as the catalog has them.

    Raises:
        Exception: The error itself, where it is no refusal but a failure of ours.
    """
    return [(field, retold(sentence)) for field, sentence in _faults_in(error) if sentence]


def _faults_in(error: Exception) -> Faults:
    if isinstance(error, ValidationError):
        return list(_django_faults(error))
    if isinstance(error, ObjectNotFound):
        return [("", gettext_noop("This no longer exists. Somebody else may have deleted it."))]
    answer = error_for(error)
    if answer.status_code == 500:
        raise error
    body = orjson.loads(answer.content)
    faults = [(fault["field"], fault["message"]) for fault in body.get("errors", [])]
    return faults or [("", body["message"])]


def _django_faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    if not hasattr(error, "error_dict"):
        yield from (("", message) for message in error.messages)
        return
    for field, faults in error.error_dict.items():
        for fault in faults:
            # Our constraints carry the field at fault as their code.
            name = (fault.code or "") if field == NON_FIELD_ERRORS else field
            yield from ((name, message) for message in fault.messages)
