"""Pulses: from what a batch did for a workflow to the record that says so. Pure.

Its size is bounded: an input adds at most one tool or the end of one run, and there are few words, rules and rounded
numbers. Of runs in which something was approved only some are named, where a batch has very many.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Level, Pulse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.processors.claims import Label
    from toolgate.schemas.records import Balance
    from toolgate.streams.gate.rollups import Owner, Rollup


_EXACT_MAX = 100  # records that are counted one by one
ACTIVE_MAX = 1_000  # runs: the first by name. A batch that has more follows no others
NEAR_MAX = 64  # accounts beside the fullest of each rule
_NEAR = 0.5
_part = itemgetter(0)
_BUDGET, _RUN = Code.BUDGET_EXCEEDED, "run"


def pulse_of(owner: Owner, rollup: Rollup) -> Pulse:
    """The record of a rollup; amounts that no pulse could hold are told as the largest that there may be."""
    tenant, workflow_id, policy_digest = owner
    verdicts = rollup.verdicts
    return Pulse(
        tenant=tenant,
        workflow_id=workflow_id,
        partition_set=",".join(map(str, sorted(rollup.partitions))),
        clk=rollup.clk,
        intents=rollup.intents,
        approved=verdicts[Verdict.APPROVE],
        denied=verdicts[Verdict.DENY],
        held=verdicts[Verdict.HOLD],
        drafted=verdicts[Verdict.DRAFT],
        quarantined=verdicts[Verdict.QUARANTINE],
        duplicates=verdicts[Verdict.DUPLICATE],
        cost_micros=min(rollup.cost_micros, AMOUNT_MAX),
        codes=dict(rollup.codes),
        tools=dict(rollup.tools),
        would_have=dict(rollup.would_have),
        policy_digest=policy_digest,
        finished=dict(rollup.finished),
        results=dict(rollup.results),
        tool_errors=dict(rollup.tool_errors),
        words=dict(rollup.words),
        settled_micros=min(rollup.settled_micros, AMOUNT_MAX),
        detected=rollup.detected,
        detection_ms=rollup.detection_ms,
        detection_ms_max=rollup.detection_ms_max,
        records=_histogram(rollup.records),
        levels=_fullest(rollup.levels.values()),
        active=tuple(sorted(rollup.active)[:ACTIVE_MAX]),
        ended=tuple(sorted(rollup.ended)),
    )


def _histogram(records: Mapping[int, int]) -> dict[str, int]:
    """Numbers above 100 are rounded up to two digits, so that a pulse names few."""
    found: Counter[str] = Counter()
    for count, calls in sorted(records.items()):
        unit = 10 ** (len(str(count)) - 2) if count > _EXACT_MAX else 1
        found[str(-(-count // unit) * unit)] += calls
    return dict(found)


def _fullest(accounts: Iterable[tuple[Label, Balance]]) -> tuple[Level, ...]:
    """Of each rule the account of which the largest part is used; of several the first that was seen.

    Of budgets that runs share all that are half used as well, behind it: people want to be warned of each. Of very many
    the fullest.
    """
    by_rule: dict[str, list[tuple[float, Label, Balance]]] = {}
    for label, balance in accounts:
        part = balance.used / balance.max if balance.max else 1.0
        by_rule.setdefault(label.rule, []).append((part, label, balance))
    first, others = [], []
    for found in by_rule.values():
        fullest, *rest = sorted(found, key=_part, reverse=True)  # stable: the first that was seen stays so
        first.append(fullest)
        others += [one for one in rest if one[0] >= _NEAR and one[1].code == _BUDGET and one[1].scope != _RUN]
    told = first + sorted(others, key=_part, reverse=True)[:NEAR_MAX]
    return tuple(
        Level(label.rule, label.scope, balance.account, balance.unit, balance.used, balance.max)
        for _, label, balance in sorted(told, key=lambda one: (one[1].rule, -one[0]))
    )
