"""Values on the wire: strict on the way in, one spelling on the way out (companion, 4).

A field here never converts what could be read in two ways: a number is no text, a text is
no boolean, and digits are the ten of ASCII.
"""

import math
import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field

from hubcustomers import exact_json
from hubcustomers.countries import COUNTRY_CODES
from hubcustomers.exact_json import JSONNumber
from hubcustomers.exceptions import InvalidField

# What PostgreSQL cannot keep (NUL), and half characters that no UTF-8 can carry.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

MAX_CUSTOM_FIELDS_BYTES = 8192
_TOO_LARGE = "is too large (maximum is 8 KB as JSON)"
_MAX_DEPTH = 32


class StrictField(Field[Any, Any, Any, Any]):
    """The base: our own sentences for what every field can miss."""

    default_error_messages = {"required": "is required", "null": "can't be null"}

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Refuse the value with one of the field's sentences.

        It is in the language of the page that asks, which for the API is English always.

        Raises:
            ValidationError: The sentence.
        """
        raise ValidationError(gettext(str(self.error_messages[key])).format(**kwargs), code=key)

    def to_representation(self, value: Any) -> Any:
        """Return the value as it is; answers are written by ``represent`` functions."""
        return value


class Text(StrictField):
    """A text, kept as it is given.

    Args:
        max_length: In characters.
        empty_is_null: Take ``""`` as null, as the typed strings do.
        one_line: Refuse control characters.
    """

    default_error_messages = {
        "text": "must be a string",
        "long": "is too long (maximum is {max_length} characters)",
        "characters": "contains characters that cannot be stored",
    }

    def __init__(
        self,
        *,
        max_length: int = 255,
        empty_is_null: bool = False,
        one_line: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take the limits and DRF's own arguments."""
        self.max_length = max_length
        self.empty_is_null = empty_is_null
        self.refused = _CONTROL if one_line else UNSTORABLE
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str | None:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("text")
        if self.refused.search(data):
            self.fail("characters")
        if len(data) > self.max_length:
            self.fail("long", max_length=self.max_length)
        return None if self.empty_is_null and data == "" else data


class Name(Text):
    """A text that must say something; blanks around it do not count."""

    default_error_messages = {"blank": "can't be blank", "null": "can't be blank"}

    def to_internal_value(self, data: Any) -> str:
        """Return the name without the blanks around it."""
        if isinstance(data, str):
            data = data.strip()
        if data == "":
            self.fail("blank")
        return super().to_internal_value(data) or ""


