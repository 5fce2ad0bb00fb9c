"""Shapes of parameters: their names, the types of their values and how large those are, coarsely; never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.nearmiss.bodies import PARAMS_BYTES_MAX
from toolgate.nearmiss.effects import records_class
from toolgate.processors.capture import HIDDEN
from toolgate.schemas.strict_json import JsonError, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import Intent

NAMES_MAX = 40
_BEYOND = "..."
Shape = tuple[tuple[str, str], ...]


def shape(params: dict[str, Any]) -> Shape:
    """Each parameter's name with the class of its value, by name: `(("amount", "number of 2 digits"), ...)`."""
    found = [(name, _class(value)) for name, value in sorted(params.items())]
    return tuple(
        found
        if len(found) <= NAMES_MAX
        else [*found[:NAMES_MAX], (_BEYOND, f"{len(found) - NAMES_MAX} more")]
    )


def shapes(intents: Iterable[Intent]) -> list[tuple[Shape, int]]:
    """The shapes that calls have, the most frequent first; of those whose parameters can be read."""
    counts: dict[Shape, int] = {}
    for intent in intents:
        try:
            found = shape(loads_strict(intent.params, max_bytes=PARAMS_BYTES_MAX))
        except JsonError:
            continue
        counts[found] = counts.get(found, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _class(value: Any) -> str:
    match value:
        case bool() | None:
            return "null" if value is None else "true or false"
        case int() | float():
            return _number(value)
        case str() if value == HIDDEN:
            return "hidden"
        case str():
            return f"text of {_sized(len(value))} characters"
        case list():
            return f"list of {_sized(len(value))}"
        case _:
            return f"object of {_sized(len(value))}"


def _number(value: float) -> str:
    if value == 0:
        return "number 0"
    digits = len(str(int(abs(value))))
    return f"{'negative ' if value < 0 else ''}number of {digits} digit{'s' if digits > 1 else ''}"


def _sized(size: int) -> str:
    return "0" if size == 0 else records_class(size)
