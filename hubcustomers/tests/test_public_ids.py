"""The ids that clients see (companion 3 and 4)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubcustomers.public_ids import (
    PublicId,
    account_ids,
    cursor_ids,
    customer_ids,
    customer_list_ids,
    location_id,
    loyalty_card_ids,
    loyalty_operation_ids,
    parse_location_id,
)

RESOURCES = [
    account_ids,
    customer_list_ids,
    customer_ids,
    loyalty_card_ids,
    loyalty_operation_ids,
    cursor_ids,
]
resources = st.sampled_from(RESOURCES)
numbers = st.integers(min_value=0, max_value=2**63 - 1)
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@given(resources, numbers)
def test_an_id_leads_back_to_its_number(ids: PublicId, number: int) -> None:
    assert ids.decode(ids.encode(number)) == number


@given(resources, numbers)
def test_an_id_is_short_and_of_lower_case_letters_and_digits(ids: PublicId, number: int) -> None:
    assert re.fullmatch("[a-z0-9]{5,16}", ids.encode(number))


@given(resources, numbers, numbers)
def test_two_numbers_have_two_ids(ids: PublicId, one: int, other: int) -> None:
    assert (ids.encode(one) == ids.encode(other)) is (one == other)


@given(resources, st.text(ALPHABET, min_size=1, max_size=16))
def test_only_the_spelling_that_is_given_out_is_an_id(ids: PublicId, text: str) -> None:
    number = ids.decode(text)

    assert number is None or ids.encode(number) == text


@given(resources, st.text(max_size=30))
def test_no_text_is_a_failure(ids: PublicId, text: str) -> None:
    number = ids.decode(text)

    assert number is None or ids.encode(number) == text


@given(resources, numbers)
def test_an_id_in_capitals_is_none(ids: PublicId, number: int) -> None:
    shouted = ids.encode(number).upper()

    assert shouted == ids.encode(number) or ids.decode(shouted) is None


@pytest.mark.parametrize("ids", RESOURCES)
@pytest.mark.parametrize(
    "odd",
    ["", "a", "abcd", "a" * 17, "a" * 10_000, "é" * 5, "\x00" * 5, "ab cd", "ab-cd", "\ud800abcd"],
)
def test_what_cannot_be_an_id_is_none(ids: PublicId, odd: str) -> None:
    assert ids.decode(odd) is None


@given(resources, st.text(ALPHABET, min_size=12, max_size=16))
def test_a_number_beyond_the_database_is_none(ids: PublicId, text: str) -> None:
    assert (ids.decode(text) or 0) < 2**63


def test_each_resource_has_an_alphabet_of_its_own() -> None:
    for number in (1, 2, 1000, 10**9):
        assert len({ids.encode(number) for ids in RESOURCES}) == len(RESOURCES)


def test_neighbours_do_not_look_alike() -> None:
    assert len({customer_ids.encode(number)[:2] for number in range(1, 40)}) > 10


def test_ids_are_stable() -> None:
    # Clients keep these for years: whatever changes here breaks them.
    again = PublicId("customer")

    assert [again.encode(number) for number in range(50)] == [
        customer_ids.encode(number) for number in range(50)
    ]
    assert customer_ids.encode(1) == "i9gnz"
    assert customer_list_ids.encode(1) == "j7fet"
    assert account_ids.encode(1) == "0iuh1"


@given(st.integers(1, 10**6), st.integers(1, 999_999_999))
def test_a_location_is_its_account_a_dash_and_a_number(account: int, number: int) -> None:
    text = location_id(account, number)

    assert text == f"{account_ids.encode(account)}-{number}"
    assert parse_location_id(text) == (account, number)


@given(st.text(alphabet=ALPHABET + "-", max_size=20))
def test_only_the_spelling_that_is_given_out_is_a_location(text: str) -> None:
    parsed = parse_location_id(text)

    assert parsed is None or location_id(*parsed) == text


@pytest.mark.parametrize(
    "tail", ["", "-", "-0", "-01", "-1a", "--1", "-1-1", "- 1", "-²", "-١", "-" + "9" * 40]
)
def test_other_tails_are_no_location(tail: str) -> None:
    assert parse_location_id(account_ids.encode(1) + tail) is None
