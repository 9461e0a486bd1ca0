"""JSON read strictly and written back exactly (design 6)."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubcustomers import exact_json
from hubcustomers.exact_json import JSONNumber, UnreadableJSON

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17) + 1, 10**17)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)
literals = st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: format(d, "f")) | (
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
)


@given(values)
def test_what_is_written_is_read_again(value: object) -> None:
    assert exact_json.loads(exact_json.dumps(value).decode()) == value


@given(values)
def test_what_is_written_is_json_to_everybody(value: object) -> None:
    assert json.loads(exact_json.dumps(value)) == value


@given(literals)
def test_a_number_is_written_back_as_it_was_read(literal: str) -> None:
    value = exact_json.loads(literal)

    assert Decimal(exact_json.dumps(value).decode()) == Decimal(literal)
    if isinstance(value, JSONNumber):
        assert exact_json.dumps([value]) == f"[{literal}]".encode()


@pytest.mark.parametrize("literal", ["1", "-1", "0", "123456789012345678"])
def test_a_small_integer_is_an_int(literal: str) -> None:
    assert exact_json.loads(literal) == int(literal)
    assert isinstance(exact_json.loads(literal), int)


@pytest.mark.parametrize("literal", ["1.0", "0.1", "1e5", "1e400", "-1E-9", "9" * 19, "9" * 5000])
def test_every_other_number_keeps_its_text(literal: str) -> None:
    assert exact_json.loads(literal) == JSONNumber(literal)
    assert exact_json.dumps(exact_json.loads(literal)) == literal.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{'a': 1}",
        '{"a": 1,}',
        "[1,]",
        "01",
        "+1",
        ".5",
        "5.",
        "1_000",
        "0x10",
        "nul",
        "True",
        "1 2",
        '"\n"',
        '"\\u12"',
        "// x\n1",
        "\ufeff{}",
        "١",
    ],
)
def test_what_is_not_json_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(UnreadableJSON, match=r"line [12] column"):
        exact_json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a": [NaN]}'])
def test_constants_of_other_languages_are_refused(text: str) -> None:
    with pytest.raises(UnreadableJSON, match="is not JSON"):
        exact_json.loads(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"a": 1, "\\u0061": 2}', '[{"b": {"a": 1, "a": null}}]']
)
def test_a_key_twice_is_refused(text: str) -> None:
    with pytest.raises(UnreadableJSON, match="twice"):
        exact_json.loads(text)


def test_the_same_key_in_two_objects_is_fine() -> None:
    assert exact_json.loads('{"a": {"a": 1}, "b": {"a": 2}}') == {"a": {"a": 1}, "b": {"a": 2}}


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_nesting_without_end_is_refused(opening: str) -> None:
    with pytest.raises(UnreadableJSON, match="nested too deeply"):
        exact_json.loads(opening * 100_000)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {5}}, "\ud800", Decimal(1)])
def test_what_is_not_json_cannot_be_written(value: object) -> None:
    with pytest.raises(TypeError):
        exact_json.dumps(value)
