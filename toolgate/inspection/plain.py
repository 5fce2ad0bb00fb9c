"""Records as plain data for JSON: every field under its schema's name, operations of the ledger too."""

from __future__ import annotations

from typing import Any

from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.records import Op


def as_plain(record: Any) -> dict[str, Any]:
    """The record of a topic as dicts, lists, texts and numbers, by its newest schema.

    An operation of the ledger has its name under `op`; what is a tuple in memory has its schema's names.

    Raises:
        TypeError: it is not the value of a topic.
    """
    schema = schemas(subject_of(type(record)).stem)[-1].runtime
    plain: dict[str, Any] = _plain(record, schema, {})
    return plain


def _plain(value: Any, schema: Any, named: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return _of_union(value, schema, named)
    if isinstance(schema, str):
        return _plain(value, named[schema], named) if schema in named else value
    match schema["type"]:
        case "array":
            return [_plain(item, schema["items"], named) for item in value]
        case "map":
            return {key: _plain(item, schema["values"], named) for key, item in value.items()}
        case "record":
            named[schema["name"]] = schema
            names = [field["name"] for field in schema["fields"]]
            values = value if isinstance(value, tuple) else [getattr(value, name) for name in names]
            return {
                field["name"]: _plain(part, field["type"], named)
                for field, part in zip(schema["fields"], values, strict=True)
            }
        case _:
            return value


def _of_union(value: Any, branches: list[Any], named: dict[str, Any]) -> Any:
    if isinstance(value, Op):
        by_name = {branch["name"].rpartition(".")[2].lower(): branch for branch in branches}
        return {"op": value.op, **_plain(value.args, by_name[value.op], named)}
    if value is None:
        return None
    [branch] = [branch for branch in branches if branch != "null"]
    return _plain(value, branch, named)
