"""The airline recording, decided by the gate over logs in memory: the figures that its README claims.

`make nightly` plays it through a real Kafka and Redis as well.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from toolgate.demo import runs
from toolgate.processors.loader import load
from toolgate.schemas.records import Intent
from toolgate.streams.gate.rehearsal import Rehearsal
from toolgate.whatif import recorded

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("folder", "wrong_pct", "failed_pct", "right_pct"),
    [("airline", 50, 90, 80), ("airline/holds", 75, 90, 75)],
)
def test_so_many_wrong_and_failed_writes_do_not_pass_and_so_many_right_ones_do(
    airline_runs, folder, wrong_pct, failed_pct, right_pct
):
    """Each recorded call as an intent, with its recorded result behind it where it is approved."""
    policies = load(EXAMPLES / folder)
    gate, labels = Rehearsal(policies), {}
    for run in runs.load(airline_runs):
        labels |= {call.intent_id: call.label for call in run.calls if call.label}
    all_of, approved = Counter(labels.values()), Counter()
    for happening in recorded.read(airline_runs, next(iter(policies.workflows))):
        record = happening.record
        if not isinstance(record, Intent):
            gate.result(happening.tenant, record, happening.at_ms)
        elif gate.intent(record, happening.at_ms).event.verdict == "APPROVE" and record.intent_id in labels:
            approved[labels[record.intent_id]] += 1
    assert all_of == {"right": 88, "wrong": 89, "failed": 73}
    passed_pct = {label: 100 * approved[label] / count for label, count in all_of.items()}
    assert passed_pct["wrong"] <= 100 - wrong_pct
    assert passed_pct["failed"] <= 100 - failed_pct
    assert passed_pct["right"] >= right_pct
