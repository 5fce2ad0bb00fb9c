"""Totality and order: every input decided once, in one order, by a clock that never runs back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from toolgate.verification.findings import Findings, Law, Place

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.history import Cut, History


class Totality:
    """One audit event for every input record, with its digest, and none about nothing.

    Partitions are decided in order: only behind the highest offset that is audited may inputs still wait.
    """

    def __init__(self, history: History, cut: Cut, findings: Findings) -> None:
        self._history = history
        self._cut = cut
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """An event must be about an input that is there, or is kept no longer."""
        source = (event.topic, event.partition)
        inputs = self._history.inputs.get(source)
        digest = None if inputs is None else inputs.get(event.offset)
        if digest is not None:
            self._compare(event, digest)
        elif self._history.kept(*source, event.offset, event.append_time):
            self._findings.at(Law.TOTALITY, event, "is audited but is no input")

    def _compare(self, event: AuditEvent, digest: bytes) -> None:
        """What could be read was decided as it was written."""
        known = self._history.rewritten.get(event.topic, event.schema_id) == event.schema_id
        if known and digest and event.digest and digest.hex() != event.digest:
            self._findings.at(Law.CONTENT, event, f"is audited as {event.digest}, and is {digest.hex()}")

    def end(self) -> None:
        """Every input below the highest audited one is audited, once."""
        for source, offsets in self._history.audited.items():
            if len(frozenset(offsets)) < len(offsets):
                for offset, times in Counter(offsets).items():
                    if times > 1:
                        self._findings.add(Law.TOTALITY, Place(*source, offset), f"is audited {times} times")
        for source, inputs in self._history.inputs.items():
            audited = frozenset(self._history.audited.get(source, ()))
            highest = max(audited, default=-1)
            for offset in inputs.offsets:
                if offset < highest and offset not in audited:
                    self._findings.add(Law.TOTALITY, Place(*source, offset), "is not audited")


class Order:
    """`seq` is a total order: unique, by generation, along the offsets of each partition; the clock follows it.

    A recovery discards decisions that were not committed, so a generation may lack some: none that an event of it
    calls stable, and none at all where the generation still stands and everything is decided.
    """

    def __init__(self, cut: Cut, findings: Findings) -> None:
        self._rest = cut.rest
        self._findings = findings
        self._last: AuditEvent | None = None
        self._offsets: dict[tuple[str, int], int] = {}
        self._gens: set[str] = set()
        self._gap = 0  # the first seq that this generation lacks
        self._behind: AuditEvent | None = None  # the event behind that gap
        self._told = False

    def see(self, event: AuditEvent) -> None:
        """The next event in the order of seq."""
        last, self._last = self._last, event
        source = (event.topic, event.partition)
        before = self._offsets.get(source, -1)
        if event.offset < before:
            self._findings.at(Law.ORDER, event, f"is decided after the later offset {before}")
        self._offsets[source] = max(event.offset, before)
        if event.clk < event.append_time:
            self._findings.at(
                Law.CLOCK, event, f"the clock {event.clk} is behind its time {event.append_time}"
            )
        if last is None or last.gen != event.gen:
            self._generation(event)
        if last is not None:
            self._after(last, event)
        if self._gap and event.stable >= self._gap and not self._told:
            self._told = True
            what = f"calls everything up to {event.stable} stable, and seq {self._gap} is missing"
            self._findings.at(Law.ORDER, event, what)

    def end(self) -> None:
        """At rest, the generation that stands lacks nothing."""
        if self._rest and self._behind is not None and not self._told:
            what = f"seq {self._gap} before it is missing, and nothing has been discarded since"
            self._findings.at(Law.ORDER, self._behind, what)

    def _generation(self, event: AuditEvent) -> None:
        if event.gen in self._gens:
            self._findings.at(Law.ORDER, event, f"generation {event.gen} returns after another")
        self._gens.add(event.gen)
        self._gap, self._behind, self._told = 0, None, False

    def _after(self, last: AuditEvent, event: AuditEvent) -> None:
        if last.seq == event.seq:
            place = Place(last.topic, last.partition, last.offset)
            self._findings.at(Law.ORDER, event, f"has the seq of {place}")
        if event.clk < last.clk:
            self._findings.at(Law.CLOCK, event, f"the clock runs back from {last.clk} to {event.clk}")
        if last.gen == event.gen and event.seq > last.seq + 1 and not self._gap:
            self._gap, self._behind = last.seq + 1, event
