"""Rows of a file, judged by the rules of the API and written down for COPY.

Most rows of most files are plain: short texts of printable characters. Those take a fast
path of a few microseconds; any doubt sends a row to the API's own serializers, which also
say what is wrong. Both give the same values, which a test compares.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rest_framework.exceptions import ValidationError

from customers.models import ANONYMISED_FIELDS
from customers.serializers import CustomerSerializer
from hubcustomers import exact_json
from hubcustomers.api.errors import flatten
from hubcustomers.api.fields import (
    Boolean,
    StrictField,
    Text,
    merge_custom_fields,
    points_field,
)
from hubcustomers.api.viewsets import KeptSerializer
from hubcustomers.cells import restore
from hubcustomers.countries import COUNTRY_CODES
from hubcustomers.phones import normalise_phone
from transfer.mapping import CARD_FIELDS, CUSTOM
from transfer.reading import Cells, Layout

NULL = "\\N"
_TEXTS = frozenset(
    "private_ref email first_name last_name company_name address_1 address_2 postal_code city"
    " state delivery_notes phone_access_code card_name card_ref".split()
)
_BOOLEANS = {"sms_marketing", "email_marketing", "anonymised"}
_JSON = {"custom_fields", "loyalty_cards"}
_WORDS = {
    **dict.fromkeys(("true", "yes", "1", "oui", "vrai", "t", "y", "o"), True),
    **dict.fromkeys(("false", "no", "0", "non", "faux", "f", "n"), False),
}
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DEGREES = re.compile(r"-?[0-9]{1,2}(?:\.[0-9]{1,10})?")
_POINTS = re.compile(r"-?[0-9]{1,14}(?:\.[0-9]{1,6})?")


class Refused(ValueError):
    """A row breaks a rule; the message names the fields and says which."""


class _Doubt(Exception):
    """The fast path cannot tell; the API's rules judge the row."""


class _Moment(StrictField):
    default_error_messages = {"moment": "must be a time in the form 2026-01-31T12:00:00+01:00"}

    def to_internal_value(self, data: Any) -> str | None:
        if data == "":
            return None
        try:
            moment = datetime.fromisoformat(data)
        except (TypeError, ValueError):
            self.fail("moment")
        if moment.utcoffset() is None:
            self.fail("moment")
        return moment.isoformat()


class _Row(CustomerSerializer):
    """A customer as a file may tell it: the body of the API, and what only files say."""

    anonymised = Boolean(required=False)
    created_at = _Moment(required=False, allow_null=True)


class _Card(KeptSerializer):
    """A card as a file may tell it."""

    name = Text(required=False)
    ref = Text(required=False, allow_null=True, empty_is_null=True)
    balance = points_field(required=False)


@dataclass
class Card:
    """A card of a row."""

    name: str
    ref: str | None
    balance: Decimal


@dataclass
class Row:
    """What one row says, ready for COPY.

    Attributes:
        values: By field, as COPY reads them; what the row does not say is not in it.
        cleared: The fields that the row empties.
        cards: Its cards.
    """

    values: dict[str, str]
    cleared: list[str] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)


