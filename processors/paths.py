"""Dotted paths into parameters: `reservation_id`, `flights.*.flight_number` (`*`: each item of a list)."""

from __future__ import annotations

import re
from typing import Any

Steps = tuple[str, ...]
_PATH = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_-]*|\*)(?:\.(?:[A-Za-z_][A-Za-z0-9_-]*|\*)){0,15}\Z", re.ASCII)
PATH_CHARS_MAX = 256
_COMPOUND = ("allOf", "anyOf", "oneOf", "if", "then", "else", "$ref", "dependentSchemas")


def path_fault(text: str) -> str:
    """What is wrong with a path, or "" for a good one."""
    if len(text) > PATH_CHARS_MAX:
        return f"has {len(text)} characters, at most {PATH_CHARS_MAX} are allowed"
    if _PATH.match(text) is None or text.startswith("*"):
        return (
            "is no path: write names with dots between them, * for every element of a list (flights.*.number)"
        )
    return ""


def steps(path: str) -> Steps:
    """A path's steps; a leading `params.` means the parameters themselves and is dropped."""
    parts = tuple(path.split("."))
    return parts[1:] if len(parts) > 1 and parts[0] == "params" else parts


def values_at(params: Any, path: Steps) -> list[Any]:
    """What stands at a path, one value or several; an absent part gives none, a list at its end its items."""
    found = [params]
    for step in path:
        if step == "*":
            found = [item for value in found if isinstance(value, list) for item in value]
        else:
            found = [value[step] for value in found if isinstance(value, dict) and step in value]
    return [item for value in found for item in (value if isinstance(value, list) else (value,))]


def in_schema(schema: Any, path: Steps) -> bool:
    """Whether parameters that fit the schema could have something at this path."""
    for place, step in enumerate(path):
        if not isinstance(schema, dict):
            return schema is not False
        if any(word in schema for word in _COMPOUND):
            return True  # what a compound schema admits is not worked out here
        if step == "*":
            schema = schema.get("items", True)
            continue
        properties = schema.get("properties", {})
        if step not in properties:
            return _open(schema, path[place:])
        schema = properties[step]
    return schema is not False


def _open(schema: dict[str, Any], rest: Steps) -> bool:
    if schema.get("patternProperties"):
        return True
    return in_schema(schema.get("additionalProperties", True), rest[1:])
