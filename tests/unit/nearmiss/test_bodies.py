"""What calls say: read by their places, shown without what policies hide."""

from __future__ import annotations

from decimal import Decimal

from missed import POLICIES, asked
from written import Shelf

from toolgate.nearmiss.bodies import body_of, intents_at, shown
from toolgate.processors.case import Envelope
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Intent


def test_what_the_policy_hides_stays_hidden():
    """And without the policy nobody can say what that is, so all of it does."""
    intent = asked(1, '{"card":"4111","id":"no"}').intent
    assert shown(intent, POLICIES).params == '{"card":"[redacted]","id":"no"}'
    assert shown(intent, None).params == "{}"


def test_intents_are_found_by_their_places():
    """Near ones in one stretch, far ones in their own; what is noise, gone or nowhere is left out."""
    encode = Codec(Intent).encode
    line = [Envelope("intents", 0, n, 0, b"r", encode(asked(n, "{}").intent)) for n in range(1_200)]
    line[3] = Envelope("intents", 0, 3, 0, b"r", b"noise")
    shelf = Shelf("intents", lines={0: line}, gone=1)
    wanted = [(0, 0), (0, 2), (0, 3), (0, 5), (0, 1_100), (0, 5_000), (9, 1)]
    found = intents_at(shelf, wanted, None)
    assert {place: one.intent_id for place, one in found.items()} == {
        (0, 2): "i2",
        (0, 5): "i5",
        (0, 1_100): "i1100",
    }
    assert len(shelf.asked) == 2


def test_a_body_says_which_records_and_how_much():
    """Records by the catalogue's paths; of numbers those above 0 that name no record."""
    body = body_of(asked(1, '{"id":"a","usd":0.1,"pages":3,"yes":true,"less":-4}').intent, POLICIES)
    assert body is not None
    assert body.records == {"a"}
    assert body.numbers == {"params.usd": Decimal("0.1"), "params.pages": Decimal(3)}
    assert body_of(asked(1, "no JSON").intent, POLICIES) is None
