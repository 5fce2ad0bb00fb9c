"""Tables: constants of a policy that conditions look up by key, and registries, which are tables in files of their own.

A list in a policy is a table of ranks: `[basic, economy, business]` makes `tables.cabin["economy"]` 1. A list in a
registry has no order: conditions ask whether a value is among its entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from toolgate.processors.condition_types import ELEMENTS_MAX, Type, map_of, of_constant, record, set_of
from toolgate.processors.fields import refused

ROWS_MAX = 10_000
ENTRIES_MAX = 100_000  # a file holds fewer, unless they are short
TABLES_MAX = 32
Row = Any  # bool, int, float or str, or a dict of those
Rows = Mapping[str, Row] | frozenset[Any]  #: rows by key, or entries without an order
_SCALARS = (bool, int, float, str)


def _table(value: Any) -> dict[str, Row]:
    """The rows of a table, each like the others."""
    if isinstance(value, list):
        if any(not isinstance(key, str) for key in value) or len(set(value)) != len(value):
            raise refused((), "a list of ranks has different texts")
        value = {key: rank for rank, key in enumerate(value)}
    if not isinstance(value, dict) or not value:
        raise refused((), "a table is a mapping of rows, or a list of ranks, and is not empty")
    return _rows(value)


def _registry(value: Any) -> Rows:
    """The rows of a registry: each like the others, or entries without an order."""
    if isinstance(value, list) and value:
        return _entries(value)
    if not isinstance(value, dict) or not value:
        raise refused((), "rows are a list of texts or whole numbers, or a mapping, and are not empty")
    return _rows(value)


def _rows(value: dict[str, Any]) -> dict[str, Row]:
    if len(value) > ROWS_MAX:
        raise refused((), f"a table has at most {ROWS_MAX:,} rows")
    rows = {key: _plain(row) for key, row in value.items()}
    first_key, first = next(iter(rows.items()))
    kind = _type(first)
    if kind is None:
        raise refused((first_key,), f"row {first_key} is neither a value nor a mapping of values")
    for key, row in rows.items():
        if _type(row) != kind:
            what = f"row {key} is not like row {first_key}: all have the same fields, of the same types"
            raise refused((key,), what)
    return rows


def _entries(value: list[Any]) -> frozenset[Any]:
    if len(value) > ENTRIES_MAX:
        raise refused((), f"a list has at most {ENTRIES_MAX:,} entries")
    kind, seen = type(value[0]), set()
    for place, entry in enumerate(value):
        if type(entry) not in {str, int}:
            raise refused((place,), "an entry is text or a whole number", "quote it if it is text")
        if type(entry) is not kind:
            raise refused(
                (place,), "all entries are texts, or all are whole numbers", "quote numbers among texts"
            )
        if entry in seen:
            raise refused((place,), f"entry {str(entry)[:80]} is there twice", "keep one of them")
        seen.add(entry)
    return frozenset(seen)


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


_MAPPING = {"type": "object", "minProperties": 1, "maxProperties": ROWS_MAX}
Table = Annotated[
    Any,
    AfterValidator(_table),
    WithJsonSchema({"anyOf": [_MAPPING, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
RegistryRows = Annotated[
    Any,
    AfterValidator(_registry),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "minItems": 1,
                    "maxItems": ENTRIES_MAX,
                    "uniqueItems": True,
                },
                _MAPPING,
            ]
        }
    ),
]


def types_of(tables: Mapping[str, Rows]) -> Type:
    """The type of a root that holds these tables."""
    return record(**{name: _type_of(rows) for name, rows in tables.items()})


def _type_of(rows: Rows) -> Type:
    if isinstance(rows, frozenset):
        capitals = any(isinstance(entry, str) and entry != entry.casefold() for entry in rows)
        return set_of(of_constant(next(iter(rows))), capitals=capitals)
    item = _type(next(iter(rows.values()))) or Type("unknown")
    return map_of(item, large=len(rows) > ELEMENTS_MAX)
