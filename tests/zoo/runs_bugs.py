"""Bugs about what a run knows and may do: facts, results, contracts."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests

from toolgate.processors import contract
from toolgate.processors.claims import Count, Forbid
from toolgate.processors.run_contract import accepting
from toolgate.schemas import strict_json
from toolgate.streams.gate import given, intake
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


def judged_with_intents(patch: pytest.MonkeyPatch) -> None:
    """Contracts of a batch are judged together with its intents, which then do not see them."""
    legs = Deciding._legs
    patch.setattr(Deciding, "_legs", lambda self, readings: [list(chain(*legs(self, readings)))])


def late_ones_count(patch: pytest.MonkeyPatch) -> None:
    """A contract counts also when its run has begun."""
    _without(patch, Forbid)


def second_ones_count(patch: pytest.MonkeyPatch) -> None:
    """A run's contract can be replaced."""
    _without(patch, Count)


def _without(patch: pytest.MonkeyPatch, kind: type) -> None:
    patch.setattr(
        intake,
        "accepting",
        lambda contract, time_ms: tuple(one for one in accepting(contract, time_ms) if type(one) is not kind),
    )


def digest_of_the_spelling(patch: pytest.MonkeyPatch) -> None:
    """The same parameters in another order of keys are another call."""

    def as_sent(text: Any, **bounds: Any) -> Any:
        value, _ = strict_json.read_strict(text, **bounds)
        return value, text.encode()

    patch.setattr(contract, "read_strict", as_sent)
    patch.setattr(given, "read_strict", as_sent)


def shown_as_of_now(patch: pytest.MonkeyPatch) -> None:
    """What people are shown of a hold is not kept with its decision: whoever publishes it looks it up again."""
    patch.setattr(intake, "with_known", lambda given, _known: given)


BUGS = (
    *in_histories(intents_before_results, nothing_waited_for, result=0.12),
    *in_histories(facts_of_what_ended_before, result=0.25, intent=0.25, fault=0.002),
    *in_histories(judged_with_intents, late_ones_count, second_ones_count, world="contracted"),
    in_tests(
        digest_of_the_spelling, "unit/processors/test_contract.py::test_the_digest_is_over_canonical_params"
    ),
    in_tests(
        shown_as_of_now,
        "unit/streams/gate/test_shown.py::test_what_is_asked_stands_beside_what_stands_now",
    ),
)
