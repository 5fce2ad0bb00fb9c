"""How fast a history is verified: `python -m bench.verify`. A log of approvals, made by the gate's own loop in memory.

Processor time is counted, of several rounds the least: other work shares the machine.
"""

from __future__ import annotations

import argparse
import gc
import time

from bench import inside, rulebook
from toolgate.verification.history import TOPICS
from toolgate.verification.judging import judge
from toolgate.verification.loading import Loader

WORKFLOWS = 10
ROUNDS = 5


def main() -> None:
    """Print microseconds an event and events a second."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--intents", type=int, default=5_000)
    intents = words.parse_args().intents
    world = rulebook.world(WORKFLOWS, rulebook.RULES_PER_TOOL, facts=False)
    broker = inside.broker_with(list(rulebook.cases(world, intents, WORKFLOWS, 1)))
    inside.decide_all(broker, world, intents)
    envelopes = [one for tp in broker.log if tp[0] in TOPICS for one in broker.visible(tp, 0)]
    audit = [len(one.value or b"") for one in envelopes if one.topic == "audit"]
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
    print(f"{events / spent:,.0f} decisions/s and {len(envelopes) / spent:,.0f} records/s of one core")


if __name__ == "__main__":
    main()
