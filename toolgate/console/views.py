"""The views: folds of topics, kept in memory and made anew at each start. They decide nothing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.console.balances import Balances
from toolgate.console.runs import Runs
from toolgate.nearmiss.approvals import Approvals
from toolgate.nearmiss.clusters import Clusters
from toolgate.nearmiss.misses import NearMisses
from toolgate.review.queue import Queue
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import AuditEvent, Denial
from toolgate.sdk.wire import decode
from toolgate.streams.ledger.taking import UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry

# What changes when a topic has something new, by the names that pages wait for.
VIEWS_OF: dict[str, tuple[str, ...]] = {
    "holds": ("queue",),
    "drafts": ("queue",),
    "denials": ("near",),
    "audit": ("runs", "budgets"),
    "control": ("control", "policies"),
    "policies": ("policies",),
}
TOPICS = tuple(VIEWS_OF)
# Of these only what is young is read; the rest is read whole, since what waits or stands may be old.
RECENT = frozenset({"denials", "audit"})


@dataclass(slots=True)
class Following:
    """How far the reading of a topic has come. `problem` says why it does not go on; "" while it does."""

    whole: bool = False  # whether what lay there at the start has been read
    problem: str = ""


class Views:
    """Everything that the pages show. For any number of threads: take `lock` while reading a view.

    Args:
        registry: where schema ids come from.
        changed: told the names of views that have changed; called by the threads that read.
    """

    def __init__(
        self, registry: Registry | None = None, changed: Callable[[Iterable[str]], None] = lambda _: None
    ) -> None:
        self.lock = threading.RLock()
        self.queue = Queue(registry)
        self.near = NearMisses()
        self.clusters = Clusters()
        self.approvals = Approvals()
        self.runs = Runs()
        self.balances = Balances()
        self.following = {topic: Following() for topic in TOPICS}
        self.changed = changed
        self._codecs: dict[str, Codec[Any]] = {
            "denials": Codec(Denial, registry),
            "audit": Codec(AuditEvent, registry),
        }

    def take(self, topic: str, envelopes: list[Envelope]) -> None:
        """The next records of a topic, each partition in its order; all of them or, where it raises, none.

        Raises:
            RetryError: the Schema Registry does not say what they are.
        """
        if not envelopes:
            return
        records = self._decoded(topic, envelopes) if topic in self._codecs else []
        with self.lock:
            if topic in {"holds", "drafts"}:
                self.queue.take(topic, envelopes)
            for record, time_ms in records:
                if topic == "denials":
                    self.near.take(record, time_ms)
                    self.clusters.take(record, time_ms)
                else:
                    self.queue.see(record)
                    self.runs.take(record)
                    self.approvals.take(record)
                    self.balances.take(record)
        queued = topic == "audit" and any(map(_may_wait, records))
        self.changed((*VIEWS_OF[topic], "queue") if queued else VIEWS_OF[topic])

    def says(self, topic: str, *, whole: bool | None = None, problem: str = "") -> None:
        """How the reading of a topic stands."""
        following = self.following[topic]
        before = (following.whole, following.problem)
        following.whole = following.whole if whole is None else whole
        following.problem = problem
        if before != (following.whole, problem):
            self.changed(VIEWS_OF[topic])

    def not_current(self, view: str) -> list[str]:
        """Why a view may lack something, in sentences; empty when it is current."""
        told = []
        for topic, following in self.following.items():
            if view in VIEWS_OF[topic] or (view, topic) == ("queue", "audit"):
                if following.problem:
                    told.append(f"{topic}: {following.problem}")
                elif not following.whole:
                    told.append(f"{topic}: still being read")
        return told

    def _decoded(self, topic: str, envelopes: list[Envelope]) -> list[tuple[Any, int]]:
        """The records and their times, before the lock is taken; only the gate writes here, noise is passed over.

        Raises RetryError: the Schema Registry does not say what a record is, which is then not passed over.
        """
        found = []
        for envelope in envelopes:
            with suppress(DecodeError):
                found.append((decode(self._codecs[topic], envelope), envelope.time_ms))
        return found


def _may_wait(seen: tuple[AuditEvent, int]) -> bool:
    """Whether an event may begin or end something that waits; most are about neither."""
    event = seen[0]
    return event.verdict == Verdict.QUARANTINE or event.topic == "votes" or event.note == UNRESOLVED


def now_ms() -> int:
    """This machine's clock, in epoch milliseconds."""
    return time.time_ns() // 1_000_000
