"""Plain phone numbers are read without the library, and to the same end."""

import phonenumbers
import pytest

from hubcustomers import phones


def by_the_library(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def spellings(country: str, digits: str) -> list[str]:
    code = phonenumbers.country_code_for_region(country)
    plan = phones._plan(country)
    prefix = plan.prefix if plan else ""
    starts = ["", prefix, f"+{code}", f"+{code}{prefix}", str(code), f"00{code}", "+", "0", "1"]
    return [start + digits for start in starts]


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_reads_as_the_library_does(country: str) -> None:
    examples = set()
    for kind in range(11):
        example = phonenumbers.example_number_for_type(country, kind)
        if example:
            national = phonenumbers.national_significant_number(example)
            examples |= {national, national[:-1], national + "5", national[1:], f"0{national}"}

    for digits in sorted(examples):
        for text in spellings(country, digits):
            assert phones.normalise_phone(text, country) == by_the_library(text, country), text


def test_separators_do_not_matter() -> None:
    for text in ("06 12.34-56/78", "+33 (6) 12 34 56 78", " 0612345678 "):
        assert phones.normalise_phone(text, "FR") == "+33612345678"
