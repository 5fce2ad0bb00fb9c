"""What each rule about a call looked at, and what it came to: for people, so that nothing redacted is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.condition import UnevaluatedError, UnreadError
from toolgate.processors.condition_syntax import quoted
from toolgate.processors.functions import UnfitError
from toolgate.processors.rules import met_in
from toolgate.processors.slots import Missing

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.condition import Met
    from toolgate.processors.rule_sheets import Sheet, SheetRule

HOLDS, DOES_NOT_HOLD, UNKNOWN_FACT, FAILED = "holds", "does not hold", "a fact is not known", "failed"
VALUE_CHARS_MAX = 200
_HIDDEN = "(redacted)"


@dataclass(frozen=True, slots=True)
class Look:
    """One rule about the call. `distance`: how far the one comparison that decided is from turning out otherwise."""

    rule: str
    because: str
    when: str
    outcome: str
    detail: str
    values: tuple[tuple[str, str], ...]  # what it looked at, as written, and the value found there
    distance: int | None = None


def looks(case: Case) -> tuple[Look, ...]:
    """What every rule about a case's tool comes to, in the order of the policy; () where no rule is about it.

    Also where another processor has refused the call, as far as its parameters could be read.
    """
    sheet = case.policy.rules.get(case.intent.tool) if case.policy else None
    if case.policy is None or sheet is None or case.params is None:
        return ()
    texts = {rule.id: rule.when for rule in case.policy.written.rules}
    met = met_in(case, sheet, case.params)
    return tuple(_look(rule, texts[rule.id], sheet, met) for rule in sheet.rules)


def _look(rule: SheetRule, when: str, sheet: Sheet, met: Met) -> Look:
    values = tuple(
        (str(sheet.slots[number]), _shown(met.values[number]) if number in rule.shown else _HIDDEN)
        for number in rule.condition.slots
    )
    outcome, detail, distance = DOES_NOT_HOLD, "", None
    try:
        if rule.condition.holds(met):
            outcome = HOLDS
        near = rule.condition.near(met)
        if near is not None and near[0].slot in rule.shown:
            distance = near[1]
    except UnreadError as fault:
        outcome = UNKNOWN_FACT
        detail = ", ".join(f"{one.table} {one.key}" for one in fault.missing)
    except UnevaluatedError as fault:
        outcome, detail = FAILED, str(fault)
    return Look(rule.id, rule.because, when, outcome, detail, values, distance)


def _shown(value: object) -> str:
    if isinstance(value, Missing):
        return f"(nothing known of {value.table} {value.key})" if value.table else "(not there)"
    if isinstance(value, UnfitError):
        return f"({value})"
    text = quoted(value) if type(value) in {bool, int, float, str} else str(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[: VALUE_CHARS_MAX - 1]}…"
