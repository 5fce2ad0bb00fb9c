"""Metrics of one worker for Prometheus: prefix `toolgate_`, base units, label values from closed lists only.

Updated once a batch. Time is measured from outside, between the points of the loop, which needs no clock.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from toolgate.processors.reasons import Code
from toolgate.processors.refusals import refusal
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent, Result, RunContract, Tick, Vote
from toolgate.streams.gate import audited
from toolgate.streams.gate.contracted import note_of
from toolgate.streams.gate.told import told_of
from toolgate.streams.ports import INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision, TopicPartition

STATES = ("starting", "joining", "running", "waiting", "recovering", "stopped")
REJOINS = ("RejoinError", "AbortError", "FatalError", "RetryError", "UnavailableError")
OTHER = "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_MICROS = 1_000_000
_SCOPES = ("run", "workflow", "agent", "tenant", "tool", "system")
_USD_ACCOUNT = re.compile(r":usd(@[^@]*)?\Z")  # its window, if it has one, stands behind it


class Metrics:
    """What a worker counts; a `Report` of the loop, and told of the points that it passes."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._watch = _Stopwatch()
        self._gen = ""
        self._declare()

    def _declare(self) -> None:
        to = self.registry
        self.about = Info("toolgate_gate", "Versions that this worker decides with.", registry=to)
        self._intents = Counter(
            "toolgate_intents", "Intents that could be read, by verdict.", ["verdict"], registry=to
        )
        self._quarantined = Counter(
            "toolgate_quarantined",
            "Records put aside because they could not be read.",
            ["topic"],
            registry=to,
        )
        self._reasons = Counter(
            "toolgate_reasons", "Reasons of denials and quarantine.", ["code"], registry=to
        )
        self._would_have = Counter(
            "toolgate_would_have",
            "Intents about which something in shadow had a say, by the verdict if nothing were in shadow.",
            ["verdict"],
            registry=to,
        )
        self._waived = Counter(
            "toolgate_waived",
            "Reasons of the policy that did not count because a grant stood, in calls that were approved.",
            ["code"],
            registry=to,
        )
        self._words = Counter(
            "toolgate_words",
            "Votes and expiries on what waits for people, by what came of them.",
            ["note"],
            registry=to,
        )
        self._results = Counter("toolgate_results", "Results by what they settled.", ["note"], registry=to)
        self._contracts = Counter(
            "toolgate_contracts", "Run contracts, by whether they count.", ["note"], registry=to
        )
        self._inputs = Counter("toolgate_inputs", "Records decided, by topic.", ["topic"], registry=to)
        self._uncovered = Counter(
            "toolgate_uncovered_usd",
            "Money spent beyond what an account of this scope could cover.",
            ["scope"],
            registry=to,
        )
        self._batch = Histogram(
            "toolgate_batch_records", "Records in a committed batch.", buckets=_RECORDS, registry=to
        )
        self._batch_s = Histogram(
            "toolgate_batch_seconds", "From delivery of a batch to its commit.", buckets=_SECONDS, registry=to
        )
        self._decide_s = Histogram(
            "toolgate_decide_seconds",
            "How long the loop waited for a reply of the ledger.",
            buckets=_SECONDS,
            registry=to,
        )
        self._transaction_s = Histogram(
            "toolgate_transaction_seconds",
            "The Kafka transaction of a batch, from its first record to its commit.",
            buckets=_SECONDS,
            registry=to,
        )
        self._rejoins = Counter(
            "toolgate_rejoins", "Times the loop began anew, by cause.", ["kind"], registry=to
        )
        self._recoveries = Counter("toolgate_recoveries", "Rebuilds of the ledger begun here.", registry=to)
        self._generations = Counter(
            "toolgate_ledger_generations", "Generations of the ledger that this worker has met.", registry=to
        )
        self._seq = Gauge("toolgate_ledger_seq", "Place of the last decision published here.", registry=to)
        self._committed = Gauge(
            "toolgate_last_commit_timestamp_seconds", "When a batch was last committed.", registry=to
        )
        self._partitions = Gauge("toolgate_partitions", "Topic-partitions owned.", registry=to)
        self._state = Gauge("toolgate_state", "1 for what the loop is at.", ["state"], registry=to)
        self._lag = Gauge(
            "toolgate_lag_records",
            "Offsets between a partition's position and its last stable offset.",
            ["topic", "partition"],
            registry=to,
        )
        for name in STATES:
            self._state.labels(name).set(name == STATES[0])
        # What alerts ask the increase of is there from the start: a counter that begins at 1 has increased by nothing.
        for counter, values in (
            (self._quarantined, INPUTS),
            (self._rejoins, (*REJOINS, OTHER)),
            (self._uncovered, (*_SCOPES, OTHER)),
        ):
            for value in values:
                counter.labels(value)

    # --- the loop's report --------------------------------------------------------------------------------

    def batch(self, decided: Sequence[tuple[Item, Decision]]) -> None:
        """A batch was committed."""
        self._watch.committed = True
        self._batch.observe(len(decided))
        self._seq.set(max(decision.seq for _, decision in decided))
        self._committed.set_to_current_time()
        counters = (
            self._intents,
            self._words,
            self._results,
            self._contracts,
            self._reasons,
            self._would_have,
            self._waived,
            self._inputs,
            self._quarantined,
        )
        tallies = tuple(Tally[str]() for _ in counters)
        intents, words, results, contracts, codes, would_have, waived, topics, quarantined = tallies
        of_kind = {Intent: intents, Vote: words, Tick: words, Result: results, RunContract: contracts}
        uncovered: Tally[str] = Tally()
        for item, decision in decided:
            record, topic = item.reading.record, item.reading.envelope.topic
            topics[topic] += 1
            if decision.verdict == Verdict.QUARANTINE:
                quarantined[topic] += 1
            if (tally := of_kind.get(type(record))) is not None:
                tally[_came_to(item, decision)] += 1
            if isinstance(record, Intent):
                would_have.update(_would_have(item, decision))
            waived.update(_waived(item, decision))
            codes.update(set(_codes(item, decision)))
            for scope, micros in _uncovered(decision):
                uncovered[scope] += micros
        for counter, tally in zip(counters, tallies, strict=True):
            for label, n in tally.items():
                counter.labels(label).inc(n)
        for scope, micros in uncovered.items():
            self._uncovered.labels(scope).inc(micros / _MICROS)

    def joined(self, partitions: frozenset[TopicPartition], gen: str) -> None:
        """These topic-partitions are owned now."""
        self._partitions.set(len(partitions))
        if gen != self._gen:
            self._gen = gen
            self._generations.inc()

    def state(self, name: str, detail: str) -> None:
        """What the loop is at; `detail` of "waiting" begins with the kind of error."""
        for one in STATES:
            self._state.labels(one).set(one == name)
        if name == "waiting":
            kind = detail.partition(":")[0]
            self._rejoins.labels(kind if kind in REJOINS else OTHER).inc()
        elif name == "recovering":
            self._recoveries.inc()

    # --- from outside the loop ----------------------------------------------------------------------------

    def passed(self, point: str, now_s: float) -> None:
        """The loop stands before `point`; `now_s` never runs back."""
        for name, seconds in self._watch.passed(point, now_s):
            {"decide": self._decide_s, "transaction": self._transaction_s, "batch": self._batch_s}[
                name
            ].observe(seconds)

    def lags(self, lags: Mapping[TopicPartition, int]) -> None:
        """The lag of every owned topic-partition whose end is known; the others are forgotten."""
        self._lag.clear()
        for (topic, partition), lag in lags.items():
            self._lag.labels(topic, partition).set(lag)


