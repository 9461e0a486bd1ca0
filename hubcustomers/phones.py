"""Phone numbers as they are kept: E.164 where they can be read (companion, section 6)."""

import re

import phonenumbers

# Letters are no digits: "0612345678 (mum)" is kept whole rather than cut.
_NUMBER = re.compile(r"\+?[\d\s().\-/\u00a0\u2010-\u2015]+")
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")


def normalise_phone(text: str, country: str) -> str:
    """Return the number in E.164, or the trimmed text where it cannot be read.

    Args:
        text: What was typed, in national or international format.
        country: Where a national number is at home, two letters.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return text
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return text
    # Possible is enough: validity changes with each numbering plan.
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def needs_country(pattern: str) -> bool:
    """Return whether it depends on a country how the pattern of a phone filter is read."""
    # A plus that nobody encoded arrives as a space.
    return not pattern.startswith(("+", "*", " "))


def phone_patterns(pattern: str, country: str) -> list[str]:
    """Return the patterns under which numbers like this one may be kept.

    A pattern with ``*`` is taken as it stands, and also read as a number: without
    separators, and from a national beginning like ``06*`` to ``+336*``.
    """
    pattern = pattern.strip()
    if "*" not in pattern:
        return [normalise_phone(pattern, country)]
    if not _NUMBER.fullmatch(pattern.replace("*", "") or "x"):
        return [pattern]
    bare = _SEPARATORS.sub("", pattern)
    return list(dict.fromkeys([_international(bare, country), pattern]))


def _international(pattern: str, country: str) -> str:
    if pattern.startswith(("+", "*")):
        return pattern
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if metadata is None:
        return pattern
    # What is dialled in that country before a foreign number: 00, or 011 in America.
    abroad = re.match(metadata.international_prefix or "00", pattern)
    if abroad:
        return "+" + pattern[abroad.end() :]
    return f"+{metadata.country_code}{pattern.removeprefix(metadata.national_prefix or '')}"
