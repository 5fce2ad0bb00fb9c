"""Slots: the values that conditions look at, found once for all rules of a tool.

A slot is a path, `params.passengers.name`, or a function over one, `sum(params.payments.amount)`. A step through a list
takes all its elements. What CEL itself cannot compute is computed here, so that no function of ours runs inside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from toolgate.processors.amounts import parse_usd
from toolgate.processors.condition_types import (
    DOUBLE,
    INT,
    ROUNDED,
    STRING,
    TIMESTAMP,
    Type,
    fits,
    list_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ELEMENTS_MAX = 256
STRING_CHARS_MAX = 16_384
EACH = "*"
LENGTH = "size"  # of text, in characters
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?\Z",
    re.ASCII,
)


class UnfitError(Exception):
    """A value that cannot be judged; the message says why without showing it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A root and the steps below it, then functions over what stands there, the innermost first."""

    root: str
    path: tuple[str, ...]
    type: Type  # of what stands at the path
    functions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is written in a condition."""
        text = ".".join((self.root, *(step for step in self.path if step != EACH)))
        for function in self.functions:
            text = f"{function}({text})"
        return text


class Missing:
    """Nothing stands at a path."""


MISSING = Missing()


def value_of(slot: Slot, roots: Mapping[str, Any]) -> Any:
    """The slot's value, or MISSING.

    Raises:
        UnfitError: It is too large, of another type than promised, or its function does not take it.
    """
    value = _at(roots[slot.root], slot.path)
    if value is MISSING:
        return value
    value = _checked(value, slot.type)
    for function in slot.functions:
        if value is None or (isinstance(value, list) and None in value):
            raise UnfitError("it is null")
        value = len(value) if function == LENGTH else FUNCTIONS[function].apply(value)
    return value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for place, step in enumerate(path):
        if step == EACH:
            return _at_each(value, path[place + 1 :])
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = value[step]
    return value


def _at_each(items: Any, rest: tuple[str, ...]) -> Any:
    if not isinstance(items, list):
        raise UnfitError("it is no list")
    found: list[Any] = []
    for item in items:
        below = _at(item, rest)
        if below is MISSING:
            return MISSING
        # A list in each element becomes one list of all, as its type says.
        found += below if isinstance(below, list) else (below,)
    return found


def _checked(value: Any, kind: Type) -> Any:
    if kind.kind == "double" and type(value) is int:
        value = float(value)
    if value is None and kind.null:
        return None
    if not fits(value, kind):
        raise UnfitError(f"it is no {kind}")
    if kind.kind == "list":
        if len(value) > ELEMENTS_MAX:
            raise UnfitError(f"it has {len(value):,} elements, at most {ELEMENTS_MAX} are looked at")
        if kind.item is not None and kind.item.kind != "object":
            return [_checked(item, kind.item) for item in value]
    elif kind.kind == "string" and len(value) > STRING_CHARS_MAX:
        raise UnfitError(f"it has {len(value):,} characters, at most {STRING_CHARS_MAX:,} are looked at")
    return value


@dataclass(frozen=True, slots=True)
class Function:
    """A function over a path: the type of its result by that of its argument (None: it takes no such)."""

    result: Callable[[Type], Type | None]
    apply: Callable[[Any], Any]
    takes: str  # for people


def _each(kind: str, result: Type) -> Callable[[Type], Type | None]:
    """For a value or for each element of a list."""

    def found(given: Type) -> Type | None:
        if given.kind == kind:
            return result
        return list_of(result) if given.kind == "list" and given.item and given.item.kind == kind else None

    return found


def _mapped(apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [apply(item) for item in value] if isinstance(value, list) else apply(value)


def _number_of_list(given: Type) -> Type | None:
    if given.kind != "list" or given.item not in {INT, DOUBLE}:
        return None
    return INT if given.item == INT else ROUNDED


def _ordered_of_list(given: Type) -> Type | None:
    return given.item if given.kind == "list" and given.item in {INT, DOUBLE, STRING, TIMESTAMP} else None


def _same_list(given: Type) -> Type | None:
    return given if given.kind == "list" and given.item in {INT, DOUBLE, STRING} else None


def _usd(value: str) -> int:
    try:
        return parse_usd(value)
    except ValueError:
        raise UnfitError("it is no amount of US dollars") from None


def _date(value: str) -> datetime:
    if not _DATE.match(value):
        raise UnfitError("it is no date (YYYY-MM-DD)")
    try:
        return datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
    except ValueError:
        raise UnfitError("it is no date (YYYY-MM-DD)") from None


def _time(value: str) -> datetime:
    if not _TIME.match(value):
        raise UnfitError("it is no time (RFC 3339)")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise UnfitError("it is no time (RFC 3339)") from None
    if found.tzinfo is None:
        raise UnfitError("it is a time without a zone")
    return found


def _extreme(choose: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def found(value: list[Any]) -> Any:
        if not value:
            raise UnfitError("it is an empty list")
        return choose(value)

    return found


FUNCTIONS: dict[str, Function] = {
    "sum": Function(_number_of_list, sum, "a list of numbers"),
    "least": Function(_ordered_of_list, _extreme(min), "a list"),
    "greatest": Function(_ordered_of_list, _extreme(max), "a list"),
    "distinct": Function(_same_list, lambda value: list(dict.fromkeys(value)), "a list"),
    "usd": Function(_each("string", INT), _mapped(_usd), 'decimal text such as "12.50"'),
    "date": Function(_each("string", TIMESTAMP), _mapped(_date), 'text such as "2026-03-31"'),
    "time": Function(_each("string", TIMESTAMP), _mapped(_time), 'text such as "2026-03-31T09:00:00Z"'),
    "lower": Function(_each("string", STRING), _mapped(str.casefold), "text"),
}
