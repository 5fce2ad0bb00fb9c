"""Parameter schemas: JSON Schema 2020-12, closed unless it says otherwise, compiled once at load.

Nothing is ever fetched: a `$ref` leads within its own schema. Patterns run in a linear-time engine. Messages
never show a value that an agent sent: they go to people and logs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from toolgate.processors.paths import in_schema

if TYPE_CHECKING:
    from toolgate.processors.paths import Steps
    from toolgate.processors.problems import Path

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FAULTS_MAX = 5
FAULT_CHARS_MAX = 200
_EXPECTED_CHARS_MAX = 1_024
_LOOKED_AT_MAX = 100  # a list of ten thousand wrong items costs no more than one of a hundred
_COMPOUND = frozenset({"allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef", "dependentSchemas"})
_ONE = (
    "items",
    "contains",
    "additionalProperties",
    "unevaluatedItems",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
)
_MANY = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("prefixItems", "allOf", "anyOf", "oneOf")
_BRANCHES = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas"})


class SchemaError(ValueError):
    """A schema that cannot be used; `path` is where in it."""

    def __init__(self, path: Path, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.path = path
        self.hint = hint


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as plain JSON data, whatever it is about; SchemaError where it is none of JSON Schema 2020-12."""
    if schema.get("$schema", DRAFT) != DRAFT:
        raise SchemaError(("$schema",), "only JSON Schema 2020-12 is read", f"write {DRAFT}, or nothing")
    plain: dict[str, Any] = json.loads(json.dumps(schema, default=json_plain))
    try:
        jsonschema_rs.meta.validate(plain)
    except ValueError as error:
        path = tuple(getattr(error, "instance_path", ()))
        message = str(getattr(error, "message", error)).splitlines()[0][:FAULT_CHARS_MAX]
        raise SchemaError(path, f"this is no valid JSON Schema: {message}") from None
    return plain


@dataclass(frozen=True, slots=True)
class ParamSchema:
    """A compiled schema. `document` is it as it is applied, `names` its top-level parameters."""

    document: dict[str, Any]
    names: tuple[str, ...]
    validator: jsonschema_rs.Draft202012Validator

    @classmethod
    def compile(cls, schema: dict[str, Any]) -> ParamSchema:
        """Check, close and compile a schema; SchemaError says where it is wrong."""
        if schema.get("type", "object") != "object":
            raise SchemaError(("type",), "parameters are an object", "write type: object")
        _refuse_remote(schema, ())
        closed = _closed(plain_schema({"type": "object", **schema}))
        try:
            validator = jsonschema_rs.Draft202012Validator(
                closed,
                mask="the value",
                validate_formats=True,
                retriever=_never,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except ValueError as error:
            message = str(error).splitlines()[0][:FAULT_CHARS_MAX]
            path = tuple(getattr(error, "instance_path", ()))
            hint = "patterns take no look-around and no back-references" if "regex" in message else ""
            raise SchemaError(path, f"this schema cannot be used: {message}", hint) from None
        return cls(closed, tuple(sorted(closed.get("properties", {}))), validator)

    def may_have(self, path: Steps) -> bool:
        """Whether parameters that fit could have something at this path."""
        return in_schema(self.document, path)

    def faults(self, params: dict[str, Any]) -> tuple[str, ...]:
        """What does not fit, as `path: message`, at most five; () when the parameters fit."""
        if self.validator.is_valid(params):
            return ()
        faults = islice(self.validator.iter_errors(params), _LOOKED_AT_MAX)
        return tuple(sorted(_worded(fault) for fault in faults)[:FAULTS_MAX]) or (
            "the parameters do not fit",
        )

    def expectations(self, params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """For each of at most five faults its path, and the part of the schema that is not met.

        That part is left out, {}, where it is larger than 1 KiB.
        """
        faults = islice(self.validator.iter_errors(params), _LOOKED_AT_MAX)
        found = [(_path_of(fault), self._expected(fault.schema_path)) for fault in faults]
        return sorted(found, key=lambda one: (one[0], json.dumps(one[1], sort_keys=True)))[:FAULTS_MAX]

    def _expected(self, path: list[str | int]) -> dict[str, Any]:
        part: Any = self.document
        for step in path:
            if not (isinstance(part, dict) and step in part) and not isinstance(step, int):
                return {}
            part = part[step]
        expected = {str(path[-1]): part} if path else {}
        return expected if len(json.dumps(expected)) <= _EXPECTED_CHARS_MAX else {}


def _path_of(fault: jsonschema_rs.ValidationError) -> str:
    return ".".join(str(step) for step in fault.instance_path)[:FAULT_CHARS_MAX]


def _worded(fault: jsonschema_rs.ValidationError) -> str:
    path = ".".join(str(step) for step in fault.instance_path)
    return f"{path}: {fault.message}"[:FAULT_CHARS_MAX] if path else fault.message[:FAULT_CHARS_MAX]


def _never(uri: str) -> Any:
    raise ValueError(f"{uri} is not in this schema, and nothing is fetched")


def json_plain(value: Any) -> Any:
    """What `json.dumps` makes of an exact decimal; TypeError for whatever has no JSON."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in a schema")


def _refuse_remote(schema: Any, path: Path) -> None:
    if isinstance(schema, list):
        for place, item in enumerate(schema):
            _refuse_remote(item, (*path, place))
    elif isinstance(schema, dict):
        for key, value in schema.items():
            here = (*path, key)
            if key in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
                raise SchemaError(
                    here, f"$ref {value!r} leads out of this schema", "put the definition under $defs"
                )
            if key in {"$id", "$anchor", "$dynamicAnchor"} and isinstance(value, str):
                raise SchemaError(here, f"{key} is not allowed", "refer to definitions by #/$defs/<name>")
            _refuse_remote(value, here)


def _closed(schema: Any, *, branch: bool = False) -> Any:
    """The schema with every object that names properties closed, unless it says itself what else it takes.

    Branches of a compound schema stay open, as each sees the properties of the others; the schema that holds
    them is closed by `unevaluatedProperties`, which sees them all.
    """
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    for key in _ONE:
        if key in closed:
            closed[key] = _closed(closed[key], branch=key in _BRANCHES)
    for key in _MANY:
        if isinstance(closed.get(key), dict):
            closed[key] = {name: _closed(part, branch=key in _BRANCHES) for name, part in closed[key].items()}
    for key in _LISTS:
        if isinstance(closed.get(key), list):
            closed[key] = [_closed(part, branch=key in _BRANCHES) for part in closed[key]]
    types = closed.get("type")
    is_object = "properties" in closed or types == "object" or (isinstance(types, list) and "object" in types)
    if is_object and not branch and not {"additionalProperties", "unevaluatedProperties"} & closed.keys():
        closed["unevaluatedProperties" if _COMPOUND & closed.keys() else "additionalProperties"] = False
    return closed
