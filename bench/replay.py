"""`python -m bench.replay`: how fast a recorded history is decided again, over log and ledger in memory.

The history is made by the gate's own loop: one workflow with 100 rules, five about each call's tool. Processor time is
counted, and of several equal rounds the least, since other work shares the machine.
"""

from __future__ import annotations

import argparse
import gc
import time
from typing import TYPE_CHECKING

import psutil

from bench import inside, rulebook
from toolgate.replaying.outcome import outcome
from toolgate.replaying.records import BrokerRecords
from toolgate.replaying.redeciding import Replay
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.worker import GC_OBJECTS

if TYPE_CHECKING:
    from toolgate.streams.log.memory import Broker

RULES = 100
APART_MS = 100  # or one agent would attempt too much
TARGET = 6_700  # decisions a second: a million in 150 s


def main() -> None:
    """Make a history, replay it, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--intents", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    world = rulebook.world(1, RULES, facts=False)
    cases = list(rulebook.cases(world, arguments.intents, 1, RULES // rulebook.RULES_PER_TOOL))
    gc.set_threshold(GC_OBJECTS)  # as worker and command do
    gc.freeze()
    before, loop_s, replay_s = psutil.Process().memory_info().rss, float("inf"), float("inf")
    for _ in range(arguments.rounds):
        broker = inside.broker_with(cases, APART_MS)
        since = time.process_time()
        inside.decide_all(broker, world, len(cases))
        loop_s = min(loop_s, time.process_time() - since)
        replay_s = min(replay_s, _seconds(broker, Intake(world.policies, world.keys), len(cases)))
    grown = (psutil.Process().memory_info().rss - before) / inside.MB
    print(
        f"{len(cases):,} decisions under {RULES} rules: {len(cases) / replay_s:,.0f}/s of a core, "
        f"{replay_s * 1e6 / len(cases):.0f} us each (target {TARGET:,}/s); the loop that made them took "
        f"{loop_s * 1e6 / len(cases):.0f} us each; memory grown by {grown:.0f} MB, the log in memory included"
    )


def _seconds(broker: Broker, intake: Intake, expected: int) -> float:
    gc.collect()
    since = time.process_time()
    found = outcome(Replay(BrokerRecords(broker), intake))
    spent = time.process_time() - since
    assert (found.decisions, found.first, found.undecided) == (expected, None, 0), found
    return spent


if __name__ == "__main__":
    main()
