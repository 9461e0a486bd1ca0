"""JSON read strictly and written back exactly: no number passes through a binary float."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import orjson


class UnreadableJSON(ValueError):
    """The text is not JSON that we accept; the message says why."""


class JSONNumber:
    """A number with a fraction, an exponent or many digits, kept as it was written."""

    __slots__ = ("literal",)

    def __init__(self, literal: str) -> None:
        """Take the number's text."""
        self.literal = literal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JSONNumber) and other.literal == self.literal

    def __hash__(self) -> int:
        return hash(self.literal)

    def __repr__(self) -> str:
        return self.literal


def _integer(literal: str) -> int | JSONNumber:
    # Python refuses to read 5,000 digits, and orjson to write more than 64 bits.
    return int(literal) if len(literal) <= 18 else JSONNumber(literal)


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableJSON(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableJSON("a key appears twice in one object")
    return members


_decode: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=JSONNumber,
    parse_int=_integer,
    parse_constant=_refuse_constant,
).decode


def loads(text: str) -> Any:
    """Return what the text says; numbers that are not small integers as JSONNumber.

    Raises:
        UnreadableJSON: Malformed, nested too deeply, NaN or Infinity, or a key twice.
    """
    try:
        return _decode(text)
    except RecursionError as error:
        raise UnreadableJSON("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise UnreadableJSON(f"{error.msg.lower()} at {place}") from error


def same(one: Any, other: Any) -> bool:
    """Return whether both are one JSON value; to Python true is 1, and members have an order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _write_number(value: Any) -> orjson.Fragment:
    if isinstance(value, JSONNumber):
        return orjson.Fragment(value.literal)
    raise TypeError(f"{type(value).__name__} is not JSON")


def dumps(value: Any) -> bytes:
    """Return the value as compact JSON.

    Raises:
        TypeError: Something in it is not JSON; orjson's errors are of this type too.
    """
    return orjson.dumps(value, default=_write_number)
