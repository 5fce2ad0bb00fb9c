"""Repairs: what an agent can do about a verdict, as one JSON object; docs/reference/repairs.md has every form.

An agent learns which parameters to change and what to read, but no limit and no distance unless its policy says
`show_limits`: what is shown to an agent is shown to whoever talks it into something.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolgate.processors.case import place_of
from toolgate.processors.effects import VERDICTS, Do, Effect
from toolgate.processors.reasons import Code
from toolgate.processors.verdicts import effect_of, entry_of
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Case
    from toolgate.processors.facts import Read
    from toolgate.schemas.records import Reason

REPAIR_BYTES_MAX = 8_192
_OF_RULES = frozenset({Code.RULE_DENIED, Code.RULE_FAILED})


def repair(case: Case, reasons: tuple[Reason, ...]) -> str:
    """What the agent can do, or "" where nothing is to be done.

    Args:
        case: as the chain judged it.
        reasons: all of the published verdict, the ledger's with them.

    Returns:
        A JSON object of at most 8 KiB. Its `do` is that of the reason that helps least: what another reason would
        allow is in vain.
    """
    effect = effect_of(reasons)
    if effect == Effect.HOLD:
        found: dict[str, Any] = {"do": Do.ASK.value}
        if not case.intent.dry_run:
            found["hold_id"] = place_of(case)
    elif VERDICTS[effect] == Verdict.DENY:
        found = _refused(case, reasons)
    else:
        return ""
    limits = [_figures(reason) for reason in reasons if reason.distance is not None]
    if limits and case.policy is not None and case.policy.written.show_limits:
        found["limits"] = limits
    return _bounded(found)


def _refused(case: Case, reasons: tuple[Reason, ...]) -> dict[str, Any]:
    asked = {_do(case, reason) for reason in reasons}
    do = next(do for do in Do if do in asked)
    if do == Do.CHANGE:
        return {"do": do.value, "params": [one for reason in reasons for one in _changes(case, reason)]}
    if do == Do.READ_FIRST:
        return {"do": do.value, "reads": list(_reads(case))}
    return {"do": do.value}


def _do(case: Case, reason: Reason) -> Do:
    entry = entry_of(reason.code)
    if entry is None:
        return Do.STOP
    # A rule that looks at no parameter cannot be satisfied by other ones.
    if reason.code in _OF_RULES and not _rule_params(case, reason):
        return Do.STOP
    return entry.do


def _changes(case: Case, reason: Reason) -> Iterator[dict[str, Any]]:
    """The parameters to change for one reason."""
    tool = case.tool
    match reason.code:
        case Code.PARAMS_NOT_JSON:
            yield {"path": "", "expected": {"type": "object"}}
        case Code.PARAMS_SCHEMA if tool is not None and case.params is not None:
            # All faults at once, and each has a reason of its own: they are told with the first.
            if reason is next(one for one in case.reasons if one.code == reason.code):
                for path, expected in tool.schema.expectations(case.params):
                    yield {"path": path, "expected": expected}
        case Code.COST_INVALID if tool is not None and tool.price.path:
            yield {"path": ".".join(tool.price.path)}
        case Code.RECORDS_INVALID if tool is not None:
            yield from ({"path": ".".join(path)} for path in tool.records or ())
        case Code.RULE_DENIED | Code.RULE_FAILED:
            yield from ({"path": path, "rule": reason.rule} for path in _rule_params(case, reason))
        case _:
            pass


def _rule_params(case: Case, reason: Reason) -> tuple[str, ...]:
    sheet = case.policy.rules.get(case.intent.tool) if case.policy else None
    rules = sheet.rules if sheet else ()
    return next((rule.params for rule in rules if rule.id == reason.rule), ())


def _reads(case: Case) -> Iterator[dict[str, Any]]:
    """The calls that would tell what is not known, of tools that the policy allows."""
    policy = case.policy
    sheet = policy.rules.get(case.intent.tool) if policy else None
    for missing in case.wanted:
        for read in sheet.facts[missing.table].reads if sheet and missing.table in sheet.facts else ():
            if policy is not None and read.tool in policy.plans:
                yield {"tool": read.tool, "params": _params_of(read, missing.key)}


def _params_of(read: Read, key: str) -> dict[str, Any]:
    if not read.param:
        return {}
    return {read.param: int(key) if read.whole and key.removeprefix("-").isdecimal() else key}


def _figures(reason: Reason) -> dict[str, Any]:
    """A reason's limit and distance, without what it does not say."""
    figures = {"asked": reason.asked, "limit": reason.limit, "distance": reason.distance}
    named = {"code": str(reason.code), "rule": reason.rule, "unit": reason.unit, **figures}
    return {name: value for name, value in named.items() if value not in (None, "")}


def _bounded(found: dict[str, Any]) -> str:
    """The object as text; too large, without what is expected, and at last with `do` alone."""
    text = _text(found)
    if len(text.encode()) > REPAIR_BYTES_MAX and "params" in found:
        bare = [{name: value for name, value in one.items() if name != "expected"} for one in found["params"]]
        text = _text({**found, "params": bare})
    if len(text.encode()) > REPAIR_BYTES_MAX:
        text = _text({"do": found["do"]})
    return text


def _text(found: dict[str, Any]) -> str:
    # Plain JSON and not the canonical one, which refuses numbers that a schema of the catalogue may well have.
    return json.dumps(found, separators=(",", ":"), sort_keys=True)
