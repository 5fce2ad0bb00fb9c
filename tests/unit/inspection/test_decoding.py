"""Records of every topic as entries, as plain data and as lines: whatever they hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.inspection.decoding import RECORD_TYPES, Decoder, as_time
from toolgate.inspection.plain import as_plain
from toolgate.processors.case import Envelope
from toolgate.schemas.frozen import names_of
from toolgate.schemas.records import AuditEvent, Op, Reason
from toolgate.streams.topics import TOPICS

DECODER = Decoder()
NAMES = [topic.name for topic in TOPICS]


@given(
    st.sampled_from(NAMES),
    st.none() | st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"\x00tg\x00\x01" + tail),
    st.none() | st.binary(max_size=20),
    st.lists(st.tuples(st.sampled_from(["tg-reason", "tg-detail", "x"]), st.binary(max_size=20)), max_size=3),
    st.sampled_from(["", "headers", "timestamp_type", "undeliverable: the client falls silent"]),
    st.sampled_from([0, 1_795_426_393_375, 2**62]),
)
def test_whatever_lies_on_a_topic_becomes_an_entry(topic, value, key, headers, problem, time_ms):  # noqa: PLR0917
    """Never an error, always JSON."""
    entry = DECODER.entry(Envelope(topic, 1, 2, time_ms, key, value, tuple(headers), problem))
    assert json.loads(json.dumps(entry.as_json()))["offset"] == 2


def test_an_event_in_plain_data_names_everything(written):
    """Operations of the ledger by name with their fields, reasons as objects."""
    written.approved()
    part = ("run:r:usd", "usd_micros", 10, 350, "spend", 1)
    event = AuditEvent(
        **{name: getattr(written.approved(), name) for name in names_of(AuditEvent)}
        | {
            "ops": (Op("reserve", ("0-0", 9, "d", "pay", (part,), (("w", 0, 1),))),),
            "reasons": (Reason("X", asked=1),),
        }
    )
    plain = as_plain(event)
    assert list(plain) == list(names_of(AuditEvent))
    assert plain["ops"] == [
        {
            "op": "reserve",
            "id": "0-0",
            "expires_at": 9,
            "digest": "d",
            "tool": "pay",
            "parts": [
                {
                    "account": "run:r:usd",
                    "unit": "usd_micros",
                    "amount": 10,
                    "max": 350,
                    "on_expiry": "spend",
                    "keep_ms": 1,
                }
            ],
            "sets": [{"key": "w", "window_ms": 0, "keep_ms": 1}],
        }
    ]
    assert plain["reasons"][0]["code"] == "X"
    assert plain["reasons"][0]["limit"] is None


def test_every_topic_with_a_schema_is_decoded():
    """A new record is readable for people without a word more."""
    assert set(RECORD_TYPES) <= set(NAMES)
    assert {"intents", "audit", "holds", "ticks", "contracts"} <= set(RECORD_TYPES)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, ""), (1_795_426_393_375, "2026-11-23T09:33:13.375Z"), (2**62, ""), (-(2**62), "")],
)
def test_times_are_utc_with_milliseconds(time_ms, text):
    """No time, or one beyond the calendar, is none."""
    assert as_time(time_ms) == text
