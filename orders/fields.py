"""Values of an order on the wire: amounts of money, times, and what nests (companion, 4 and 8)."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework.exceptions import ValidationError

from hubcustomers import exact_json
from hubcustomers.api.fields import (
    MAX_CUSTOM_FIELDS_BYTES,
    UNSTORABLE,
    CustomFields,
    OneOf,
    PlainDecimal,
    StrictField,
)

_MONEY = re.compile(r"(-?[0-9]{1,8}\.[0-9]{2}) ([A-Z]{3})")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


class Money(StrictField):
    """An amount in the account's currency, ``"9.00 EUR"``: eight digits, point, two digits.

    The currency is the serializer's context, see ``OrderBody``.

    Args:
        negative: Take amounts below zero too.
    """

    default_error_messages = {
        "money": 'must be an amount with two decimals in {currency}, like "9.00 {currency}"',
        "negative": "must not be negative",
    }

    def __init__(self, *, negative: bool = False, **kwargs: Any) -> None:
        """Take the limit and DRF's own arguments."""
        self.negative = negative
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        """Return the amount."""
        currency = self.context["currency"]
        match = _MONEY.fullmatch(data) if isinstance(data, str) else None
        if match is None or match[2] != currency:
            self.fail("money", currency=currency)
        # Adding zero takes the sign from -0.00.
        amount = Decimal(match[1]) + 0
        if amount < 0 and not self.negative:
            self.fail("negative")
        return amount


class PositiveDecimal(PlainDecimal):
    """A decimal that is zero or more."""

    default_error_messages = {"negative": "must not be negative"}

    def to_internal_value(self, data: Any) -> Decimal | None:
        """Return the number, exactly as written."""
        value = super().to_internal_value(data)
        if value is not None and value < 0:
            self.fail("negative")
        return value


class Moment(StrictField):
    """A time in ISO 8601, kept to the second; without an offset it is the location's time.

    The location's zone is the serializer's context, see ``OrderBody``.
    """

    default_error_messages = {
        "time": "must be a time of ISO 8601, like 2020-01-18T17:15:11+01:00",
        "range": "must be between the years 1970 and 2999",
    }

    def to_internal_value(self, data: Any) -> datetime | None:
        """Return the time, with an offset."""
        if data == "":
            return None
        moment = read_time(data, self.context["zone"])
        if moment is None:
            self.fail("time")
        if not 1970 <= moment.year < 3000:
            self.fail("range")
        return moment.replace(microsecond=0)


def read_time(text: Any, zone: ZoneInfo) -> datetime | None:
    """Return the time in the text, in the zone where it names no offset; None if it is none."""
    if not (isinstance(text, str) and _TIME.fullmatch(text)):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


class Status(OneOf):
    """One of a few words, of which one must be given."""

    default_error_messages = {"blank": "can't be blank", "null": "can't be blank"}

    def to_internal_value(self, data: Any) -> str:
        """Return the word."""
        value = super().to_internal_value(data)
        if value is None:
            self.fail("blank")
        return value


class Details(CustomFields):
    """An object of extra data in a part of the order, at most 8 KB as JSON."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object."""
        value = super().to_internal_value(data)
        if len(exact_json.dumps(value)) > MAX_CUSTOM_FIELDS_BYTES:
            self.fail("large")
        return value


class _Several(StrictField):
    """The base of what holds several values of one kind."""

    default_error_messages = {
        "array": "must be an array",
        "object": "must be an object",
        "many": "has too many entries (maximum is {max_count})",
    }

    def __init__(self, of: Any, *, max_count: int, **kwargs: Any) -> None:
        """Take the field or serializer of one value, and how many there may be."""
        super().__init__(required=False, allow_null=True, **kwargs)
        self.max_count = max_count
        self.of = of
        self.of.bind(field_name="", parent=self)

    def read_all(self, entries: list[tuple[Any, str, Any]]) -> list[tuple[Any, Any]]:
        """Return each key with its validated value; faults are named by their path."""
        if len(entries) > self.max_count:
            self.fail("many", max_count=self.max_count)
        values, errors = [], {}
        for key, path, entry in entries:
            try:
                values.append((key, self.of.run_validation(entry)))
            except ValidationError as error:
                errors[path] = error.detail
        if errors:
            raise ValidationError(errors)
        return values


class ArrayOf(_Several):
    """An array; null stands for an empty one."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the values."""
        if not isinstance(data, list):
            self.fail("array")
        entries = [(number, f"[{number}]", entry) for number, entry in enumerate(data)]
        return [value for _, value in self.read_all(entries)]


class MapOf(_Several):
    """An object whose keys mean nothing but themselves; null stands for an empty one."""

    default_error_messages = {"characters": "has a key that cannot be stored"}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the values by key."""
        # An empty object is an empty array to clients written in PHP.
        if data == []:
            return {}
        if not isinstance(data, dict):
            self.fail("object")
        if any(UNSTORABLE.search(key) or len(key) > 255 for key in data):
            self.fail("characters")
        return dict(self.read_all([(key, key, entry) for key, entry in data.items()]))
