"""Valid values of every record, made from its schema: one with as much in it as there can be, one with as little."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from fastavro import schemaless_writer

if TYPE_CHECKING:
    from toolgate.schemas.bundle import Schema

_PLAIN: dict[str, tuple[Any, Any]] = {  # full, bare
    "null": (None, None),
    "string": ("n\u00e4me", ""),
    "boolean": (True, False),
    "long": (2**53 - 1, 0),
    "int": (-7, 0),
}


def bodies(schema: Schema) -> list[bytes]:
    """The full body and the bare one."""
    found = []
    for full in (True, False):
        out = BytesIO()
        schemaless_writer(out, schema.runtime, _datum(schema.runtime, {}, full=full))
        found.append(out.getvalue())
    return found


def _datum(schema: Any, named: dict[str, Any], *, full: bool) -> Any:
    if isinstance(schema, list):
        chosen = schema[-1 if full else 0]
        value = _datum(chosen, named, full=full)
        return (_name(chosen), value) if _is_record(chosen, named) else value
    if isinstance(schema, str):
        return _PLAIN[schema][not full] if schema in _PLAIN else _datum(named[schema], named, full=full)
    if "name" in schema:
        named[schema["name"]] = schema
    found: Any
    match schema["type"]:
        case "array":
            found = [_item(schema["items"], named, n) for n in range(3)] if full else []
        case "map":
            found = {key: _datum(schema["values"], named, full=True) for key in "ab"} if full else {}
        case "enum":
            found = schema["symbols"][-1 if full else 0]
        case "record":
            found = {field["name"]: _datum(field["type"], named, full=full) for field in schema["fields"]}
        case other:
            found = _datum(other, named, full=full)
    return found


def _item(schema: Any, named: dict[str, Any], number: int) -> Any:
    """An item of a list; of a union of records, each time another."""
    if not isinstance(schema, list):
        return _datum(schema, named, full=True)
    chosen = schema[number % len(schema)]
    return _name(chosen), _datum(chosen, named, full=True)


def _name(schema: Any) -> str:
    return schema if isinstance(schema, str) else str(schema["name"])


def _is_record(schema: Any, named: dict[str, Any]) -> bool:
    found = named.get(schema, {}) if isinstance(schema, str) else schema
    return bool(found.get("type") == "record")
