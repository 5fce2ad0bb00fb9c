"""JSON that has one meaning: what two parsers could read differently is refused.

Refused are repeated keys, integers beyond 2**53 - 1, NaN and infinities (also as 1e400), lone surrogates,
nesting and sizes beyond a bound, and anything but an object at the top. Time is linear in the bytes and no
depth of nesting recurses: the first parser counts its depth, the second only sees what passed the first.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

INTEGER_MAX = 2**53 - 1  # what every JSON parser keeps exactly
DEPTH_MAX = 32
_PLAIN = frozenset({str, bool, type(None)})
_INTEGER_CHARS_MAX = 17  # "-9007199254740991"


class JsonError(ValueError):
    """JSON that was refused, or data that has no JSON. `detail` says what and where."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def loads_strict(text: str | bytes, *, max_bytes: int, max_depth: int = DEPTH_MAX) -> dict[str, Any]:
    """The object that `text` holds; `read_strict` without its canonical bytes."""
    return read_strict(text, max_bytes=max_bytes, max_depth=max_depth)[0]


def read_strict(
    text: str | bytes, *, max_bytes: int, max_depth: int = DEPTH_MAX
) -> tuple[dict[str, Any], bytes]:
    """The object that `text` holds, and its one canonical JSON, which a sender should have sent.

    Args:
        text: JSON in UTF-8.
        max_bytes: Largest size that is read.
        max_depth: Deepest nesting; the outermost object is 1.

    Raises:
        JsonError: It is too big, not JSON, no object, or could be read in two ways.
    """
    data = _bytes_of(text, max_bytes)
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise JsonError(f"the top is {_kind(value)}, not an object")
    _check(value, max_depth)
    # Keys in order, none twice, numbers as they stood: only canonical text comes back as it was.
    if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == data:
        return value, data
    value = _loads_slowly(data, max_depth)
    return value, orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def dumps_canonical(value: Any, *, max_depth: int = DEPTH_MAX) -> str:
    """The one JSON text of a value: sorted keys, no spaces.

    Args:
        value: Of dict (keys str), list, tuple, str, int, float, bool and None.
        max_depth: Deepest nesting; the outermost value is 1.

    Raises:
        JsonError: The value has no JSON, or none that `loads_strict` reads back.
    """
    _check(value, max_depth)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise JsonError(f"no JSON for this value: {error}") from None


def digest(data: bytes) -> str:
    """BLAKE2b-128 as 32 lower-case hex digits."""
    return blake2b(data, digest_size=16).hexdigest()


def _bytes_of(text: str | bytes, max_bytes: int) -> bytes:
    if len(text) > max_bytes:  # characters or bytes: there are never fewer bytes
        raise JsonError(f"more than {max_bytes} bytes")
    if isinstance(text, bytes):
        return text
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise JsonError(f"a lone surrogate at character {error.start}") from None
    if len(data) > max_bytes:
        raise JsonError(f"{len(data)} bytes, more than {max_bytes}")
    return data


def _check(value: Any, max_depth: int) -> None:
    """Refuses by depth, type and number. Deepest first: a cycle ends after `max_depth` steps."""
    waiting: list[tuple[Iterable[Any], int]] = [((value,), 1)]
    while waiting:
        items, depth = waiting.pop()
        for item in items:
            kind = type(item)
            if kind in _PLAIN:
                continue
            if kind is dict:
                below = item.values()
            elif kind is list or kind is tuple:
                below = item
            else:
                _check_number(item)
                continue
            if depth > max_depth:
                raise JsonError(f"nested deeper than {max_depth}")
            waiting.append((below, depth + 1))


def _check_number(value: Any) -> None:
    kind = type(value)
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            _refuse_integer(str(value) if abs(value) < 10**40 else "an integer")
    elif kind is not float:
        raise JsonError(f"a {kind.__name__} has no JSON")
    elif not isfinite(value):
        raise JsonError(f"{value} is no JSON number")


def _loads_slowly(data: bytes, max_depth: int) -> dict[str, Any]:
    """For text that is JSON within the depth, but not canonical: the parser that shows keys and digits."""
    try:
        value: dict[str, Any] = json.loads(data, object_pairs_hook=_unique, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error}") from None
    _check(value, max_depth)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise JsonError(f"key {key[:80]!r} stands twice in one object")
        seen.add(key)
    raise AssertionError("fewer keys than pairs, yet none twice")  # pragma: no cover


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_CHARS_MAX:  # before int(): that takes quadratic time, or refuses by itself
        _refuse_integer(digits)
    return int(digits)


def _refuse_integer(digits: str) -> NoReturn:
    raise JsonError(f"{digits[:40]} is beyond 2**53 - 1; send large numbers as strings")


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
