"""What is told of holds, drafts, overdue items and alerts, and how endpoints are signed for and understood."""

from __future__ import annotations

import json
import re
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notices import ALERT, DRAFT, HOLD, NOW

from toolgate.notify.answers import LONGEST_S, Meaning, meaning, wait_s
from toolgate.notify.events import Event, EventType, of_overdue, of_record
from toolgate.notify.overdue import Overdue
from toolgate.notify.signing import signed
from toolgate.processors.case import Envelope
from toolgate.review.queue import Queue
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Alert, Draft, Hold


def of(record: Hold | Draft | Alert, prefix: str = "toolgate") -> Event:
    """What a record tells."""
    event = of_record(record, NOW, prefix)
    assert event is not None
    return event


def said(event: Event, *, parameters: bool = False) -> dict:
    """The body of a request."""
    return json.loads(event.body(parameters=parameters))


@pytest.mark.parametrize(
    ("record", "event_type"),
    [
        (HOLD, "hold.opened"),
        (changed(HOLD, state="rejected", vote_id="v", voter="bob", choice="reject"), "hold.ended"),
        (changed(HOLD, state="expired"), "hold.ended"),
        (DRAFT, "draft.opened"),
        (changed(DRAFT, state="promoted", vote_id="v"), "draft.ended"),
        (ALERT, "alert.raised"),
        (changed(ALERT, kind="sample"), "sample.drawn"),
        (changed(HOLD, vote_id="v", choice="approve"), None),
        (changed(HOLD, vote_id="v", refused="again"), None),
    ],
    ids=str,
)
def test_what_a_record_tells(record, event_type):
    """Openings, ends, alerts; a vote that ends nothing tells nothing."""
    event = of_record(record, NOW, "toolgate")
    assert (event.type if event else None) == event_type


def test_the_same_is_told_under_the_same_id():
    """However often, by whomever; an end, another hold and another prefix have ids of their own."""
    again = of_record(HOLD, NOW + 5, "toolgate")
    assert again is not None
    assert again.id == of(HOLD).id
    others = [
        of(changed(HOLD, state="expired")),
        of(changed(HOLD, hold_id="0-3")),
        of(HOLD, "other"),
        of(ALERT),
    ]
    assert len({of(HOLD).id, *(one.id for one in others)}) == 5
    assert of(changed(ALERT, summary="told again", severity="info")).id == of(ALERT).id
    assert all(re.fullmatch("msg_[0-9a-f]{32}", one.id) for one in others)


def test_what_calls_ask_is_told_only_where_it_may_be():
    """Neither parameters, nor records, nor sentences that may quote them."""
    bare = of(HOLD).body(parameters=False)
    assert b"DE1" not in bare
    assert b"900000" not in bare
    assert b"9,000" not in bare
    data = said(of(HOLD))["data"]
    assert (data["id"], data["owner"], data["roles"], data["state"]) == (
        "0-1",
        "payments-desk",
        ["cfo"],
        "open",
    )
    assert data["reasons"] == [{"code": "HELD_BY_RULE", "rule": "large"}]
    whole = said(of(HOLD), parameters=True)["data"]
    assert whole["asked"] == {"account": "DE1", "cents": 900_000}
    assert whole["why"] == ["$9,000 is more than $500"]
    draft = changed(DRAFT, diff='{"account":"DE2"}', records=("DE2",))
    assert said(of(draft), parameters=True)["data"]["asked"] == {"account": "DE2"}
    assert b"DE2" not in of(draft).body(parameters=False)


@pytest.mark.parametrize(
    "record", [HOLD, DRAFT, changed(HOLD, state="expired")], ids=["hold", "draft", "ended"]
)
def test_what_is_asked_cannot_be_guessed_by_its_digest(record):
    """Whoever guesses parameters could see that they are right."""
    secret = changed(record, digest="0123456789abcdef")
    assert b"0123456789abcdef" not in of(secret).body(parameters=False)


def test_what_a_call_costs_is_told_of_an_alert_only_where_it_may_be():
    """As of a hold: it is often the very amount that was asked for."""
    event = of(changed(ALERT, evidence='{"cost_micros":987654,"tool":"pay"}'))
    assert said(event)["data"]["evidence"] == {"tool": "pay"}
    assert said(event, parameters=True)["data"]["evidence"] == {"cost_micros": 987_654, "tool": "pay"}


