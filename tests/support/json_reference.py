"""What strict JSON is, said once more by the standard library: slow, recursive, and sharing nothing with the reader."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

INTEGER_MAX = 2**53 - 1


class RefusedError(Exception):
    """Two readers could take it differently, or it is no object."""


def read(data: bytes, depth_max: int) -> dict[str, Any]:
    """The object, or RefusedError. For text whose nesting Python's own parser bears."""
    try:
        text = data.decode("utf-8")  # keeps a byte order mark, which is no JSON
        found = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RefusedError(str(error)) from None
    if not isinstance(found, dict) or _depth(found) > depth_max or _surrogates(found):
        raise RefusedError("no object, too deep, or a lone surrogate")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise RefusedError("a key twice")
    return dict(pairs)


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > INTEGER_MAX:
        raise RefusedError("an integer that not every reader keeps")
    return int(digits)


def _number(digits: str) -> float:
    if not math.isfinite(float(digits)):
        raise RefusedError("a number beyond all")
    return float(digits)


def _constant(name: str) -> NoReturn:
    raise RefusedError(name)


def _depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(_depth, below), default=0)


def _surrogates(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_surrogates, value)) or any(map(_surrogates, value.values()))
    if isinstance(value, list):
        return any(map(_surrogates, value))
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)
