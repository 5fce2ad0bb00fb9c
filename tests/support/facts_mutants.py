"""Rules about facts and results, each taken away: a history of the model must show that it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.streams.gate.deciding import Deciding
from toolgate.streams.gate.waiting import Waiting
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ports import Look

if TYPE_CHECKING:
    import pytest


def intents_before_results(patch: pytest.MonkeyPatch) -> None:
    """A batch's intents are judged before its results are decided."""
    legs = Deciding._legs
    patch.setattr(Deciding, "_legs", lambda self, readings: legs(self, readings)[::-1])


def nothing_waited_for(patch: pytest.MonkeyPatch) -> None:
    """An intent is judged whatever its agent has read by then."""
    patch.setattr(Waiting, "sort", lambda _self, readings, _positions, _decided: (list(readings), {}))


def facts_of_what_ended_before(patch: pytest.MonkeyPatch) -> None:
    """Facts that were looked up once are used for the whole life of a worker."""
    look = MemoryLedger.look
    first: dict[str, Any] = {}

    def stale(self: MemoryLedger, runs: Any, counters: Any) -> Look:
        found = look(self, runs, counters)
        for run in runs:
            first.setdefault(run, found.facts.get(run, {}))
        return Look({run: first[run] for run in runs}, found.counts)

    patch.setattr(MemoryLedger, "look", stale)


FACTS_MUTANTS = (
    intents_before_results,
    nothing_waited_for,
    facts_of_what_ended_before,
)
