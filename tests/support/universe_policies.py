"""The policies of the small universe: the usual one, and one with holds, drafts and a workflow in shadow."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from toolgate.processors.loader import from_files
from toolgate.processors.problems import LoadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.policy import PolicySet

TOOLS = b"""
tools:
  - name: look
    version: "1"
    effect: read
    system: bank
    records: []
    params: {type: object, properties: {id: {type: string}}, required: [id]}
    result: {type: object, properties: {color: {type: string}}, required: [color]}
    remember:
      - {fact: thing, key: params.id, trusted: true, fields: {color: result.color}}
  - {name: paint, effect: write, system: wall, records: [], params: {properties: {id: {type: string}}, required: [id]}}
  - name: pay
    version: "1"
    effect: write
    system: bank
    records: [id]
    params: {type: object, properties: {id: {type: string}}, required: [id]}
"""
POLICY = b"""
policy:
  workflow_id: w
  allowed_tools: [look, paint, pay]
  limits: {max_tool_calls: 40, max_denials: 10000}
  attempts: {run: {max: 100000, per: 1m}, agent: {max: 100000, per: 1m}}
  budgets:
    - {scope: tenant, unit: usd, max: 0.000060, window: 1h}
    - {scope: workflow, unit: usd, max: 0.000400, window: 1d}
    - {scope: system, unit: calls, max: 6, window: none, on_expiry: release}
  blast_radius:
    - {scope: workflow, max: 5, window: 1h}
  logging: {capture: [params.id]}
  rules:
    - {id: color, tools: [paint], when: 'facts.thing[params.id].color == "red"', because: red stays red}
"""
# The same with calls that are held or drafted, and a second workflow in shadow.
PROPOSING = (
    POLICY
    + b"""    - {id: kept, tools: [pay], when: params.id == "x8", then: hold, because: people look at x8}
    - {id: drafted, tools: [pay], when: params.id == "x7", then: draft, because: x7 is only proposed}
"""
)
SHADOW = POLICY.replace(b"workflow_id: w", b"workflow_id: s\n  mode: shadow")
FILES = {"tools.yaml": TOOLS, "policies/w.yaml": POLICY}
PROPOSING_FILES = {**FILES, "policies/w.yaml": PROPOSING, "policies/s.yaml": SHADOW}
# The same where two people must approve what is held, and have half an hour.
VOTED_FILES = {
    **PROPOSING_FILES,
    "policies/w.yaml": PROPOSING + b"  approvals: [{rules: [kept], approvers: 2, expires: 30m}]\n",
}
# The same where nearly every payment is held, long enough for people to come to it.
DISPUTED_FILES = {
    **VOTED_FILES,
    "policies/w.yaml": VOTED_FILES["policies/w.yaml"]
    .replace(b'params.id == "x8"', b"""'!(params.id in ["x0", "x7"])'""")
    .replace(b"expires: 30m", b"expires: 6h"),
}
# Two more workflows, whose runs may have contracts.
CONTRACTED_FILES = FILES | {
    f"policies/{name}.yaml": POLICY.replace(
        b"workflow_id: w", f"workflow_id: {name}\n  contract: {{required: false}}".encode()
    )
    for name in "cd"
}

# The same with room for thousands of calls an hour.
ROOM = {
    b"max_tool_calls: 40": b"max_tool_calls: 400",
    b"usd, max: 0.000060": b"usd, max: 0.002000",
    b"usd, max: 0.000400": b"usd, max: 0.006000",
    b"calls, max: 6": b"calls, max: 1500",
    b"scope: workflow, max: 5": b"scope: workflow, max: 8",
}


def roomy(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files of policies under which a busy universe is not denied everything."""
    made = dict(files)
    for tight, wide in ROOM.items():
        made = {name: text.replace(tight, wide) for name, text in made.items()}
    return made


def compiled(files: Mapping[str, bytes]) -> PolicySet:
    """The set of these files, compiled once for all workers of all histories in this process.

    Whoever changes how sets are compiled calls `compile_anew` before and after.

    Raises:
        LoadError: it does not load.
    """
    found = _compiled(tuple(sorted(files.items())))
    if isinstance(found, LoadError):
        raise found
    return found


def compile_anew() -> None:
    """Forget what was compiled."""
    _compiled.cache_clear()


@cache
def _compiled(files: tuple[tuple[str, bytes], ...]) -> PolicySet | LoadError:
    try:
        return from_files(dict(files))
    except LoadError as error:
        return error
