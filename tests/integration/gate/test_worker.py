"""One worker as a process: it decides, tells what it is at, and stops in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from toolgate.streams.ports import CONTROL, INPUTS

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real


def test_decides_each_input_once_and_tells_what_it_did(site: Site):
    """Audit, commands, ledger, metrics and health agree; SIGTERM ends it with 0 and releases everything."""
    site.send(300)
    worker = site.worker().running()
    events = site.check(approved=50)
    verdicts = Counter(event.verdict for event in events if event.topic == "intents")
    assert set(verdicts) >= {"APPROVE", "DENY", "DUPLICATE"}
    metrics = worker.metrics()
    for verdict, n in verdicts.items():
        assert metrics[f'toolgate_intents_total{{verdict="{verdict}"}}'] == n
    health = worker.health()
    assert health["state"] == "running"
    assert {(row["topic"], row["partition"]) for row in health["partitions"]} == {
        *((name, p) for name in INPUTS if name != CONTROL for p in range(2)),
        (CONTROL, 0),
    }
    assert all(row["lag"] == 0 for row in health["partitions"])
    assert health["ledger"]["seq"] == max(event.seq for event in events)
    assert worker.stop() == 0