class OneOf(Text):
    """One of a few words."""

    default_error_messages = {"choice": "must be one of: {choices}"}

    def __init__(self, choices: tuple[str, ...], **kwargs: Any) -> None:
        """Take the words."""
        self.choices = choices
        super().__init__(empty_is_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> str | None:
        """Return the word."""
        value = super().to_internal_value(data)
        if value is not None and value not in self.choices:
            self.fail("choice", choices=", ".join(self.choices))
        return value


class Country(Text):
    """A two-letter country code, upper-cased."""

    default_error_messages = {"country": "must be a two-letter country code of ISO 3166-1"}

    def to_internal_value(self, data: Any) -> str | None:
        """Return the code in capital letters."""
        value = super().to_internal_value(data)
        if value is None:
            return None
        # Not upper() alone: it makes two letters of some single ones.
        if not (value.isascii() and value.upper() in COUNTRY_CODES):
            self.fail("country")
        return value.upper()


class Boolean(StrictField):
    """True or false, nothing else."""

    default_error_messages = {"boolean": "must be true or false"}

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean."""
        if not isinstance(data, bool):
            self.fail("boolean")
        return bool(data)


class Date(StrictField):
    """A day, written ``YYYY-MM-DD`` and in no other way; ``""`` is null."""

    default_error_messages = {"date": "must be a date in the form YYYY-MM-DD"}

    def to_internal_value(self, data: Any) -> date | None:
        """Return the day."""
        if data == "":
            return None
        if not (isinstance(data, str) and _DATE.fullmatch(data)):
            self.fail("date")
        try:
            return date.fromisoformat(data)
        except ValueError:
            self.fail("date")


class PlainDecimal(StrictField):
    """A decimal in plain notation, from a string or a JSON number; never rounded.

    Args:
        before: Digits kept before the point.
        after: Digits kept after the point.
        limit: Largest absolute value, None for what the digits allow.
        empty_is_null: Take ``""`` as null.
    """

    default_error_messages = {
        "decimal": 'must be a decimal number in plain notation, like "13.5"',
        "digits": "has more digits than are kept ({before} before and {after} after the point)",
        "range": "must be between -{limit} and {limit}",
    }

    def __init__(
        self,
        *,
        before: int,
        after: int,
        limit: int | None = None,
        empty_is_null: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take the limits and DRF's own arguments."""
        self.before, self.after, self.limit = before, after, limit
        self.empty_is_null = empty_is_null
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal | None:
        """Return the number, exactly as written."""
        if data == "" and self.empty_is_null:
            return None
        match data:
            case bool():
                self.fail("decimal")
            case str() | int() | JSONNumber():
                literal = data if isinstance(data, str) else repr(data)
            case _:
                self.fail("decimal")
        if not _PLAIN_NUMBER.fullmatch(literal):
            self.fail("decimal")
        whole, _, fraction = literal.lstrip("-").partition(".")
        if len(whole.lstrip("0")) > self.before or len(fraction) > self.after:
            self.fail("digits", before=self.before, after=self.after)
        value = Decimal(literal)
        if self.limit is not None and abs(value) > self.limit:
            self.fail("range", limit=self.limit)
        return value


def points_field(**kwargs: Any) -> PlainDecimal:
    """Return the field of an amount of points."""
    return PlainDecimal(before=14, after=6, **kwargs)


class CustomFields(StrictField):
    """An object of extra data, at most 8 KB as JSON; null stands for none."""

    default_error_messages = {
        "object": "must be an object",
        "characters": "contains characters that cannot be stored",
        "deep": f"must not nest deeper than {_MAX_DEPTH} levels",
        "number": "contains a number that is out of range",
        "large": _TOO_LARGE,
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object; what it is merged into may make it too large later."""
        if not isinstance(data, dict):
            self.fail("object")
        waiting = [(data, 1)]
        while waiting:
            value, depth = waiting.pop()
            if depth > _MAX_DEPTH:
                self.fail("deep")
            if isinstance(value, dict):
                waiting.extend((inner, depth + 1) for inner in value.values())
                waiting.extend((key, depth) for key in value)
            elif isinstance(value, list):
                waiting.extend((inner, depth + 1) for inner in value)
            elif isinstance(value, str) and UNSTORABLE.search(value):
                self.fail("characters")
            elif isinstance(value, JSONNumber) and not _storable(value.literal):
                self.fail("number")
        plain: dict[str, Any] = _in_plain_notation(data)
        # Null removes a key, and counts for nothing.
        kept = {key: inner for key, inner in plain.items() if inner is not None}
        if len(exact_json.dumps(kept)) > MAX_CUSTOM_FIELDS_BYTES:
            self.fail("large")
        return plain


def _in_plain_notation(value: Any) -> Any:
    """Return the JSON value with its numbers written as PostgreSQL will keep them.

    1e300 becomes 301 digits there: they count for the size, and stand in every answer.
    """
    if isinstance(value, dict):
        return {key: _in_plain_notation(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_plain_notation(inner) for inner in value]
    if isinstance(value, JSONNumber):
        text = format(Decimal(value.literal), "f")
        return JSONNumber(text.removeprefix("-") if _is_zero(text) else text)
    return value


def _storable(literal: str) -> bool:
    # Beyond a double's range other readers see infinity or zero.
    value = float(literal)
    return len(literal) <= 400 and math.isfinite(value) and (value != 0 or _is_zero(literal))


def _is_zero(literal: str) -> bool:
    return not re.search("[1-9]", literal.lower().partition("e")[0])


def merge_custom_fields(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    """Return the old fields with the new ones merged in key by key; null removes a key.

    Raises:
        ValueError: The result is larger than 8 KB as JSON.
    """
    if new is None:
        return {}
    merged = {key: value for key, value in {**old, **new}.items() if value is not None}
    if len(exact_json.dumps(merged)) > MAX_CUSTOM_FIELDS_BYTES:
        raise ValueError(_TOO_LARGE)
    return merged


def merged_custom_fields(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    """Do as ``merge_custom_fields`` for an object whose ``custom_fields`` they are.

    Raises:
        InvalidField: The result is too large.
    """
    try:
        return merge_custom_fields(old, new)
    except ValueError as error:
        raise InvalidField("custom_fields", str(error)) from error


# --- on the way out -----------------------------------------------------------------


def plain_decimal(value: Decimal | str) -> str:
    """Return ``"13.5"``: no exponent, no useless zeros, one digit after the point."""
    text = value if isinstance(value, str) else format(value, "f")
    text = text.rstrip("0") if "." in text else f"{text}."
    if text[-1] == ".":
        text += "0"
    return "0.0" if text == "-0.0" else text


def money(value: Decimal, currency: str) -> str:
    """Return ``"28.40 GBP"``."""
    # A sum may be a negative zero.
    return f"{value:.2f} {currency}" if value else f"0.00 {currency}"


# A lookup of ZoneInfo's own costs five times as much, a hundred times on a page.
time_zone = lru_cache(maxsize=1024)(ZoneInfo)


def local_time(seconds: int, zone: ZoneInfo) -> str:
    """Return the time, given in seconds since 1970, in the zone and with its offset."""
    return datetime.fromtimestamp(seconds, zone).isoformat()
