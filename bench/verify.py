"""How fast a history is verified: `python -m bench.verify`. A log of approvals, made by the gate's own loop in memory.

Processor time is counted, of several rounds the least: other work shares the machine.
"""

from __future__ import annotations

import argparse
import gc
import time
from typing import TYPE_CHECKING

import psutil

from bench import inside, rulebook
from toolgate.schemas.frozen import changed
from toolgate.verification.history import TOPICS
from toolgate.verification.judging import judge
from toolgate.verification.loading import Loader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolgate.processors.case import Envelope

WORKFLOWS = 10
ROUNDS = 5


def main() -> None:
    """Print microseconds and bytes a decision, and decisions a second."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--intents", type=int, default=5_000)
    intents = words.parse_args().intents
    world = rulebook.world(WORKFLOWS, rulebook.RULES_PER_TOOL, facts=False)
    broker = inside.broker_with(list(rulebook.cases(world, intents, WORKFLOWS, 1)))
    inside.decide_all(broker, world, intents)
    envelopes = [one for tp in broker.log if tp[0] in TOPICS for one in broker.visible(tp, 0)]
    audit = [len(one.value or b"") for one in envelopes if one.topic == "audit"]
    held = footprint(envelopes, broker.now_ms)  # first: later rounds use again what this one lets go of
    loading, judging = [], []
    for _ in range(ROUNDS):
        gc.collect()
        since = time.process_time()
        loader = Loader(broker.now_ms)
        for envelope in envelopes:
            loader.take(envelope)
        between = time.process_time()
        report = judge(loader.history)
        judging.append(time.process_time() - between)
        loading.append(between - since)
        assert not report.findings.counts, report.findings.listed()
    events, each = len(audit), 1e6 / len(audit)
    spent = min(loading) + min(judging)
    print(f"{events:,} decisions, {sum(audit) // events} bytes each, {len(envelopes):,} records")
    print(f"loading {min(loading) * each:.1f} µs, judging {min(judging) * each:.1f} µs a decision")
    print(f"{held / events:,.0f} bytes of memory a decision once loaded, before judging lets go of them")
    print(f"{events / spent:,.0f} decisions/s and {len(envelopes) / spent:,.0f} records/s of one core")


def footprint(envelopes: Sequence[Envelope], now_ms: int) -> int:
    """How much the process grows when it loads them; each value is bytes of its own, as Kafka delivers it."""
    gc.collect()
    before = psutil.Process().memory_info().rss
    loader = Loader(now_ms)
    for envelope in envelopes:
        loader.take(changed(envelope, value=bytes(bytearray(envelope.value or b""))))
    grown: int = psutil.Process().memory_info().rss - before
    return grown


if __name__ == "__main__":
    main()
