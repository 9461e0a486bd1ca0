"""Clues of a person: the values to look for, and the forms in which they may stand somewhere."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

import phonenumbers

from customers.models import ANONYMISED_FIELDS, Customer
from hubcustomers.phones import normalise_phone

# What anonymising leaves (companion, section 6), so that nobody looks for it.
KEPT_FIELDS = (
    "private_ref city state country sms_marketing email_marketing custom_fields"
    " id customer_list_id anonymised"
).split()
_SHARED_FIELDS = set(
    "first_name last_name gender birth_date company_name address_2 postal_code latitude"
    " longitude phone_access_code".split()
)
# Anything shorter stands in too many places to tell one person.
_SHORTEST_TELLING = 6
_SHORTEST_NUMBER = 7


@dataclass(frozen=True)
class Clue:
    """One value of the person.

    Attributes:
        field: Whose value it is, like ``email``.
        tells: Whether it tells the person by itself.
        forms: Regular expressions that PostgreSQL and Python read alike.
    """

    field: str
    tells: bool
    forms: list[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return what finds the value; one that many share only as a whole word."""
        either = "|".join(self.forms)
        whole = either if self.tells else rf"(?<!\w)(?:{either})(?!\w)"
        return re.compile(whole, re.IGNORECASE)


def clues_of(values: Mapping[str, Any], *, country: str | None) -> list[Clue]:
    """Return what to look for.

    Args:
        values: The person's fields before they were erased; a list where a field had several
            values.
        country: Where a national phone number is at home, two letters.
    """
    clues = []
    for name, value in _one_by_one(values):
        text = "" if value is None else str(value).strip()
        if not text or name in KEPT_FIELDS:
            continue
        if name in ("latitude", "longitude"):
            text = _without_zeros(text)
        forms = _forms(text)
        tells = name not in _SHARED_FIELDS and len(text) >= _SHORTEST_TELLING
        if name == "phone":
            number = _number_form(text, country)
            tells = number is not None
            forms += [number] if number else []
        elif name in ("latitude", "longitude"):
            # A column of numbers shows all of its digits.
            forms = [f"{form}0*" for form in forms]
        clues.append(Clue(name, tells, forms))
    return clues


def fields_of(clues: Iterable[Clue]) -> list[str]:
    """Return whose values the clues are, each once."""
    return list(dict.fromkeys(clue.field for clue in clues))


def _one_by_one(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each


def _forms(text: str) -> list[str]:
    """Return the value as it may stand in text, in JSON and in a URL."""
    written = [
        text,
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(text)[1:-1],
        quote(text, safe=""),
        quote_plus(text),
    ]
    cases = [case for form in written for case in (form, form.lower(), form.upper())]
    cases += [_as_bytes(case) for case in cases]
    return [re.escape(form) for form in dict.fromkeys(cases)]


def _as_bytes(text: str) -> str:
    """Return the text as ``encode(…, 'escape')`` shows its bytes."""
    return "".join(
        chr(byte) if 0 < byte < 128 and byte != 92 else "\\\\" if byte == 92 else f"\\{byte:03o}"
        for byte in text.encode()
    )


def _number_form(text: str, country: str | None) -> str | None:
    """Return the digits that every spelling of the number has, separators allowed."""
    kept = normalise_phone(text, country or "ZZ")
    digits = re.sub(r"\D", "", kept)
    if kept.startswith("+"):
        try:
            digits = str(phonenumbers.parse(kept).national_number)
        except phonenumbers.NumberParseException:
            pass
    if len(digits) < _SHORTEST_NUMBER:
        return None
    return r"[-. ()/]{0,3}".join(digits)


def telling_sql(clues: list[Clue], text: str) -> tuple[str, dict[str, str]]:
    """Return the condition that a text tells of the person, and what it binds.

    It does by what tells a person by itself, or by first and last name together; without any
    such clue it is false.

    Args:
        clues: What to look for.
        text: An expression in SQL.
    """
    bound = {
        "telling": "|".join(form for clue in clues if clue.tells for form in clue.forms),
        **{
            name: "|".join(form for clue in clues if clue.field == name for form in clue.forms)
            for name in ("first_name", "last_name")
        },
    }
    conditions = [f"{text} ~* %(telling)s"] if bound["telling"] else []
    if bound["first_name"] and bound["last_name"]:
        conditions.append(f"({text} ~* %(first_name)s AND {text} ~* %(last_name)s)")
    return f"({' OR '.join(conditions) or 'false'})", bound


def _without_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def values_of(*customers: Customer) -> dict[str, str | list[str]]:
    """Return what anonymising will erase, to be kept until it is proved erased.

    Args:
        customers: The person's rows: one, and those that were merged into it.

    Returns:
        Fields by name; a list where the rows differ.
    """
    values: dict[str, str | list[str]] = {}
    for name in ANONYMISED_FIELDS:
        found = {_text_of(getattr(customer, name)): None for customer in customers}
        texts = [text for text in found if text]
        if texts:
            values[name] = texts[0] if len(texts) == 1 else texts
    return values


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    return _without_zeros(str(value)) if isinstance(value, Decimal) else str(value)


class Haystack:
    """Texts in which many people are looked for: says quickly of whom nothing can be there.

    Letters and digits of ASCII stand in every form of a value as they are, whatever is
    escaped around them, so a value whose longest run of them is missing is missing itself.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the texts."""
        self.text = "\n".join(texts).lower()
        self.digits = re.sub(r"[^0-9\n]", "", self.text)

    def may_show(self, values: Mapping[str, Any]) -> bool:
        """Return whether a value of the person may stand in the texts; False is certain."""
        return any(
            self._may_hold(name, str(value))
            for name, value in values.items()
            if value not in (None, "") and name not in KEPT_FIELDS
        )

    def _may_hold(self, name: str, value: str) -> bool:
        if name in ("latitude", "longitude"):
            value = _without_zeros(value)
        if name == "phone":
            # In any spelling, with or without code and extension, seven of its digits follow
            # one another.
            digits = re.sub(r"[^0-9]", "", value)
            starts = range(len(digits) - _SHORTEST_NUMBER + 1)
            if starts:
                return any(digits[n : n + _SHORTEST_NUMBER] in self.digits for n in starts)
        run = max(re.findall("[a-z0-9]+", value.lower()), key=len, default="")
        return run in self.text
