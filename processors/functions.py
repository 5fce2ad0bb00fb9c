"""Functions over slots: what each takes, what it comes to, and how it is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from toolgate.processors.amounts import parse_usd
from toolgate.processors.condition_types import (
    BOOL,
    DOUBLE,
    ELEMENTS_MAX,
    INT,
    ROUNDED,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN = "in"
JOINED_MAX = 8  # parts of a joined text
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?\Z",
    re.ASCII,
)


class UnfitError(Exception):
    """A value that cannot be judged; the message says why without showing it."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function over slots: the type of its result by those of its arguments (None: it takes no such)."""

    result: Callable[..., Type | None]
    apply: Callable[..., Any]
    takes: str  # for people
    least: int = 1  # arguments
    most: int = 1


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


def _same_numbers(given: Type) -> Type | None:
    found = _number_of_list(given)
    return list_of(found) if found else None


def _ordered_of_list(given: Type) -> Type | None:
    return given.item if given.kind == "list" and given.item in {INT, DOUBLE, STRING, TIMESTAMP} else None


def _same_list(given: Type) -> Type | None:
    return given if given.kind == "list" and given.item in {INT, DOUBLE, STRING} else None


def _list(given: Type) -> Type | None:
    return given if given.kind == "list" and given.item is not None else None


def _joined(*given: Type) -> Type | None:
    parts = [one.item if one.kind == "list" else one for one in given]
    if any(part not in {STRING, INT} for part in parts):
        return None
    return list_of(STRING) if any(one.kind == "list" for one in given) else STRING


def _pairs(given: Type) -> Type | None:
    item = given.item if given.kind == "list" else None
    return list_of(record(first=item, second=item)) if item is not None else None


def _zipped(one: Type, other: Type) -> Type | None:
    first, second = (given.item if given.kind == "list" else None for given in (one, other))
    return list_of(record(first=first, second=second)) if first and second else None


def _counted(given: Type) -> Type | None:
    return INT if given.kind == "list" else None


def _left_over(one: Type, other: Type) -> Type | None:
    alike = one == other or (other.kind == "set" and other.item == one.item)
    return one if _same_list(one) and alike else None


def _member(one: Type, of: Type) -> Type | None:
    return BOOL if of.kind == "set" and one == of.item else None


def _zoned(given: Type, zone: Type = STRING) -> Type | None:
    return _each("string", TIMESTAMP)(given) if zone == STRING else None


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


def _time(value: str | list[str], zone: str = "") -> datetime | list[datetime]:
    """The time of a text; `zone`, such as -05:00, is that of a text that names none."""
    if isinstance(value, list):
        return [_moment(one, zone) for one in value]
    return _moment(value, zone)


def _moment(value: str, zone: str) -> datetime:
    for text in (value, value + zone):
        if not _TIME.match(text):
            raise UnfitError("it is no time (RFC 3339)")
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise UnfitError("it is no time (RFC 3339)") from None
        if found.tzinfo is not None:
            return found
    raise UnfitError("it is a time without a zone")


def _extreme(choose: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def found(value: list[Any]) -> Any:
        if not value:
            raise UnfitError("it is an empty list")
        return choose(value)

    return found


def _within(one: Any, of: frozenset[Any]) -> bool:
    return one in of


def _without(one: list[Any], other: list[Any] | frozenset[Any]) -> list[Any]:
    known = frozenset(other)  # of one already, it is the same and not a copy
    return [item for item in one if item not in known]


def _distinct(value: list[Any]) -> list[Any]:
    return list(dict.fromkeys(value))


def _join(*given: Any) -> Any:
    """One text of several with a space between, or a list of texts when any part is a list."""
    lengths = {len(one) for one in given if isinstance(one, list)}
    if not lengths:
        return " ".join(map(str, given))
    if len(lengths) > 1:
        raise UnfitError("the lists that are joined are of unlike length")
    rows = zip(*(one if isinstance(one, list) else [one] * max(lengths) for one in given), strict=True)
    return [" ".join(map(str, row)) for row in rows]


def _pair(first: Any, second: Any) -> dict[str, Any]:
    return {"first": first, "second": second}


def _zip(one: list[Any], other: list[Any]) -> list[dict[str, Any]]:
    if len(one) != len(other):
        raise UnfitError("the lists are of unlike length")
    return [_pair(first, second) for first, second in zip(one, other, strict=True)]


def _rows(given: Type) -> Type | None:
    """Rows, each with what it has: which of the fields was read is another matter in each."""
    if given.kind != "map" or given.item is None or given.item.fields is None or given.large:
        return None
    fields = tuple((name, replace(one, required=False)) for name, one in given.item.fields)
    return list_of(replace(given.item, fields=fields))


def _all_rows(value: dict[str, Any]) -> list[Any]:
    if len(value) > ELEMENTS_MAX:  # what a run has read may have grown beyond what a condition goes through
        raise UnfitError(f"it has {len(value):,} rows, at most {ELEMENTS_MAX} are looked at")
    return list(value.values())


FUNCTIONS: dict[str, Function] = {
    "rows": Function(_rows, _all_rows, f"a table of at most {ELEMENTS_MAX} rows"),
    "sum": Function(_number_of_list, sum, "a list of numbers"),
    "count": Function(_counted, len, "a list"),
    "running": Function(_same_numbers, lambda value: list(accumulate(value)), "a list of numbers"),
    "least": Function(_ordered_of_list, _extreme(min), "a list"),
    "greatest": Function(_ordered_of_list, _extreme(max), "a list"),
    "distinct": Function(_same_list, _distinct, "a list"),
    "sorted": Function(_same_list, sorted, "a list"),
    "reversed": Function(_list, lambda value: value[::-1], "a list"),
    "pairs": Function(_pairs, lambda value: [_pair(*two) for two in pairwise(value)], "a list"),
    "without": Function(
        _left_over, _without, "two lists of the same, or one and a registry", least=2, most=2
    ),
    "zip": Function(_zipped, _zip, "two lists", least=2, most=2),
    "join": Function(_joined, _join, "texts and whole numbers, or lists of them", least=2, most=JOINED_MAX),
    "usd": Function(_each("string", INT), _mapped(_usd), 'decimal text such as "12.50"'),
    "date": Function(_each("string", TIMESTAMP), _mapped(_date), 'text such as "2026-03-31"'),
    "time": Function(
        _zoned, _time, 'text such as "2026-03-31T09:00:00Z", and a zone such as "-05:00"', most=2
    ),
    "lower": Function(_each("string", STRING), _mapped(str.casefold), "text"),
}
# What is computed before CEL begins: the functions, and the operator whose right side CEL must not have.
COMPUTED: dict[str, Function] = {
    **FUNCTIONS,
    WITHIN: Function(_member, _within, "a value and a registry", least=2, most=2),
}
