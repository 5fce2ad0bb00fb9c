"""Tools of an MCP server as entries of the catalogue.

What a server says of its tools is somebody else's word. Its schemas are taken, closed; its hints about what a call does
are not, unless asked for: a tool of which nothing is known writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from unicodedata import category

from toolgate.processors.names import id_fault
from toolgate.processors.param_schema import ParamSchema, SchemaError
from toolgate.processors.problems import LoadError, Problem

_OPEN = ("additionalProperties", "unevaluatedProperties")
_DIALECTS = frozenset(
    {
        "http://json-schema.org/draft-07/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    }
)
# Older drafts check these, 2020-12 does not: left in, they would silently check nothing.
_OLD = {
    "dependencies": "dependentRequired or dependentSchemas",
    "additionalItems": "items beside prefixItems",
}
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"const", "enum", "default", "examples"})
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})


@dataclass(frozen=True, slots=True)
class Imported:
    """One tool: its catalogue entry as plain data, and what a person should know before it is accepted."""

    name: str
    entry: dict[str, Any]
    notes: tuple[str, ...]


def imported(file: str, data: dict[str, Any], *, trust_hints: bool) -> tuple[list[Imported], list[Problem]]:
    """The tools of a server's list, and those that cannot be taken.

    Args:
        file: how problems name it.
        data: a `tools/list` result, or the whole JSON-RPC answer around it.
        trust_hints: believe `readOnlyHint`, `destructiveHint` and `idempotentHint`.

    Raises:
        LoadError: it is no list of tools, or not the whole one.
    """
    result = data.get("result", data)
    listed = result.get("tools") if isinstance(result, dict) else None
    if not isinstance(listed, list) or not all(isinstance(tool, dict) for tool in listed):
        hint = 'save the answer to tools/list: {"tools": [...]}'
        raise LoadError([Problem(file, 0, 0, "this is no list of tools", hint)])
    if result.get("nextCursor"):
        hint = "ask the server for all pages and put their tools into one list"
        raise LoadError([Problem(file, 0, 0, "the list goes on: it has a nextCursor", hint)])
    found: dict[str, Imported] = {}
    problems: list[Problem] = []
    for place, tool in enumerate(listed):
        here = f"tools[{place}]"
        name = tool.get("name")
        if not isinstance(name, str) or (fault := id_fault(name)):
            what = f"the name {name!r} {fault}" if isinstance(name, str) else "the tool has no name"
            problems.append(Problem(file, 0, 0, f"{here}: {what}", "give it another name in the server"))
        elif name in found:
            problems.append(Problem(file, 0, 0, f"{here}: tool {name} is there twice", "keep one of them"))
        else:
            try:
                found[name] = _tool(name, tool, trust_hints=trust_hints)
            except SchemaError as error:
                at = ".".join(map(str, ("inputSchema", *error.path)))
                problems.append(Problem(file, 0, 0, f"{here} ({name}): {at}: {error}", error.hint))
    return list(found.values()), problems


def _tool(name: str, tool: dict[str, Any], *, trust_hints: bool) -> Imported:
    given = tool.get("inputSchema")
    if not isinstance(given, dict):
        raise SchemaError((), "there is no schema of the parameters", "the server must say what a call takes")
    notes: list[str] = []
    params = _taken(given, (), notes)
    ParamSchema.compile(params)
    description = tool.get("description") or tool.get("title") or ""
    if not isinstance(description, str):
        raise SchemaError((), "the description is no text")
    if hidden := sorted({f"U+{ord(char):04X}" for char in description if _unseen(char)}):
        notes.append(f"the description has characters that nobody sees: {', '.join(hidden)}")
    hints = tool.get("annotations")
    believed = hints if trust_hints and isinstance(hints, dict) else {}
    entry: dict[str, Any] = {"name": name}
    if description:
        entry["description"] = description
    entry |= {"params": params, "effect": _effect(believed)}
    if believed.get("idempotentHint") is True:
        entry["idempotent"] = True
    return Imported(name, entry, tuple(notes))


def _effect(hints: dict[str, Any]) -> str:
    if hints.get("readOnlyHint") is True:
        return "read"
    return "irreversible" if hints.get("destructiveHint") is True else "write"


def _unseen(char: str) -> bool:
    return char not in "\n\t" and category(char) in _INVISIBLE


def _taken(schema: dict[str, Any], path: tuple[str | int, ...], notes: list[str]) -> dict[str, Any]:
    """A schema as the catalogue takes it: of 2020-12, and closed where the server left it open."""
    taken: dict[str, Any] = {}
    for key, value in schema.items():
        here = (*path, key)
        if key == "$schema" and not path:
            if not isinstance(value, str) or value.rstrip("#") not in _DIALECTS:
                raise SchemaError(here, f"{value!r} is no draft that is read", "use JSON Schema 2020-12")
        elif key in _OLD:
            raise SchemaError(here, f"{key} is of an older draft", f"write {_OLD[key]}")
        elif key in _OPEN and value in (True, {}):
            notes.append(
                f"{'.'.join(map(str, path)) or 'the parameters'}: left open by the server, closed here"
            )
        else:
            taken[key] = _below(key, value, here, notes)
    return taken


def _below(key: str, value: Any, path: tuple[str | int, ...], notes: list[str]) -> Any:
    if key in _VALUES:
        return value
    if isinstance(value, list):
        return [
            _taken(one, (*path, place), notes) if isinstance(one, dict) else one
            for place, one in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    if key not in _MAPS:
        return _taken(value, path, notes)
    return {
        name: _taken(one, (*path, name), notes) if isinstance(one, dict) else one
        for name, one in value.items()
    }
