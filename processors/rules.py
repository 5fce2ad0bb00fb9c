"""Rules: what a policy says that a call must not be, over its parameters, what the run has read, and who makes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from toolgate.processors.amounts import USD_MICROS
from toolgate.processors.case import weigh
from toolgate.processors.condition import FACTS, Met, UnevaluatedError, UnreadError
from toolgate.processors.condition_syntax import quoted
from toolgate.processors.effects import Effect
from toolgate.processors.facts import Told, rows_of
from toolgate.processors.lookups import TOLD
from toolgate.processors.reasons import Code
from toolgate.processors.verdicts import ordered
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.processors.case import Case
    from toolgate.processors.rule_sheets import Sheet, SheetRule
    from toolgate.processors.slots import Missing
    from toolgate.processors.world import World

CODES = {
    Effect.DENY: Code.RULE_DENIED,
    Effect.READ_FIRST: Code.READ_FIRST,
    Effect.HOLD: Code.HELD_BY_RULE,
    Effect.DRAFT: Code.DRAFTED,
}
VALUES_SHOWN = 3
VALUE_CHARS_MAX = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rules(case: Case, world: World) -> Case:  # noqa: ARG001 - one signature for every processor
    """Refuse, hold or draft a call for which a rule holds; one that cannot be evaluated, or lacks a fact, refuses."""
    policy = case.policy
    sheet = policy.rules.get(case.intent.tool) if policy else None
    if sheet is None or case.params is None or case.verdict == Verdict.DENY:
        return case
    met = met_in(case, sheet, case.params)
    wanted: list[Missing] = []
    counted: list[Reason] = []
    shadowed: list[Reason] = []
    for rule in sheet.rules:
        if reason := _reason(rule, sheet, met, [] if rule.shadow else wanted):
            (shadowed if rule.shadow else counted).append(reason)
    if shadowed:
        case = changed(case, shadow_reasons=ordered(shadowed))
    return weigh(changed(case, wanted=tuple(dict.fromkeys(wanted))), *counted) if counted else case


def met_in(case: Case, sheet: Sheet, params: dict[str, Any]) -> Met:
    """What the slots of a sheet are in a case with these parameters."""
    roots = _Roots(params=params, tables=sheet.tables, registry=sheet.registries)
    roots.case, roots.sheet = case, sheet
    if sheet.facts:
        roots[TOLD] = Told(case.facts, sheet.facts)
    return Met(sheet.lookups, roots, sheet.told)


class _Roots(dict[str, Any]):
    """What the paths of conditions begin with; what no condition asks for is not made."""

    __slots__ = ("case", "sheet")
    case: Case
    sheet: Sheet

    def __missing__(self, root: str) -> Any:
        """Make a root."""
        found = self[root] = _MADE[root](self.case, self.sheet)
        return found


_MADE: dict[str, Callable[[Case, Sheet], Any]] = {
    "facts": lambda case, sheet: rows_of(case.facts, sheet.facts),
    "history": lambda case, _: dict(case.history),
    "contract": lambda case, _: case.run_contract or {},
    "intent": lambda case, _: {
        "id": case.intent.intent_id,
        "run": case.intent.run_id,
        "tool": case.intent.tool,
        "reason": case.intent.reason,
    },
    "workflow": lambda case, _: {"id": case.intent.workflow_id, "tenant": case.intent.tenant},
    "agent": lambda case, _: {"id": case.intent.agent_id},
    # The broker's time: the record's own, so that whoever judges it again comes to the same.
    "now": lambda case, sheet: sheet.now or _EPOCH + timedelta(milliseconds=case.envelope.time_ms),
}


def _reason(rule: SheetRule, sheet: Sheet, met: Met, wanted: list[Missing]) -> Reason | None:
    try:
        if not rule.condition.holds(met):
            return None
        near = rule.condition.near(met)
    except UnreadError as fault:
        wanted += fault.missing
        what = _named(fault.missing[0], rule, sheet)
        return Reason(CODES[rule.missing], rule.id, f"{rule.because} (nothing is known of {what})")
    except UnevaluatedError as fault:
        return Reason(Code.RULE_FAILED, rule.id, f"{rule.because} (the rule could not be evaluated: {fault})")
    code, because = CODES[rule.then], rule.because + _shown(rule, sheet, met)
    if near is None or near[0].slot not in rule.shown:
        return Reason(code, rule.id, because)
    comparison, distance = near
    slot = sheet.slots[comparison.slot]
    unit = USD_MICROS if "usd" in slot.functions else slot.path[-1] if slot.path else ""
    asked = met.values[comparison.slot]
    return Reason(code, rule.id, because, "", unit, asked, comparison.limit, distance)


def _named(missing: Missing, rule: SheetRule, sheet: Sheet) -> str:
    """A row that is not known, with its key, unless what rows are found by is redacted."""
    facts = (number for number in rule.condition.slots if sheet.slots[number].looks_at(FACTS))
    return (
        f"{missing.table} {missing.key}" if all(number in rule.shown for number in facts) else missing.table
    )


def _shown(rule: SheetRule, sheet: Sheet, met: Met) -> str:
    """The values that the rule looked at, as ` (params.cabin is "basic")`, but for redacted and long ones."""
    told = []
    for number in rule.shown:
        value = met.values[number]
        if type(value) in {bool, int, float, str} and len(text := quoted(value)) <= VALUE_CHARS_MAX:
            told.append(f"{sheet.slots[number]} is {text}")
    return f" ({', '.join(told[:VALUES_SHOWN])})" if told else ""
