"""The lock of a catalogue (`tools.lock`): what each tool was when a person accepted it.

A tool's description tells agents what to do, and its schema what may be asked of it; both often come from somebody
else's server. Where a lock stands beside the catalogue, a tool that is not as it was accepted is frozen: the set loads,
and every call of that tool is denied.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, WithJsonSchema

from toolgate.processors.fields import Id, StrictModel
from toolgate.processors.param_schema import json_plain
from toolgate.schemas.strict_json import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.processors.catalogue import ToolEntry

LOCK = "tools.lock"
NEW, CHANGED, ACCEPTED, GONE = "new", "changed", "accepted", "gone"
_HEAD = "# What `toolgate tools accept` has accepted: a digest of each tool. Kept beside tools.yaml.\n"

Digest = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{32}$"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
]


class LockFile(StrictModel):
    """The lock file: a digest by tool."""

    tools: dict[Id, Digest] = Field(description="what was accepted, by tool")


def digest_of(entry: ToolEntry) -> str:
    """BLAKE2b-128 of what a person accepts of a tool: name, version, description, effect and schema."""
    accepted = {
        "name": entry.name,
        "version": entry.version,
        "description": entry.description,
        "effect": entry.effect,
        "params": entry.params,
    }
    return digest(json.dumps(accepted, default=json_plain, ensure_ascii=True, sort_keys=True).encode())


def states(entries: Iterable[ToolEntry], accepted: Mapping[str, str]) -> dict[str, str]:
    """How each tool stands to the lock: accepted, changed or new; gone: locked, and no longer in the catalogue."""
    found = {
        entry.name: NEW
        if entry.name not in accepted
        else ACCEPTED
        if accepted[entry.name] == digest_of(entry)
        else CHANGED
        for entry in entries
    }
    return found | {name: GONE for name in accepted if name not in found}


def render(accepted: Mapping[str, str]) -> str:
    """The text of a lock file: one tool a line, by name, so that a difference shows which."""
    if not accepted:
        return f"{_HEAD}tools: {{}}\n"
    return _HEAD + "tools:\n" + "".join(f'  "{name}": "{accepted[name]}"\n' for name in sorted(accepted))
