"""What the strict fields accept, said in JSON Schema (design section 6).

drf-spectacular finds these extensions by the class they target, subclasses included.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from callbacks.serializers import EVENT_TYPES, CallbackUrl, EventSelection
from hubcustomers.api import fields
from hubcustomers.countries import COUNTRY_CODES
from orders import fields as order_fields

Schema = dict[str, Any]

# As the fields have it, without the half characters that JSON in UTF-8 cannot carry.
_STORABLE = r"^[^\u0000]*$"
_ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_NOT_BLANK = r"^[^\u0000]*[^\u0000\s][^\u0000]*$"
# What stands for no choice.
_NONE = ["", None]
MONEY = r"^[0-9]{1,8}\.[0-9]{2} [A-Z]{3}$"
MONEY_OR_LESS = r"^-?[0-9]{1,8}\.[0-9]{2} [A-Z]{3}$"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = (
    "^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"T{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?$"
)


class _Strict(OpenApiSerializerFieldExtension):
    """The base: an extension for a class of fields and those derived from it."""

    match_subclasses = True
    target: Any


class TextSchema(_Strict):
    """A text of some length."""

    target_class = fields.Text

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        one_line = self.target.refused is not fields.UNSTORABLE
        pattern = _ONE_LINE if one_line else _STORABLE
        return {"type": "string", "maxLength": self.target.max_length, "pattern": pattern}


class NameSchema(_Strict):
    """A text that is not blank."""

    target_class = fields.Name
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"type": "string", "maxLength": self.target.max_length, "pattern": _NOT_BLANK}


class OneOfSchema(_Strict):
    """One of a few words, or "" for none where none is allowed."""

    target_class = fields.OneOf
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        must = isinstance(self.target, order_fields.Status)
        return {"type": "string", "enum": [*self.target.choices, *([] if must else _NONE)]}


class CountrySchema(_Strict):
    """A country's code, or "" for none."""

    target_class = fields.Country
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"type": "string", "enum": [*sorted(COUNTRY_CODES), *_NONE]}


class BooleanSchema(_Strict):
    """True or false."""

    target_class = fields.Boolean

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"type": "boolean"}


class DateSchema(_Strict):
    """A day, or "" for none."""

    target_class = fields.Date

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"anyOf": [{"type": "string", "format": "date"}, {"const": ""}]}


class DecimalSchema(_Strict):
    """A decimal in plain notation: a string, or a JSON number without an exponent."""

    target_class = fields.PlainDecimal

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        field = self.target
        positive = isinstance(field, order_fields.PositiveDecimal)
        text = _decimal_pattern(field, "" if positive else "-?")
        most = field.limit or 10**field.before - 1
        number = {"type": "number", "minimum": 0 if positive else -most, "maximum": most}
        empty = [{"const": ""}] if field.empty_is_null else []
        return {"anyOf": [{"type": "string", "pattern": text}, number, *empty]}


def _decimal_pattern(field: fields.PlainDecimal, sign: str) -> str:
    fraction = rf"(\.[0-9]{{1,{field.after}}})?"
    if field.limit is None:
        return rf"^{sign}0*[0-9]{{1,{field.before}}}{fraction}$"
    below = {90: "[1-8]?[0-9]", 100: "[0-9]{1,2}", 180: "[0-9]{1,2}|1[0-7][0-9]"}[field.limit]
    return rf"^{sign}0*(({below}){fraction}|{field.limit}(\.0{{1,{field.after}}})?)$"


class CustomFieldsSchema(_Strict):
    """An object of extra data."""

    target_class = fields.CustomFields

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"type": "object", "description": "Any data, at most 8 KB as JSON."}


class MoneySchema(_Strict):
    """An amount in the account's currency."""

    target_class = order_fields.Money

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        pattern = MONEY_OR_LESS if self.target.negative else MONEY
        return {"type": "string", "pattern": pattern, "examples": ["9.00 EUR"]}


class MomentSchema(_Strict):
    """A time; without an offset it is the location's."""

    target_class = order_fields.Moment

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        text = {"type": "string", "pattern": TIME, "examples": ["2020-01-18T17:15:11+01:00"]}
        return {"anyOf": [text, {"const": ""}]}


class _SeveralSchema(_Strict):
    """The base of what holds several values of one kind."""

    def of(self, auto_schema: AutoSchema) -> Schema:
        """Return the schema of one of the values."""
        inner = self.target.of
        if hasattr(inner, "fields"):
            component: Any = auto_schema.resolve_serializer(inner, "request")
            return dict(component.ref)
        return dict(auto_schema._map_serializer_field(inner, "request"))


class ArraySchema(_SeveralSchema):
    """An array."""

    target_class = order_fields.ArrayOf

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        most = self.target.max_count
        return {"type": "array", "items": self.of(auto_schema), "maxItems": most}


class MapSchema(_SeveralSchema):
    """An object of keys that the client chooses."""

    target_class = order_fields.MapOf

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {
            "type": "object",
            "additionalProperties": self.of(auto_schema),
            "maxProperties": self.target.max_count,
        }


class CallbackUrlSchema(_Strict):
    """The address of a receiver, or "" for none."""

    target_class = CallbackUrl
    priority = 1

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {"type": "string", "maxLength": self.target.max_length, "pattern": "^(https?://|$)"}


class EventSelectionSchema(_Strict):
    """Which events a callback wants."""

    target_class = EventSelection

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        """Return the schema of the field's values."""
        return {
            "type": "object",
            "properties": {
                name: {"type": "array", "items": {"type": "string", "enum": list(types)}}
                for name, types in EVENT_TYPES.items()
            },
            "additionalProperties": False,
        }
