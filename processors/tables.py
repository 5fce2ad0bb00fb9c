"""Tables: constants of a policy that conditions look up by key, and registries, which are tables in files of their own.

A list is a table of ranks: `[basic, economy, business]` makes `tables.cabin["economy"]` 1.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from toolgate.processors.condition_types import Type, map_of, of_constant, record

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS_MAX = 10_000
TABLES_MAX = 32
Row = Any  # bool, int, float or str, or a dict of those
_SCALARS = (bool, int, float, str)


def _table(value: Any) -> dict[str, Row]:
    """The rows of a table, each like the others."""
    if isinstance(value, list):
        if any(not isinstance(key, str) for key in value) or len(set(value)) != len(value):
            raise _fault("a list of ranks has different texts")
        value = {key: rank for rank, key in enumerate(value)}
    if not isinstance(value, dict) or not value:
        raise _fault("a table is a mapping of rows, or a list of ranks, and is not empty")
    if len(value) > ROWS_MAX:
        raise _fault(f"a table has at most {ROWS_MAX:,} rows")
    rows = {key: _plain(row) for key, row in value.items()}
    first_key, first = next(iter(rows.items()))
    kind = _type(first)
    for key, row in rows.items():
        if kind is None or _type(row) != kind:
            raise _fault(
                f"row {key} is not like row {first_key}: all have the same fields, of the same types"
            )
    return rows


def _plain(row: Any) -> Row:
    if isinstance(row, dict):
        return {name: _plain(value) for name, value in row.items()}
    return float(row) if isinstance(row, Decimal) else row


def _type(row: Row) -> Type | None:
    if isinstance(row, _SCALARS):
        return of_constant(row)
    if not isinstance(row, dict) or not row or not all(isinstance(one, _SCALARS) for one in row.values()):
        return None
    return record(**{name: of_constant(one) for name, one in sorted(row.items())})


def _fault(what: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{what}", {"what": what, "hint": "", "at": ()})


Table = Annotated[
    Any,
    AfterValidator(_table),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "object", "minProperties": 1, "maxProperties": ROWS_MAX},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]


def types_of(tables: Mapping[str, Mapping[str, Row]]) -> Type:
    """The type of a root that holds these tables."""
    return record(
        **{name: map_of(_type(next(iter(rows.values()))) or Type("unknown")) for name, rows in tables.items()}
    )
