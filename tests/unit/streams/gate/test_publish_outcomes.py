"""Who is told of a decision, and how they know that it is theirs."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.policy import PolicySet
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent, Outcome
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.ports import Ask, Decision, Reply

KEY = IntentKey("k1", b"s" * 32, "acme", "w")
INTENT = Intent("i1", "call", "acme", "w", "r1", "a1", "pay")


def published(headers) -> dict[str, bytes]:
    """The records of a refused intent with these headers, by topic."""
    value = Codec(Intent).encode(INTENT)
    envelope = Envelope("intents", 0, 7, 1, b"r1", value, headers)
    world = World(PolicySet("p", {}, {}), ControlState(), Keyring.of([KEY]))
    case = judge(Case(envelope, INTENT, body_digest(value)), world)
    assert case.verdict == Verdict.DENY
    item = Item(Reading(envelope, INTENT, 1, case.digest), Ask(7, 1, "DENY", policy_digest="p"), case)
    decision = Decision(7, 1, 1, 0, "DENY", True, (), (), (), (), None, False, "", "p")
    made = Publisher("t").outputs([(item, decision)], Reply("g", 1, ()), {}, Rollups())
    return {output.topic: output.value or b"" for output in made}


def signed(secret: bytes = KEY.secret, kid: bytes = b"k1"):
    """Headers as a client makes them."""
    return ((KID, kid), (MAC, mac(secret, "intents", b"r1", Codec(Intent).encode(INTENT))))


@pytest.mark.parametrize("headers", [(), signed(secret=b"x" * 32), signed(kid=b"other")])
def test_a_forged_intent_has_no_outcome(headers):
    """Its id may be that of somebody's real intent, who would take the forgery's denial for the answer."""
    assert published(headers).keys() == {"denials", "audit"}


def test_an_outcome_names_the_intent_that_it_is_about():
    """By the digest of what was sent: an id alone can be used twice."""
    outcome = Codec(Outcome).decode(published(signed())["outcomes"])
    assert (outcome.intent_id, outcome.digest) == ("i1", body_digest(Codec(Intent).encode(INTENT)))
    other = body_digest(Codec(Intent).encode(changed(INTENT, params='{"n":1}')))
    assert outcome.digest != other