class RowReader:
    """Reads the rows of one file."""

    def __init__(self, layout: Layout, fields: Mapping[str, str], *, country: str) -> None:
        """Take the file's layout and the field of each column.

        Args:
            layout: Of the file.
            fields: From column to field, "" for those left out.
            country: Where national phone numbers are at home.
        """
        self.layout, self.country = layout, country
        self.fields = dict(fields)
        self.plan = [
            (place, fields[column]) for place, column in enumerate(layout.columns) if fields[column]
        ]
        self._plain_plan = [(place, name, _PLAIN.get(name)) for place, name in self.plan]
        # Where cells need more than the fast path knows, it is not tried.
        self._plain = all(
            name in _TEXTS or name in _PLAIN or name == "phone" for _, name in self.plan
        )
        self._cards = any(name in CARD_FIELDS for _, name in self.plan)

    def read(self, cells: Cells) -> Row:
        """Return what the row says.

        Raises:
            Refused: It breaks a rule.
        """
        if isinstance(cells, str):
            raise Refused("the line is not a JSON object")
        if isinstance(cells, dict):
            return self._judge(self._of_members(cells))
        width = len(self.layout.columns)
        if len(cells) != width and any(cells[width:]):
            raise Refused(f"has {len(cells)} cells, the header has {width}")
        if len(cells) < width:
            raise Refused(f"has {len(cells)} cells, the header has {width}")
        if self._plain:
            joined = "".join(cells)  # type: ignore[arg-type]
            if (
                len(joined) <= 255
                and joined.isprintable()
                and "'" not in joined
                and "\\" not in joined
            ):
                try:
                    return _said(self._read_plain(cells))
                except _Doubt:
                    pass
        return self._judge(self._of_cells(cells))

    # --- the fast path ------------------------------------------------------------------

    def _read_plain(self, cells: list[Any]) -> Row:
        values = {}
        for place, name, convert in self._plain_plan:
            text = cells[place]
            if text:
                values[name] = text if convert is None else convert(text)
        if "phone" in values:
            number = normalise_phone(values["phone"], values.get("country") or self.country)
            if not number:
                raise _Doubt
            values["phone"] = number
        if "anonymised" in values:
            raise _Doubt
        if not self._cards:
            return Row(values)
        name, ref, balance = (values.pop(known, None) for known in CARD_FIELDS)
        if name is None and ref is None and balance is None:
            return Row(values)
        return Row(values, cards=[Card(name or "", ref, Decimal(balance or 0))])

    # --- the rules of the API -----------------------------------------------------------

    def _of_cells(self, cells: list[str | None]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for place, name in self.plan:
            value = cells[place] and restore(cells[place] or "")
            # An empty cell says nothing.
            if value is None or cells[place] == "":
                continue
            if name.startswith(CUSTOM):
                body.setdefault("custom_fields", {})[name.removeprefix(CUSTOM)] = value
            elif name in _JSON:
                found = _json(name, value)
                if name == "custom_fields" and isinstance(found, dict):
                    found = {**found, **body.get(name, {})}
                body[name] = found
            elif name in _BOOLEANS:
                body[name] = _WORDS.get(value.strip().lower(), value)
            else:
                body[name] = value
        return body

    def _of_members(self, members: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for key, value in members.items():
            name = self.fields.get(key, "")
            if name.startswith(CUSTOM):
                body.setdefault("custom_fields", {})[name.removeprefix(CUSTOM)] = value
            elif name == "custom_fields" and isinstance(value, dict):
                body[name] = {**value, **body.get(name, {})}
            elif name:
                body[name] = value
        return body

    def _judge(self, body: dict[str, Any]) -> Row:
        faults: list[tuple[str, str]] = []
        if body.get("anonymised") is True:
            # What was erased is not even read (companion, section 6).
            body = {name: value for name, value in body.items() if name not in ANONYMISED_FIELDS}
        try:
            validated = _Row.read(body)
        except ValidationError as error:
            faults += flatten(error.detail)
        cards = _cards_of(body, faults)
        if faults:
            raise Refused("; ".join(f"{name} {sentence}" for name, sentence in faults))
        return _said(self._written(validated, cards))

    def _written(self, validated: dict[str, Any], cards: list[Card]) -> Row:
        if validated.get("phone"):
            country = validated.get("country") or self.country
            validated["phone"] = normalise_phone(validated["phone"], country) or None
        if validated.get("custom_fields"):
            try:
                merge_custom_fields({}, validated["custom_fields"])
            except ValueError as error:
                raise Refused(f"custom_fields {error}") from error
        values = {name: _written(value) for name, value in validated.items() if value is not None}
        cleared = [name for name, value in validated.items() if value is None]
        return Row(values, cleared, cards)


def _said(row: Row) -> Row:
    # Spreadsheets like to end with rows of empty cells.
    if not (row.values or row.cleared or row.cards):
        raise Refused("the row says nothing about a customer")
    return row


def _json(name: str, text: str) -> Any:
    try:
        return exact_json.loads(text)
    except exact_json.UnreadableJSON as error:
        raise Refused(f"{name} is not JSON: {error}") from error


def _cards_of(body: Mapping[str, Any], faults: list[tuple[str, str]]) -> list[Card]:
    """Return the cards of a row; add what is wrong with them to the faults."""
    one = {known.removeprefix("card_"): body[known] for known in CARD_FIELDS if known in body}
    told = [("card_", one)] if any(value is not None for value in one.values()) else []
    more = body.get("loyalty_cards") or []
    if not isinstance(more, list) or not all(isinstance(card, dict) for card in more):
        faults.append(("loyalty_cards", "must be an array of objects"))
        more = []
    told += [("loyalty_cards.", card) for card in more]
    cards: list[Card] = []
    for prefix, card in told:
        known = {key: value for key, value in card.items() if value is not None}
        try:
            read = _Card.read(known)
        except ValidationError as error:
            faults += [(f"{prefix}{name}", text) for name, text in flatten(error.detail)]
            continue
        name = read.get("name") or ""
        if any(name == other.name for other in cards):
            faults.append((f"{prefix}name", "has already been taken"))
        cards.append(Card(name, read.get("ref"), read.get("balance", Decimal(0))))
    return cards


# --- as COPY reads it -------------------------------------------------------------------


def escape(text: str) -> str:
    """Return the text as a value of COPY."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)


def _written(value: Any) -> str:
    match value:
        case bool():
            return "t" if value else "f"
        case str():
            return escape(value)
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            return escape(exact_json.dumps(value).decode())


def _plain_choice(text: str) -> str:
    if text not in ("male", "female"):
        raise _Doubt
    return text


def _plain_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise _Doubt
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise _Doubt from error
    return text


def _plain_country(text: str) -> str:
    if text not in COUNTRY_CODES:
        raise _Doubt
    return text


def _plain_degrees(text: str) -> str:
    if not _DEGREES.fullmatch(text) or abs(float(text)) > 90:
        raise _Doubt
    return text


def _plain_points(text: str) -> str:
    if not _POINTS.fullmatch(text):
        raise _Doubt
    return text


def _plain_boolean(text: str) -> str:
    if text not in _WORDS:
        raise _Doubt
    return "t" if _WORDS[text] else "f"


_PLAIN: dict[str, Callable[[str], str]] = {
    "gender": _plain_choice,
    "birth_date": _plain_date,
    "country": _plain_country,
    "latitude": _plain_degrees,
    "longitude": _plain_degrees,
    "card_balance": _plain_points,
    "sms_marketing": _plain_boolean,
    "email_marketing": _plain_boolean,
    "anonymised": _plain_boolean,
}
