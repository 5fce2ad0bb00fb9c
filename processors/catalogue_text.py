"""The text of a catalogue with imported tools in it: what people wrote about a tool stays, and so do comments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from toolgate.processors.canonical import canonical
from toolgate.processors.param_schema import json_plain
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.strict_yaml import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolgate.processors.mcp_tools import Imported

ADDED, UPDATED, SAME = "added", "updated", "same"
_THEIRS = ("description", "params")  # what the server says; effect, cost, records, ... are for people
_HEAD = """\
# Imported from a server's list of tools. What a call does, costs and touches is for you to say: effect, cost, records,
# system, inverse. A tool of which nothing is known writes.
tools: []
"""
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z", re.ASCII)
_NOT_BARE = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Merged:
    """A catalogue's new text, and what became of each imported tool. `unlisted`: those that the server has not."""

    text: bytes
    states: dict[str, str]
    unlisted: tuple[str, ...]


def merged(file: str, text: bytes | None, tools: Sequence[Imported]) -> Merged:
    """A catalogue with these tools: new ones behind, the schema and description of others as the server has them now.

    Args:
        file: how problems name the catalogue.
        text: as it is; None: there is none yet.
        tools: what was imported.

    Raises:
        LoadError: the catalogue cannot be read, or cannot be written again without losing something.
    """
    before = canonical(file, text if text is not None else _HEAD.encode())
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    root = yaml.load(before.decode())
    document, _ = parse(file, before)
    listed = root.get("tools") if isinstance(root, dict) else None
    if document is None or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise LoadError([_no_catalogue(file)])
    nameless = [
        place for place, entry in enumerate(document.data["tools"]) if type(entry.get("name")) is not str
    ]
    if nameless:
        what, hint = "this tool has no name", "give it one, as text"
        raise LoadError(document.problem(("tools", place), what, hint) for place in nameless)
    ours = {entry["name"]: (place, entry) for place, entry in enumerate(document.data["tools"])}
    states: dict[str, str] = {}
    if not listed:
        root["tools"] = listed = []  # an empty list is written in brackets, and would stay in them
    for tool in tools:
        if tool.name not in ours:
            listed.append(_quoted(tool.entry))
            states[tool.name] = ADDED
            continue
        place, entry = ours[tool.name]
        stale = [key for key in _THEIRS if not _same(entry.get(key), tool.entry.get(key))]
        for key in stale:
            if key in tool.entry:
                listed[place][key] = _quoted(tool.entry[key])
            else:
                del listed[place][key]
        states[tool.name] = UPDATED if stale else SAME
    out = StringIO()
    yaml.dump(root, out)
    return Merged(
        canonical(file, out.getvalue().encode()), states, tuple(name for name in ours if name not in states)
    )


def _no_catalogue(file: str) -> Problem:
    return Problem(file, 1, 1, "this is no catalogue: it has no list of tools", "begin it with tools:")


def _same(ours: Any, theirs: Any) -> bool:
    """Whether two values say the same; exact decimals are what a server's numbers are."""
    return bool(_plain(ours) == _plain(theirs))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=json_plain))


def _quoted(value: Any) -> Any:
    """Data whose texts are in quotes, unless no reader of YAML could take them for something else."""
    if isinstance(value, dict):
        return {_quoted(key): _quoted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_quoted(one) for one in value]
    if isinstance(value, str) and (not _BARE.match(value) or value.lower() in _NOT_BARE):
        return DoubleQuotedScalarString(value)
    return value
