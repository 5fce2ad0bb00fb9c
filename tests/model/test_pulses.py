"""Pulses under every fault of the model: what is committed of them adds up to the audit, whatever died on the way."""

from __future__ import annotations

from collections import Counter

import pytest
from voted import RATES, Voted

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Pulse

CODEC = Codec(Pulse)
WORDS = {"counted", "approved", "promoted", "denied", "rejected", "withdrawn"}


def pulsed(universe: Voted) -> list[Pulse]:
    """Every committed pulse."""
    places = sorted(tp for tp in universe.broker.log if tp[0] == "pulse")
    return [CODEC.decode(envelope.value) for tp in places for envelope in universe.broker.visible(tp, 0)]


@pytest.mark.parametrize("seed", [1, 2, 3])  # in each of them votes count
def test_committed_pulses_add_up_to_the_audit(seed):
    """No decision is counted twice or not at all: a pulse is in the transaction of what it tells about."""
    universe = Voted(seed)
    universe.live(1_000, {**RATES, "vote": 0.2})
    assert universe.rest()
    pulses, events = pulsed(universe), universe.audit()
    asked = [event for event in events if event.topic == "intents" and event.kid]
    voted = [
        event for event in events if event.topic == "votes" and event.kid and event.verdict != "DUPLICATE"
    ]
    verdicts = Counter(event.verdict for event in asked) + Counter(event.verdict for event in voted)
    assert {
        name: sum(getattr(one, name) for one in pulses)
        for name in ("intents", "duplicates", "held", "drafted")
    } == {
        "intents": len(asked) - verdicts["DUPLICATE"],
        "duplicates": verdicts["DUPLICATE"],
        "held": verdicts["HOLD"],
        "drafted": verdicts["DRAFT"],
    }
    for name, verdict in (("approved", "APPROVE"), ("denied", "DENY")):
        assert sum(getattr(one, name) for one in pulses) == verdicts[verdict]
    words = sum(count for one in pulses for count in one.words.values())
    assert words == sum(event.note in WORDS for event in voted) > 0
