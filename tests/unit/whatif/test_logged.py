"""A log as it lies on Kafka, in the order of its decisions, without what no policy decides about."""

from __future__ import annotations

from collections import Counter

import pytest
from replays import QUIET, Kept, lived
from universe import Universe
from universe_policies import FILES, compiled

from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Reason, Result
from toolgate.whatif.logged import happenings
from toolgate.whatif.replay import replay


@pytest.fixture(scope="module")
def kept() -> Kept:
    """A history without crashes and activations."""
    return lived(Universe(3), FILES, 400, QUIET)


def decided(kept: Kept) -> list:
    """The intents that could be read, as the audit has them."""
    return [one for one in kept.events() if one.topic == "intents" and one.verdict != Verdict.QUARANTINE]


def test_everything_comes_in_the_order_of_its_decision(kept):
    """Each intent once, results with the tenant of their command; deciding it again under one set changes nothing."""
    ticks = Counter()
    found = list(happenings(kept, on_event=lambda: ticks.update("x")))
    assert ticks.total() == len(kept.events())
    intents = [one for one in found if isinstance(one.record, Intent)]
    assert [one.record.intent_id for one in intents] == [event.intent_id for event in decided(kept)]
    assert [one.at_ms for one in intents] == [event.append_time for event in decided(kept)]
    results = [one for one in found if isinstance(one.record, Result)]
    assert results
    assert {one.tenant for one in results} <= {*(event.tenant for event in decided(kept)), ""}
    assert any(one.tenant for one in results)
    replayed = replay(found, compiled(FILES), compiled(FILES), lambda: None)
    assert (replayed.intents, replayed.changes) == (len(intents), ())


def test_what_is_older_or_gone_is_left_out(kept):
    """Inputs are kept for a while only; the audit that tells of them is kept for ever."""
    events = decided(kept)
    half = events[len(events) // 2].append_time
    assert {one.at_ms >= half for one in happenings(kept, since_ms=half)} == {True}
    later = {
        tp: [one for one in found if tp[0] != "intents" or one.offset > 5] for tp, found in kept.log.items()
    }
    cut = Kept(later, FILES)
    left = [one for one in happenings(cut) if isinstance(one.record, Intent)]
    assert len(left) == sum(event.offset > 5 for event in events)


@pytest.mark.parametrize("code", ["BAD_IDENTITY", "KILLED"])
def test_what_no_policy_decides_about_is_left_out(kept, code):
    """Whose writer was not believed, or what was stopped."""
    event = next(one for one in decided(kept) if one.verdict == Verdict.APPROVE)
    made = Kept({tp: list(found) for tp, found in kept.log.items()}, FILES)
    made.change(event.seq, lambda one: changed(one, verdict="DENY", reasons=(Reason(code, "x"),)))
    left = [one for one in happenings(made) if isinstance(one.record, Intent)]
    assert len(left) == len(decided(kept)) - 1
