"""Values on the wire, in and out (companion 4)."""

import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from hubcustomers.api.fields import (
    PlainDecimal,
    local_time,
    merge_custom_fields,
    money,
    plain_decimal,
    points_field,
)
from hubcustomers.exact_json import JSONNumber

POINTS = points_field()
PLAIN = re.compile(r"-?(0|[1-9][0-9]*)\.([0-9]*[1-9]|0)")

points = st.decimals(
    min_value=Decimal("-99999999999999.999999"),
    max_value=Decimal("99999999999999.999999"),
    places=6,
)


# --- decimals on the way in ---------------------------------------------------------


@given(points)
def test_every_amount_is_read_exactly_from_a_string(value: Decimal) -> None:
    assert POINTS.run_validation(format(value, "f")) == value


@given(points)
def test_and_from_a_number(value: Decimal) -> None:
    assert POINTS.run_validation(JSONNumber(format(value, "f"))) == value


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_and_from_a_whole_number(value: int) -> None:
    assert POINTS.run_validation(value) == value
    assert POINTS.run_validation(str(value)) == value


@given(st.integers(7, 40), st.integers(1, 9))
def test_a_digit_too_many_after_the_point_is_never_rounded(places: int, digit: int) -> None:
    with pytest.raises(ValidationError, match="more digits than are kept"):
        POINTS.run_validation("0." + "0" * (places - 1) + str(digit))


@given(st.integers(10**14, 10**40))
def test_a_digit_too_many_before_the_point_is_refused(value: int) -> None:
    for text in (str(value), f"-{value}", f"{value}.5"):
        with pytest.raises(ValidationError, match="more digits than are kept"):
            POINTS.run_validation(text)


# Any text, and texts that nearly are numbers.
@given(st.text() | st.text("0123456789.-+eE_ ٣３,", max_size=12))
def test_a_text_is_plain_or_refused(text: str) -> None:
    try:
        value = POINTS.run_validation(text)
    except ValidationError:
        return
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert value == Decimal(text)


@pytest.mark.parametrize("value", [True, False, [], {}, 1.5, Decimal(1), object(), b"1"])
def test_other_types_are_no_decimals(value: object) -> None:
    with pytest.raises(ValidationError, match="plain notation"):
        POINTS.run_validation(value)


@given(st.decimals(-90, 90, places=10))
def test_a_coordinate_in_range_is_read_exactly(value: Decimal) -> None:
    latitude = PlainDecimal(before=3, after=10, limit=90)

    assert latitude.run_validation(format(value, "f")) == value


@given(st.decimals(Decimal("90.0000000001"), 999, places=10))
def test_a_coordinate_out_of_range_is_refused(value: Decimal) -> None:
    latitude = PlainDecimal(before=3, after=10, limit=90)

    for sign in ("", "-"):
        with pytest.raises(ValidationError, match="must be between -90 and 90"):
            latitude.run_validation(f"{sign}{value:f}")


# --- decimals on the way out --------------------------------------------------------


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_decimal_goes_out_plain_and_without_useless_zeros(value: Decimal) -> None:
    text = plain_decimal(value)

    assert PLAIN.fullmatch(text)
    assert Decimal(text) == value
    assert text != "-0.0"


@given(points)
def test_the_databases_text_goes_out_the_same_way(value: Decimal) -> None:
    assert plain_decimal(format(value, "f")) == plain_decimal(value)


@given(points)
def test_what_goes_out_can_come_in_again(value: Decimal) -> None:
    assert POINTS.run_validation(plain_decimal(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(0), "0.0"),
        (Decimal("-0"), "0.0"),
        (Decimal("-0.000"), "0.0"),
        (Decimal("0E-6"), "0.0"),
        (Decimal("1E+3"), "1000.0"),
        (Decimal("1E-6"), "0.000001"),
        (Decimal("13.500000"), "13.5"),
        (Decimal("-2.25"), "-2.25"),
        (Decimal("-0.5"), "-0.5"),
        (Decimal(100), "100.0"),
        ("0", "0.0"),
        ("0.000000", "0.0"),
        ("-0.0", "0.0"),
        ("-0.500000", "-0.5"),
        ("48.8589507000", "48.8589507"),
    ],
)
def test_the_spelling_of_a_decimal(value: Decimal | str, text: str) -> None:
    assert plain_decimal(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0.00 EUR"), ("28.4", "28.40 EUR"), ("1E+3", "1000.00 EUR"), ("-5", "-5.00 EUR")],
)
def test_the_spelling_of_money(value: str, text: str) -> None:
    assert money(Decimal(value), "EUR") == text


# --- times --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "zone", "text"),
    [
        (1593078231, "Europe/Paris", "2020-06-25T11:43:51+02:00"),
        (1579347441, "Europe/Paris", "2020-01-18T12:37:21+01:00"),
        (1593078231, "UTC", "2020-06-25T09:43:51+00:00"),
        (1593078231, "America/St_Johns", "2020-06-25T07:13:51-02:30"),
        (1593078231, "Asia/Kathmandu", "2020-06-25T15:28:51+05:45"),
        (0, "UTC", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_carries_the_offset_of_its_zone(seconds: int, zone: str, text: str) -> None:
    assert local_time(seconds, ZoneInfo(zone)) == text


# --- custom fields ------------------------------------------------------------------

objects = st.dictionaries(st.text(max_size=3), st.none() | st.integers(0, 9), max_size=5)


@given(objects, objects)
def test_custom_fields_merge_key_by_key(old: dict, new: dict) -> None:
    merged = merge_custom_fields(old, new)

    for key in old.keys() | new.keys():
        expected = new[key] if key in new else old[key]
        assert merged.get(key) == expected
        assert (key in merged) is (expected is not None)


@given(objects, objects)
def test_merging_twice_is_merging_once(old: dict, new: dict) -> None:
    once = merge_custom_fields(old, new)

    assert merge_custom_fields(once, new) == once


def test_null_stands_for_no_custom_fields() -> None:
    assert merge_custom_fields({"a": 1}, None) == {}


@pytest.mark.parametrize(("length", "fits"), [(8184, True), (8185, False)])
def test_8_kb_are_counted_as_json(length: int, fits: bool) -> None:
    value = {"a": "x" * length}

    if fits:
        assert merge_custom_fields({}, value) == value
    else:
        with pytest.raises(ValueError, match="maximum is 8 KB"):
            merge_custom_fields({}, value)