def test_what_people_wrote_of_a_grant_is_told_only_where_parameters_may_be():
    """A reason may name whom it is about, and what: an endpoint without parameters has none of it."""
    evidence = '{"grant":"g1","issued_by":["ann","ben"],"reason":"refund DE1 in full"}'
    event = of(changed(ALERT, evidence=evidence, summary="pay in run r was approved under grant g1"))
    assert b"DE1" not in event.body(parameters=False)
    assert said(event)["data"]["evidence"] == {"grant": "g1", "issued_by": ["ann", "ben"]}
    assert said(event, parameters=True)["data"]["evidence"]["reason"] == "refund DE1 in full"


@pytest.mark.parametrize("evidence", ["refund DE1", '["DE1"]', '{"reason":"DE1"'])
def test_evidence_that_nobody_can_take_apart_is_told_only_where_all_may_be(evidence):
    """What it holds is not known."""
    event = of(changed(ALERT, evidence=evidence))
    assert b"DE1" not in event.body(parameters=False)
    assert b"DE1" in event.body(parameters=True)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_no_time_keeps_a_record_from_being_told(time_ms, at_ms):
    """One that no date has is shown as the nearest."""
    for record in (
        changed(HOLD, expires_at=time_ms, answer_by=time_ms),
        changed(DRAFT, expires_at=time_ms),
        changed(ALERT, clk=time_ms),
    ):
        event = of_record(record, at_ms, "toolgate")
        assert event is not None
        assert said(event)["timestamp"].endswith("Z")


def test_a_record_without_a_time_is_as_old_as_its_decision():
    """Else it would be too old at once."""
    event = of_record(HOLD, 0, "toolgate")
    assert event is not None
    assert event.at_ms == NOW


def test_an_item_is_told_to_be_overdue_once():
    """A process that has forgotten tells it again under the same id."""
    queue = Queue()
    queue.take("holds", [Envelope("holds", 0, 0, NOW, b"r", Codec(Hold).encode(HOLD))])
    overdue = Overdue("toolgate")
    assert overdue.look(queue, NOW + 59_999) == []
    (event,) = overdue.look(queue, NOW + 60_000)
    assert (event.type, event.at_ms, event.workflow_id) == (EventType.ITEM_OVERDUE, NOW + 60_000, "w")
    assert overdue.look(queue, NOW + 61_000) == []
    assert Overdue("toolgate").look(queue, NOW + 62_000) == [event]
    assert said(event)["data"]["kind"] == "hold"
    assert said(event)["timestamp"] == "2026-09-21T14:14:20.000Z"
    (item,) = queue.items(NOW)
    assert of_overdue(item, "toolgate") == event


def test_the_signature_is_the_one_of_the_standard():
    """Its own example."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("statuses", "what"),
    [
        ((200, 201, 202, 204, 299), Meaning.TAKEN),
        ((400, 409, 410, 413, 415, 422), Meaning.REFUSED),
        ((None, 301, 302, 307, 308, 401, 403, 404, 408, 429, 500, 502, 503, 504), Meaning.AGAIN),
    ],
)
def test_what_a_status_means(statuses, what):
    """The message is wrong, or the endpoint is not in order."""
    assert {meaning(status) for status in statuses} == {what}


@given(st.integers(1, 10_000), st.text(max_size=9) | st.integers(0, 10**9).map(str), st.floats(0, 1))
def test_waiting_has_its_bounds(tries, retry_after, chance):
    """At least half a second, at most five minutes, whatever the endpoint asks for; longer the more it was tried."""
    assert 0.5 <= wait_s(tries, retry_after, chance) <= LONGEST_S
    assert wait_s(tries, "", chance) <= wait_s(tries + 1, "", chance)
    if retry_after.isascii() and retry_after.isdigit():
        assert wait_s(tries, retry_after, chance) >= min(int(retry_after), LONGEST_S)


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [
        ("7", 7),
        ("9999999", LONGEST_S),
        ("9" * 60_000, LONGEST_S),
        *(
            (text, 0.5)
            for text in ("-5", "nan", "inf", "1e9", "0x10", "٣", "", "Wed, 21 Oct 2015 07:28:00 GMT")
        ),
    ],
    ids=lambda value: str(value)[:12],
)
def test_how_long_an_endpoint_may_ask_to_wait(retry_after, least):
    """As long as it says, within the bound; what is no number of seconds asks for nothing."""
    assert least <= wait_s(1, retry_after, 0.0) <= max(least, 2.0)
