"""Looking for many people in few texts: who cannot be there is left out, who can never is."""

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.clues import Haystack, clues_of

PERSON: dict[str, Any] = {
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Élodie",
    "last_name": "O'Neil",
    "phone": "+33612345678",
    "latitude": Decimal("48.8589507000"),
    "address_1": "1 avenue des Champs Elysées",
}


@pytest.mark.parametrize(
    "text",
    [
        "write to CHARLES.MOORE@dummy-mail.org",
        "charles.moore%40dummy-mail.org",
        "Call 06 12 34 56 78",
        "+33 (0)6-12.34.56.78",
        "at 48.8589507",
        '"1 avenue des Champs Elys\\u00e9es"',
        "%C3%89lodie",
        "Mrs O&apos;Neil",
    ],
)
def test_who_may_be_there_is_said(text: str) -> None:
    assert Haystack(["nothing", text]).may_show(PERSON)


def test_who_cannot_be_there_is_left_out() -> None:
    texts = Haystack(["By letter, on 3 May; 12 34 56", "Moore came by"])

    assert not texts.may_show(PERSON)
    assert not Haystack([]).may_show(PERSON)
    # What anonymising keeps is not looked for.
    assert not texts.may_show({"city": "By letter", "email": None, "phone": ""})


def test_of_a_name_without_letters_of_ascii_nothing_is_certain() -> None:
    assert Haystack(["anything"]).may_show({"first_name": "王", "last_name": None})


@given(st.text(min_size=1, max_size=20), st.sampled_from(["email", "first_name", "phone"]))
def test_whatever_a_search_would_find_may_be_there(value: str, name: str) -> None:
    clues = clues_of({name: value}, country="FR")
    for clue in clues:
        for form in clue.forms:
            written = re.sub(r"\\(.)", r"\1", form)
            if clue.pattern.search(written):
                assert Haystack([written]).may_show({name: value})
