"""Avro's binary encoding, stepped over: where a value of a schema ends, without making it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Skip = Callable[[bytes, int], int]


def skipper(schema: Any) -> Skip:  # noqa: PLR0911 - one a type
    """The function that gives the position behind a value.

    Args:
        schema: as `schemas.bundle` has it, every named type spelt out.

    It raises IndexError where the bytes end before the value does, ValueError for what is no value of the schema.
    """
    if isinstance(schema, list):
        return _union([skipper(branch) for branch in schema])
    if isinstance(schema, str):
        return _PRIMITIVES[schema]
    match schema["type"]:
        case "array":
            return _array(skipper(schema["items"]))
        case "map":
            return _array(_both(_skip_string, skipper(schema["values"])))
        case "enum":
            return _skip_long
        case "record":
            return _record([skipper(field["type"]) for field in schema["fields"]])
        case other:
            return skipper(other)


def _skip_long(data: bytes, at: int) -> int:
    while data[at] > 0x7F:
        at += 1
    return at + 1


def _skip_string(data: bytes, at: int) -> int:
    size = data[at]
    if size < 0x80:
        return at + 1 + (size >> 1)
    size, at = _long(data, at)
    return at + size


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A length, which is never negative."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    if number & 1:
        raise ValueError("a negative length")
    return number >> 1, at


def _array(skip_item: Skip) -> Skip:
    def skip(data: bytes, at: int) -> int:
        count, at = _long(data, at)
        if not count:
            return at
        for _ in range(count):
            at = skip_item(data, at)
        if data[at]:
            raise ValueError("an array or map in more than one block")
        return at + 1

    return skip


def _both(first: Skip, second: Skip) -> Skip:
    return lambda data, at: second(data, first(data, at))


def _union(branches: list[Skip]) -> Skip:
    def skip(data: bytes, at: int) -> int:
        index, at = _long(data, at)
        return branches[index](data, at)

    return skip


def _record(skips: list[Skip]) -> Skip:
    def skip(data: bytes, at: int) -> int:
        for one in skips:
            at = one(data, at)
        return at

    return skip


_PRIMITIVES: dict[str, Skip] = {
    "null": lambda _data, at: at,
    "int": _skip_long,
    "long": _skip_long,
    "string": _skip_string,
    "boolean": lambda _data, at: at + 1,
}
