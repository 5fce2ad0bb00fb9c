"""Every record says what it is, in headers that tools of others read."""

from __future__ import annotations

import pytest

from toolgate.schemas.headers import event_headers, trace_of

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_headers_carry_the_attributes_of_cloudevents():
    """The four attributes that CloudEvents requires, and the content type of the value."""
    assert dict(event_headers("toolgate.command.v1", "0-17", "/toolgate/gate")) == {
        "ce_specversion": b"1.0",
        "ce_type": b"toolgate.command.v1",
        "ce_source": b"/toolgate/gate",
        "ce_id": b"0-17",
        "content-type": b"application/avro",
    }


def test_subject_and_trace_are_there_when_given():
    """What an event is about, and which trace it belongs to, are optional."""
    headers = dict(event_headers("t", "i\N{LATIN SMALL LETTER E WITH ACUTE}", "/s", TRACE, subject="run-1"))
    assert headers["ce_subject"] == b"run-1"
    assert headers["traceparent"] == TRACE
    assert headers["ce_id"] == b"i\xc3\xa9"


def test_no_header_stands_twice():
    """Readers disagree on which of two equal headers counts."""
    names = [name for name, _ in event_headers("t", "i", "/s", TRACE, subject="r")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ((("traceparent", TRACE),), TRACE),
        ((("other", b"x"), ("traceparent", TRACE)), TRACE),
        ((), None),
        ((("traceparent", None),), None),
        ((("traceparent", TRACE), ("traceparent", TRACE)), None),
        ((("traceparent", TRACE + b"\n"),), None),
        ((("traceparent", TRACE.upper()),), None),
        ((("traceparent", b"ff" + TRACE[2:]),), None),
        ((("traceparent", b"00-" + b"0" * 32 + TRACE[35:]),), None),
        ((("traceparent", TRACE[:36] + b"0" * 16 + b"-01"),), None),
        ((("traceparent", b"x" * 100_000),), None),
    ],
)
def test_only_a_well_formed_trace_is_passed_on(headers, trace):
    """A hostile writer's header must not travel through the gate into other people's tools."""
    assert trace_of(headers) == trace