class _Stopwatch:
    """Which stretch of the loop took how long, from the names of its points alone."""

    def __init__(self) -> None:
        self.committed = False  # a batch was committed since `poll`
        self._last, self._last_s = "", 0.0
        self._polled_s: float | None = None
        self._produced_s: float | None = None

    def passed(self, point: str, now_s: float) -> Iterator[tuple[str, float]]:
        if self._last == "receive":
            yield "decide", now_s - self._last_s
        if self._last == "poll":
            self._polled_s, self._produced_s = now_s, None
        if point == "produce" and self._produced_s is None:
            self._produced_s = now_s
        if self.committed:
            self.committed = False
            if self._produced_s is not None:
                yield "transaction", now_s - self._produced_s
            if self._polled_s is not None:
                yield "batch", now_s - self._polled_s
        self._last, self._last_s = point, now_s


def _codes(item: Item, decision: Decision) -> Iterator[str]:
    """Why a record was not approved; the publisher says the same with reasons."""
    if item.reading.problem is not None:
        yield item.reading.problem[0].upper()
    elif item.refused:
        yield item.refused.code
    elif decision.conflict:
        yield Code.ID_CONFLICT
    elif decision.verdict != Verdict.DUPLICATE:
        yield from (reason.code for reason in (item.case.reasons if item.case else ()))
        if decision.verdict == Verdict.DENY:
            claims = item.ask.always + item.ask.claims
            yield from (refusal(claims[index], level).code for index, level in decision.refused)


def _came_to(item: Item, decision: Decision) -> str:
    """What came of a record, in the word that its counter has for it."""
    match item.reading.record:
        case Result():
            return decision.note or ("refused" if item.refused else "started")
        case RunContract():
            return note_of(item, decision) or "repeated"
        case Vote() | Tick():
            return audited.note_of(item, decision, told_of(item, decision).reasons) or "repeated"
    return decision.verdict


def _would_have(item: Item, decision: Decision) -> Iterator[str]:
    """The verdict if nothing were in shadow, where something is; the audit has the same."""
    case = item.case
    if case and (case.shadow_reasons or case.verdict == Verdict.RECORDED):
        would = told_of(item, decision).would_have
        yield from (would,) if would else ()


def _waived(item: Item, decision: Decision) -> Iterator[str]:
    """What a grant did away with, of an approval."""
    if item.case and item.case.grant and decision.verdict == Verdict.APPROVE and not decision.conflict:
        yield from {reason.code for reason in item.case.waived}


def _uncovered(decision: Decision) -> Iterator[tuple[str, int]]:
    """(scope, micro-dollars) that a decision put down as covered by no account."""
    for op in decision.ops:
        rows: tuple[tuple[str, int], ...] = ()
        if op.op == "spend":
            rows = ((op.args[0], op.args[2]),)
        elif op.op == "settle":
            rows = tuple((row[0], row[3]) for row in op.args[2])
        for account, micros in rows:
            scope = account.partition(":")[0]
            if micros and _USD_ACCOUNT.search(account):
                yield scope if scope in _SCOPES else OTHER, micros
