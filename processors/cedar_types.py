"""What Cedar knows of a call: the schema that policies are checked against, and the values that they are given.

Both are made from the tool catalogue, so that they cannot disagree with it. What Cedar has no value for is left out of
the schema, and a policy that names it does not load; a value that does not fit what the schema says is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_types import ELEMENTS_MAX, STRING, TIMESTAMP, Type, fits, of_schema, record
from toolgate.processors.functions import UnfitError
from toolgate.processors.slots import STRING_CHARS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.condition_types import Field

DECIMALS_MAX = 4  # of Cedar's decimal, which is a whole number of ten-thousandths in 64 bits
TEN_THOUSANDTHS_MAX = 2**63 - 1
_PLAIN = {"bool": "Boolean", "int": "Long", "string": "String"}
_EXTENSIONS = {"double": "decimal", "timestamp": "datetime"}
_INTENT = record(id=STRING, run=STRING, reason=STRING)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def context_type(tool: Tool) -> Type:
    """The context of a call of this tool."""
    return record(params=of_schema(tool.schema.document), intent=_INTENT, now=TIMESTAMP)


def schema_of(tools: Iterable[Tool]) -> dict[str, Any]:
    """The Cedar schema, in its JSON form, of calls of these tools."""
    tool_attributes = {"effect": {"type": "String"}, "version": {"type": "String"}}
    entities = {
        "Workflow": {},
        "System": {},
        "Agent": {"memberOfTypes": ["Workflow"]},
        "Tool": {
            "memberOfTypes": ["System"],
            "shape": {"type": "Record", "attributes": tool_attributes},
        },
    }
    actions = {
        tool.name: {
            "appliesTo": {
                "principalTypes": ["Agent"],
                "resourceTypes": ["Tool"],
                "context": _written(context_type(tool)),
            }
        }
        for tool in tools
    }
    return {"": {"entityTypes": entities, "actions": actions}}


def entities_of(tools: Iterable[Tool], workflow_id: str) -> list[dict[str, Any]]:
    """The entities that are the same for every call: tools in their systems, and the workflow."""
    found = [_entity("Workflow", workflow_id)]
    for tool in tools:
        parents = [_uid("System", tool.system)] if tool.system else []
        attributes = {"effect": tool.effect, "version": tool.version}
        found.append(_entity("Tool", tool.name, parents, attributes))
    return found


def agent_of(agent_id: str, workflow_id: str) -> dict[str, Any]:
    """The agent, in its workflow."""
    return _entity("Agent", agent_id, [_uid("Workflow", workflow_id)])


def request_of(agent_id: str, tool: str) -> dict[str, Any]:
    """Who asks for what, without the context."""
    return {
        "principal": _uid("Agent", agent_id),
        "action": _uid("Action", tool),
        "resource": _uid("Tool", tool),
    }


def time_of(time_ms: int) -> datetime:
    """A time in milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def value_for(value: Any, kind: Type) -> Any:
    """A value as Cedar's JSON has it.

    Raises:
        UnfitError: It is of another type than promised, too large, or Cedar has no such number.
    """
    if kind.kind == "timestamp":
        return _extension(
            "datetime", value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        )
    if kind.kind == "double" and type(value) is int:
        value = float(value)
    if value is None or not fits(value, kind):
        raise UnfitError(f"a value is no {kind}")
    match kind.kind:
        case "double":
            return _extension("decimal", _decimal(value))
        case "list":
            return _list(value, kind)
        case "object":
            return {
                name: value_for(value[name], member.type)
                for name, member in _members(kind)
                if name in value and not (value[name] is None and member.type.null)
            }
        case "string" if len(value) > STRING_CHARS_MAX:
            raise UnfitError(
                f"text has {len(value):,} characters, at most {STRING_CHARS_MAX:,} are looked at"
            )
    return value


def sees(kind: Type, path: list[str]) -> bool:
    """Whether Cedar is told of something at a path below values of this type."""
    for step in path:
        found = dict(_members(kind)).get(step)
        if found is None:
            return False
        kind = found.type
    return True


def _list(value: list[Any], kind: Type) -> list[Any]:
    if len(value) > ELEMENTS_MAX:
        raise UnfitError(f"a list has {len(value):,} elements, at most {ELEMENTS_MAX} are looked at")
    return [value_for(item, kind.item) for item in value] if kind.item else []


def _decimal(value: float) -> str:
    """The decimal that a number was written as; Cedar's has four digits behind the point."""
    exact = Decimal(repr(value))
    scaled = exact.scaleb(DECIMALS_MAX)
    if scaled != scaled.to_integral_value() or abs(scaled) > TEN_THOUSANDTHS_MAX:
        raise UnfitError(
            f"a number is beyond Cedar's decimals, which have {DECIMALS_MAX} digits behind the point"
        )
    text = f"{exact:f}"
    return text if "." in text else f"{text}.0"


def _members(kind: Type) -> list[tuple[str, Field]]:
    """The members that Cedar can be told of. Names that its JSON gives another meaning are not among them."""
    return [
        (name, member)
        for name, member in kind.fields or ()
        if not name.startswith("__") and _written(member.type) is not None
    ]


def _written(kind: Type) -> dict[str, Any] | None:
    """A type as Cedar's schema has it; None where Cedar has none."""
    if kind.kind in _PLAIN:
        return {"type": _PLAIN[kind.kind]}
    if kind.kind in _EXTENSIONS:
        return {"type": "Extension", "name": _EXTENSIONS[kind.kind]}
    if kind.kind == "list" and kind.item is not None and not kind.item.null:
        element = _written(kind.item)
        return element and {"type": "Set", "element": element}
    if kind.kind == "object" and kind.fields is not None:
        attributes = {
            name: {**(_written(member.type) or {}), "required": member.required and not member.type.null}
            for name, member in _members(kind)
        }
        return {"type": "Record", "attributes": attributes}
    return None


def _extension(function: str, argument: str) -> dict[str, Any]:
    return {"__extn": {"fn": function, "arg": argument}}


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _entity(
    kind: str,
    name: str,
    parents: list[dict[str, str]] | None = None,
    attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {"uid": _uid(kind, name), "attrs": attributes or {}, "parents": parents or []}
