"""Why rows were refused, as the page of an import says it.

The reasons are kept in the words of the API, ``field sentence; field sentence``: so they stand in
the file to be corrected. The page calls each field by its label, in the language of who reads.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from customers.serializers import CustomerSerializer
from hubcustomers.api.fields import points_field
from hubcustomers.backoffice.retelling import register_sentences, retold
from transfer.admin.forms import FIELD_LABELS

# What transfer/rows.py and transfer/judging.py say besides the fields of the API.
_SENTENCES = (
    gettext_noop("the line is not a JSON object"),
    gettext_noop("the row says nothing about a customer"),
    gettext_noop("has {cells} cells, the header has {width}"),
    gettext_noop("is not JSON: {error}"),
    gettext_noop("is too large (maximum is 8 KB as JSON)"),
    gettext_noop("must be an array of objects"),
    gettext_noop("has already been taken"),
    gettext_noop("belongs to a customer of the list"),
    gettext_noop("belongs to several customers of the list"),
    gettext_noop("can only be imported with a new customer"),
)
# A field of a card in a JSON cell is called "loyalty_cards.name".
_FAULT = re.compile(rf"({'|'.join(FIELD_LABELS)})(?:\.\w+)? (.+)", re.DOTALL)


def reason_in_words(reason: str) -> str:
    """Return the reason of a refused row as people read it."""
    return _("; ").join(_fault_in_words(fault) for fault in reason.split("; "))


def _fault_in_words(fault: str) -> str:
    found = _FAULT.fullmatch(fault)
    if found is None:
        return retold(fault)
    values = {"field": FIELD_LABELS[found[1]], "sentence": retold(found[2])}
    return _("“%(field)s” %(sentence)s") % values


def _register() -> None:
    fields = [*CustomerSerializer().fields.values(), points_field()]
    of_fields = {str(text) for field in fields for text in field.error_messages.values()}
    register_sentences(*_SENTENCES, *sorted(of_fields))


_register()
