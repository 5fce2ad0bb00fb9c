"""The gate's loop over a log and a ledger in memory: what the number of policies costs, and nothing of the broker's.

Kafka and Redis do not know how many workflows there are; what they cost is the same for any number and would only hide
the difference. Processor time is counted, and of several equal runs the least, since other work shares the machine.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import psutil

from bench import rulebook
from toolgate.schemas.enums import Verdict
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.loop import Fixed, Gate
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.store import Store
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import INPUTS, Output
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolgate.processors.case import Case
    from toolgate.processors.world import World

INTENTS = 1_000
BATCH_SIZE = 250
MB = 1_000_000
_SINGLE = ("control", "policies", "snapshots", "seen", "alerts")
_NAMES = (
    "intents",
    "contracts",
    "results",
    "votes",
    "ticks",
    "commands",
    "denials",
    "holds",
    "drafts",
    "outcomes",
    "audit",
    "quarantine",
    "pulse",
)


@dataclass(slots=True)
class Size:
    """A gate with so many workflows, each with a policy of five rules about one tool."""

    workflows: int
    rules: int
    load_s: float
    memory_mb: float
    world: World = field(repr=False)
    cases: Sequence[Case] = field(repr=False)
    each_us: float = float("inf")


@dataclass(slots=True)
class _Decided:
    """The loop's report: how many were approved."""

    approved: int = 0
    others: int = 0

    def batch(self, decided: Sequence[tuple[Any, Any]], _: Mapping[Any, Any]) -> None:
        """Count."""
        for _item, decision in decided:
            self.approved += decision.verdict == Verdict.APPROVE
            self.others += decision.verdict != Verdict.APPROVE

    def policies(self, _: Any) -> None:
        """A policy set is in force."""

    def joined(self, *_: Any) -> None:
        """Partitions are owned now."""

    def state(self, *_: Any) -> None:
        """What the loop is at."""


def sizes(numbers: Sequence[int], rounds: int) -> list[Size]:
    """Gates of these sizes, all in this process, run in turns."""
    found = [_loaded(number) for number in numbers]
    gc.freeze()  # as the gate does once it has started
    for _ in range(rounds):
        for size in found:
            size.each_us = min(size.each_us, _run(size))
    gc.unfreeze()
    return found


def _loaded(workflows: int) -> Size:
    us = psutil.Process()
    before, since = us.memory_info().rss, time.process_time()
    world = rulebook.world(workflows, rulebook.RULES_PER_TOOL, facts=False)
    spent, after = time.process_time() - since, us.memory_info().rss
    rules = workflows * rulebook.RULES_PER_TOOL
    cases = list(rulebook.cases(world, INTENTS, workflows, 1))
    return Size(workflows, rules, spent, (after - before) / MB, world, cases)


def _run(size: Size) -> float:
    """Microseconds of processor time an intent."""
    broker = broker_with(size.cases)
    gc.collect()
    since = time.process_time()
    decide_all(broker, size.world, len(size.cases))
    return (time.process_time() - since) * 1e6 / len(size.cases)


def broker_with(cases: Sequence[Case], apart_ms: int = 0) -> Broker:
    """A log in memory with these intents, that far apart in time."""
    broker = Broker(1, _NAMES, _SINGLE)
    for case in cases:
        broker.now_ms += apart_ms
        broker.append(
            Output(rulebook.TOPIC, 0, case.envelope.key, case.envelope.value, case.envelope.headers)
        )
    return broker


def decide_all(broker: Broker, world: World, expected: int) -> None:
    """Let a gate decide what lies there, until it is so many intents; all must be approved."""
    decided, nonces = _Decided(), count(1)
    inputs = tuple((name, p) for name in INPUTS for p in range(BY_NAME[name].partitions(1)))
    gate = Gate(
        Fixed(0, 1, inputs, BATCH_SIZE, poll_s=0),
        lambda on_revoke: MemoryLog(broker, on_revoke),
        MemoryLedger(Store()),
        Intake(world.policies, world.keys),
        Publisher("bench"),
        decided,
        lambda: broker.now_ms,
        lambda: f"{next(nonces):012x}",
    )
    for _point in gate.run():
        if decided.approved + decided.others >= expected:
            break
    assert not decided.others, "an intent was not approved"
