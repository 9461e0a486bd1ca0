"""Phone numbers as they are kept: E.164 where they can be read (companion, section 6)."""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import phonenumbers

# Letters are no digits: "0612345678 (mum)" is kept whole rather than cut.
_SEPARATING = r"\s()\[\].\-/\u00a0\u2010-\u2015\u2212"
_NUMBER = re.compile(rf"[(\[]?\+?[\d{_SEPARATING}]+")
_SEPARATORS = re.compile(f"[{_SEPARATING}]+")
# How a national prefix is written beside the country code that replaces it.
_LEFT_OUT = re.compile(r"^\+(\d+) ?\(0\)")


def normalise_phone(text: str, country: str) -> str:
    """Return the number in E.164, or the trimmed text where it cannot be read.

    Args:
        text: What was typed, in national or international format.
        country: Where a national number is at home, two letters.
    """
    text = text.strip()
    typed = _typed(text)
    if not _NUMBER.fullmatch(typed):
        return text
    plan = _plan(country)
    known = plan and _read_plainly(_SEPARATORS.sub("", typed), plan)
    if known:
        return known
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException:
        return text
    # Possible is enough: validity changes with each numbering plan.
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _typed(text: str) -> str:
    """Return a number as a keyboard would write it.

    Telephones copy numbers with invisible marks of direction; some keyboards write wide digits.
    """
    if text.isascii():
        return text
    wide = unicodedata.normalize("NFKC", text)
    return "".join(one for one in wide if unicodedata.category(one) != "Cf").strip()


class _Plan(NamedTuple):
    """What a country's plain numbers look like, as the library knows it."""

    code: str
    national: re.Pattern[str]
    # What is dialled before a national number, "" where nothing is.
    prefix: str
    # With what no plain number begins.
    odd: tuple[str, ...]
    abroad: re.Pattern[str]


@cache
def _plan(country: str) -> _Plan | None:
    """Return the country's plan, None where only the library can read its numbers."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if metadata is None or metadata.national_prefix_transform_rule is not None:
        return None
    code, described = metadata.country_code, metadata.general_desc
    if code is None or described is None or described.national_number_pattern is None:
        return None
    if phonenumbers.region_code_for_country_code(code) != country:
        # It shares its code, and another country's plan judges its numbers.
        return None
    prefix = metadata.national_prefix or ""
    odd = [part for part in (metadata.national_prefix_for_parsing or "").split("|") if part]
    if not all(part.isdigit() for part in odd) or (prefix and prefix not in odd):
        return None
    return _Plan(
        str(code),
        re.compile(described.national_number_pattern),
        prefix,
        tuple(odd),
        re.compile(metadata.international_prefix or "00"),
    )


def _read_plainly(bare: str, plan: _Plan) -> str | None:
    """Return a number that can be read in one way only, without the library's 40 us.

    Args:
        bare: The number without separators.
        plan: Of the country where it is at home if it has no country code.
    """
    if bare.startswith("+"):
        if not bare.startswith(plan.code, 1):
            return None
        rest = bare[1 + len(plan.code) :]
    else:
        if plan.abroad.match(bare):
            return None
        rest = bare.removeprefix(plan.prefix)
    if not rest.isascii() or rest.startswith(plan.odd) or not plan.national.fullmatch(rest):
        return None
    return f"+{plan.code}{rest}"


def needs_country(pattern: str) -> bool:
    """Return whether it depends on a country how the pattern of a phone filter is read."""
    # A plus that nobody encoded arrives as a space.
    return not pattern.startswith(("+", "*", " "))


def phone_patterns(pattern: str, country: str) -> list[str]:
    """Return the patterns under which numbers like this one may be kept.

    It is taken as it stands, as numbers are kept that could not be read, and also read as a
    number: one with ``*`` without separators, and from a national beginning like ``06*`` to
    ``+336*``.
    """
    pattern = pattern.strip()
    if "*" not in pattern:
        return list(dict.fromkeys([normalise_phone(pattern, country), pattern]))
    typed = _typed(pattern)
    if not _NUMBER.fullmatch(typed.replace("*", "") or "x"):
        return [pattern]
    bare = _SEPARATORS.sub("", _LEFT_OUT.sub(r"+\1", typed))
    return list(dict.fromkeys([*_international(bare, country), pattern]))


def _international(pattern: str, country: str) -> list[str]:
    if pattern.startswith(("+", "*")):
        return [pattern]
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if metadata is None:
        return [pattern]
    # What is dialled in that country before a foreign number: 00, or 011 in America.
    abroad = re.match(metadata.international_prefix or "00", pattern)
    if abroad:
        return ["+" + pattern[abroad.end() :]]
    code, prefix = str(metadata.country_code), metadata.national_prefix or ""
    read = [f"+{code}{pattern.removeprefix(prefix)}"]
    # 336* may be +336* whose plus nobody typed.
    return [*read, f"+{pattern}"] if pattern.startswith(code) else read
