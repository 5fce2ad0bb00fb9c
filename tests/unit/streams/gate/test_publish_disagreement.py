"""A stored decision that this worker cannot stand behind is not published."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.schemas.enums import Verdict
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.gate.told import DisagreementError
from toolgate.streams.ports import Ask, Decision, Reply


def decided(verdict: str) -> tuple[Item, Decision]:
    """A record that cannot be read here, with the decision that is stored for it."""
    reading = Reading(Envelope("intents", 0, 7, 1, None, b"x"), problem=("malformed", "x"))
    item = Item(reading, Ask(7, 1, Verdict.QUARANTINE.value, policy_digest="p"))
    decision = Decision(7, 1, 1, 0, verdict, False, (), (), (), (), None, False, "", "p")
    return item, decision


def test_an_approval_of_what_cannot_be_read_here_is_not_published():
    """It would be audited as approved, and no executor would ever see its command."""
    with pytest.raises(DisagreementError, match="intents-0-7 was decided APPROVE"):
        Publisher("t").outputs([decided("APPROVE")], Reply("g", 1, ()), {}, Rollups())


def test_what_cannot_be_read_is_put_aside_byte_for_byte():
    """Quarantine and audit come from one transaction."""
    made = Publisher("t").outputs([decided("QUARANTINE")], Reply("g", 1, ()), {}, Rollups())
    assert [output.topic for output in made] == ["quarantine", "audit"]
    assert made[0].value == b"x"
