"""Filters of index endpoints: exact ones, and patterns with stars (companion, section 6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import django_filters
from django.db.models import Q, Value
from django.db.models.functions import Lower

from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.exceptions import InvalidField
from hubcustomers.phones import phone_patterns

MAX_PATTERN_LENGTH = 128
MAX_STARS = 8
# No text in use goes on with this character, so it closes the range of a prefix.
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Condition:
    """One comparison that a filter asks for.

    Attributes:
        lookup: The ORM's name of it, like ``phone__gte``.
        value: The text, or the number of a row, to compare with.
        folded: Lower the text first, as the database lowers the column.
    """

    lookup: str
    value: str | int
    folded: bool = False


# Conditions that hold together; a filter asks for one or several such groups.
Alternatives = list[list[Condition]]


class ExactFilter(django_filters.CharFilter):
    """Equal to the given text; ``?name=`` means equal to the empty text."""

    def check(self, name: str, text: str) -> None:
        """Refuse a text that the database cannot compare.

        Raises:
            InvalidField: Characters that no row can hold.
        """
        if UNSTORABLE.search(text):
            raise InvalidField(name, "contains characters that cannot be stored")

    def conditions(self, text: str, country: str) -> Alternatives:
        """Return what a row must fulfil; the country is where national numbers are at home."""
        return [[Condition(str(self.field_name), text)]]


class WildcardFilter(ExactFilter):
    """Matches a pattern in which ``*`` stands for any run of characters, none included.

    Args:
        folded: Ignore case; the column must be lowered already.
    """

    def __init__(self, *args: Any, folded: bool = False, **kwargs: Any) -> None:
        """Take CharFilter's arguments and whether case counts."""
        self.folded = folded
        super().__init__(*args, **kwargs)

    def check(self, name: str, text: str) -> None:
        """Refuse also a pattern that costs too much; without a star any text may be asked.

        Raises:
            InvalidField: Too long, too many stars, or characters that no row can hold.
        """
        super().check(name, text)
        if "*" in text and len(text) > MAX_PATTERN_LENGTH:
            raise InvalidField(name, f"is too long (maximum is {MAX_PATTERN_LENGTH} characters)")
        if text.count("*") > MAX_STARS:
            raise InvalidField(name, f"has too many stars (maximum is {MAX_STARS})")

    def conditions(self, text: str, country: str) -> Alternatives:
        """Return what a row must fulfil."""
        return [pattern_conditions(str(self.field_name), text, folded=self.folded)]


class PhoneFilter(WildcardFilter):
    """A wildcard filter that reads numbers the way they are kept."""

    def conditions(self, text: str, country: str) -> Alternatives:
        """Return what a row must fulfil."""
        # A plus that nobody encoded arrives as a space (spec 2.2 sends it so).
        if text.startswith(" "):
            text = "+" + text[1:]
        field = str(self.field_name)
        return [pattern_conditions(field, pattern) for pattern in phone_patterns(text, country)]


class HubFilterSet(django_filters.FilterSet):
    """Filters that act when their parameter is present, empty or not."""

    @classmethod
    def read(cls, parameters: Mapping[str, str], *, country: str = "") -> list[Alternatives]:
        """Return what the query string asks for, one entry for each filter present.

        Raises:
            InvalidField: A filter's text cannot be compared; the parameter is named.
        """
        asked = []
        for name, declared in cls.base_filters.items():
            if name in parameters:
                declared.check(name, parameters[name])
                asked.append(declared.conditions(parameters[name], country))
        return asked


def asked_for(filters: list[Alternatives], lookup: str) -> str | int | None:
    """Return the one value that a filter compares under this lookup; None without such one."""
    for alternatives in filters:
        if len(alternatives) == 1 and [one.lookup for one in alternatives[0]] == [lookup]:
            return alternatives[0][0].value
    return None


def asking_instead(
    filters: list[Alternatives], lookup: str, other: Alternatives
) -> list[Alternatives]:
    """Return the filters with another one in the place of that under the lookup."""
    return [
        other if [[one.lookup for one in group] for group in each] == [[lookup]] else each
        for each in filters
    ]


def any_of(alternatives: Alternatives, expression: Callable[[str | int], Any] = Value) -> Q:
    """Return the alternatives as one condition of the ORM.

    Args:
        alternatives: Groups of conditions of which one must hold.
        expression: Makes an expression of each value.
    """
    either = Q()
    for conditions in alternatives:
        group = Q()
        for condition in conditions:
            value = expression(condition.value)
            group &= Q((condition.lookup, Lower(value) if condition.folded else value))
        either |= group
    return either


def pattern_conditions(field: str, pattern: str, *, folded: bool = False) -> list[Condition]:
    """Return what a text must fulfil to match the pattern.

    Beginnings and endings become ranges, so that an index serves them; the column's
    ``reversed`` lookup gives the text from its end.
    """
    if "*" not in pattern:
        return [Condition(field, pattern, folded)]
    start, *middle, end = pattern.split("*")
    conditions = [
        Condition(f"{name}__{comparison}", bound, folded)
        for name, prefix in ((field, start), (f"{field}__reversed", end[::-1]))
        if prefix
        for comparison, bound in (("gte", prefix), ("lt", prefix + _LAST_CHARACTER))
    ]
    # A lone beginning or ending is said by its range; the rest needs the pattern itself.
    if any(middle) or (start and end) or not conditions:
        conditions.append(Condition(f"{field}__like", _escape(pattern), folded))
    return conditions


def _escape(pattern: str) -> str:
    for special in "\\%_":
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%")
