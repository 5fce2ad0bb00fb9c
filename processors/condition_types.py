"""What kinds of values a condition may meet, as the tool's schema and the gate itself promise them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

NUMBERS = frozenset({"int", "double"})
ORDERED = frozenset({"int", "double", "string", "timestamp", "duration"})
_KINDS = {
    "integer": "int",
    "number": "double",
    "string": "string",
    "boolean": "bool",
    "null": "null",
    "array": "list",
    "object": "object",
}
ELEMENTS_MAX = 256  # of a list that a condition goes through
_COMPOUND = ("allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef")


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of value. `item`: a list's elements, a map's rows or a set's entries; `fields`: an object's members."""

    # One of bool, int, double, string, null, list, object, map, set, timestamp, duration and unknown.
    kind: str
    item: Type | None = None
    fields: tuple[tuple[str, Field], ...] | None = None
    null: bool = field(default=False, compare=False)  # it may be null as well
    rounded: bool = field(default=False, compare=False)  # a double that was computed: near its value, or none
    large: bool = field(default=False, compare=False)  # a map of more rows than a condition goes through
    capitals: bool = field(default=False, compare=False)  # a set with texts that lower() never gives

    def field(self, name: str) -> Field | None:
        """The member of an object, or None."""
        return dict(self.fields or ()).get(name)

    def __str__(self) -> str:
        """As people read it: "list of string"."""
        return f"{self.kind} of {self.item}" if self.kind in {"list", "set"} and self.item else self.kind


@dataclass(frozen=True, slots=True)
class Field:
    """A member of an object; one that is not `required` may be missing."""

    type: Type
    required: bool


BOOL, INT, DOUBLE, STRING = Type("bool"), Type("int"), Type("double"), Type("string")
ROUNDED = Type("double", rounded=True)
NULL, TIMESTAMP, DURATION, UNKNOWN = Type("null"), Type("timestamp"), Type("duration"), Type("unknown")


def list_of(item: Type) -> Type:
    """A list of these."""
    return Type("list", item)


def map_of(item: Type, *, large: bool = False) -> Type:
    """A table of rows such as this, each found by its key."""
    return Type("map", item, large=large)


def set_of(item: Type, *, capitals: bool = False) -> Type:
    """Entries such as this, of which conditions only ask whether a value is among them."""
    return Type("set", item, capitals=capitals)


def record(**fields: Type) -> Type:
    """An object that has all these members."""
    return Type("object", None, tuple((name, Field(kind, required=True)) for name, kind in fields.items()))


def of_schema(schema: Any) -> Type:
    """The type of what fits a JSON Schema; unknown where the schema does not say it in plain words."""
    if not isinstance(schema, dict) or any(word in schema for word in _COMPOUND):
        return UNKNOWN
    null = "null" in schema.get("type", ()) or None in schema.get("enum", ())
    return replace(_of_plain(schema), null=null)


def _of_plain(schema: dict[str, Any]) -> Type:
    kind = _kind(schema)
    if kind == "list":
        return Type("list", of_schema(schema.get("items", True)))
    if (
        kind == "object"
        and "properties" not in schema
        and isinstance(schema.get("additionalProperties"), dict)
    ):
        return map_of(of_schema(schema["additionalProperties"]))
    if kind == "object":
        required = schema.get("required", ())
        return Type(
            "object",
            None,
            tuple(
                (name, Field(of_schema(part), name in required))
                for name, part in schema.get("properties", {}).items()
            ),
        )
    return Type(kind)


def _kind(schema: dict[str, Any]) -> str:
    said = schema.get("type")
    if isinstance(said, list):
        some = [one for one in said if one != "null"]
        said = some[0] if len(some) == 1 else None
    if isinstance(said, str):
        return _KINDS.get(said, "unknown")
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = {_kind_of(value) for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else "object" if "properties" in schema else "unknown"


def _kind_of(value: Any) -> str:
    """The kind of a constant."""
    names = {bool: "bool", int: "int", float: "double", str: "string", type(None): "null"}
    return names.get(type(value), "unknown")


def of_constant(value: Any) -> Type:
    """The type of a constant."""
    return Type(_kind_of(value))


def rounds(kind: Type) -> bool:
    """Whether values of this type, or those in it, were computed as doubles."""
    return kind.rounded or (kind.item is not None and rounds(kind.item))


def comparable(one: Type, other: Type) -> bool:
    """Whether two values can be equal at all; what may be null may be compared with null."""
    if "unknown" in {one.kind, other.kind}:
        return False
    if "null" in {one.kind, other.kind}:
        return (one if other.kind == "null" else other).null or one.kind == other.kind
    if one.kind == other.kind == "list":
        return one.item is None or other.item is None or comparable(one.item, other.item)
    return one.kind == other.kind != "object" or {one.kind, other.kind} == NUMBERS


_FOUND: dict[str, type] = {
    "int": int,
    "double": float,
    "list": list,
    "object": dict,
    "map": dict,
    "set": frozenset,
    "bool": bool,
    "string": str,
}
_SCALARS = {kind: found for kind, found in _FOUND.items() if found not in {list, dict, frozenset}}


def fits(value: Any, kind: Type) -> bool:
    """Whether a value that was met is of the type that was promised."""
    return (value is None and kind.null) or type(value) is _FOUND.get(kind.kind, type(value))


def fits_deeply(value: Any, kind: Type) -> bool:
    """`fits`, and so does everything within: nothing else has looked at a value that comes from a result."""
    if type(value) is _SCALARS.get(kind.kind) or (value is None and kind.null):
        return True
    if kind.kind == "double" and type(value) is int:
        return True
    if not fits(value, kind) or kind.kind in {"unknown", "map"}:
        return False
    if kind.kind == "list":
        return kind.item is not None and all(fits_deeply(item, kind.item) for item in value)
    if kind.kind == "object":
        fields = dict(kind.fields or ())
        lacks = any(one.required and name not in value for name, one in fields.items())
        return not lacks and all(
            fits_deeply(value[name], one.type) for name, one in fields.items() if name in value
        )
    return True
