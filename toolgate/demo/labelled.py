"""Labelled calls: what became of those that are called right, wrong or failed, and which rules were against them.

Runs may carry the number of their trial. Then each half of the trials is counted for itself: who has written rules
while looking at one half sees on the other whether they hold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from toolgate.demo import tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toolgate.demo.player import Played
    from toolgate.demo.runs import Run
    from toolgate.schemas.records import Reason

ALL = "all"


def by_trials(runs: Iterable[Run], played: Sequence[Played]) -> dict[str, dict[str, dict[str, int]]]:
    """What agents were told, by label, for each half of the trials; for all together where runs carry no trial."""
    trials = {run.run_id: run.trial for run in runs}
    numbers = sorted({number for number in trials.values() if number is not None})
    if len(numbers) < 2 or None in trials.values():
        return {ALL: tally.by_label(played)}
    middle = (len(numbers) + 1) // 2
    return {
        f"trials {', '.join(map(str, half))}": tally.by_label(
            one for one in played if trials[one.run_id] in half
        )
        for half in (numbers[:middle], numbers[middle:])
    }


def by_rule(
    played: Iterable[Played], reasons: Mapping[str, Sequence[Reason]]
) -> dict[tuple[str, str], Counter[str]]:
    """By code and rule, how many calls of each label they were against; the busiest first.

    Args:
        played: The calls.
        reasons: Of their decisions, by intent id. A call that several rules are against counts for each.
    """
    labels = {one.call.intent_id: one.call.label for one in played if one.call.label}
    counts: dict[tuple[str, str], Counter[str]] = {}
    for intent_id, label in labels.items():
        for pair in {(reason.code, reason.rule) for reason in reasons.get(intent_id, ())}:
            counts.setdefault(pair, Counter())[label] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1].total(), item[0])))


def as_json(
    runs: Iterable[Run], played: Sequence[Played], reasons: Mapping[str, Sequence[Reason]]
) -> dict[str, Any]:
    """Both, for programs."""
    return {
        "by_trials": by_trials(runs, played),
        "by_rule": [
            {"code": code, "rule": rule, **counts}
            for (code, rule), counts in by_rule(played, reasons).items()
        ],
    }
