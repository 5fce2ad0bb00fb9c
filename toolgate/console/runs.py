"""Runs: what happened in each, step by step, from the audit."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.schemas.enums import Verdict
    from toolgate.schemas.records import AuditEvent

EVENTS_MAX = 20_000


@dataclass(slots=True)
class Run:
    """The events of a run that are kept, oldest first. `cut`: earlier ones are no longer."""

    id: str
    events: deque[AuditEvent] = field(default_factory=deque)
    cut: bool = False

    def ordered(self) -> list[AuditEvent]:
        """By the ledger's order."""
        return sorted(self.events, key=lambda event: event.seq)

    @property
    def workflow(self) -> str:
        """Tenant and workflow, as the newest event that names one has them."""
        named = (event for event in reversed(self.events) if event.workflow_id)
        return next((f"{event.tenant}/{event.workflow_id}" for event in named), "")

    def count(self, verdict: Verdict) -> int:
        """How many of its decisions were so."""
        return sum(event.verdict == verdict for event in self.events)


class Runs:
    """A fold of the audit: the newest events of all runs."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._max = events_max
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._order: deque[str] = deque()

    def take(self, event: AuditEvent) -> None:
        """The next event; one that belongs to no run is passed over."""
        if not event.run_id:
            return
        run = self._runs.setdefault(event.run_id, Run(event.run_id))
        run.events.append(event)
        self._runs.move_to_end(event.run_id)
        self._order.append(event.run_id)
        while len(self._order) > self._max:
            self._drop(self._order.popleft())

    def find(self, run_id: str) -> Run | None:
        """A run of which something is kept."""
        return self._runs.get(run_id)

    def newest(self, most: int, matching: str = "") -> list[Run]:
        """The runs in which something happened last; `matching`: a part of their id or workflow."""
        found: list[Run] = []
        for run in reversed(self._runs.values()):
            if matching in run.id or matching in run.workflow:
                found.append(run)
            if len(found) == most:
                break
        return found

    def _drop(self, run_id: str) -> None:
        run = self._runs[run_id]
        run.events.popleft()
        run.cut = True
        if not run.events:
            del self._runs[run_id]
