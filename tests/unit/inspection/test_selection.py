"""Filters: what they let through, and which of them no record of a topic could ever pass."""

from __future__ import annotations

import pytest

from toolgate.inspection.decoding import Decoder
from toolgate.inspection.selection import Selection, codes_of
from toolgate.schemas.records import Reason
from toolgate.streams.topics import TOPICS


@pytest.fixture
def denied(written):
    """The audit event of a denial, as an entry."""
    written.decided(written.intent(), verdict="DENY", reasons=(Reason("KILLED"), Reason("TOOL_DENIED")))
    [envelope] = written("audit").lines[written.intent().partition]
    return Decoder().entry(envelope)


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(), True),
        (Selection(run="r", workflow="w", intent="i-1", code="killed"), True),
        (Selection(code="TOOL_DENIED"), True),
        (Selection(code="TOOL"), False),
        (Selection(run="r2"), False),
        (Selection(workflow="w2"), False),
        (Selection(intent="i"), False),
    ],
)
def test_every_filter_must_pass(denied, selection, wanted):
    """Whole words only; codes in any case."""
    assert selection.wants(denied) is wanted


@pytest.mark.parametrize(
    ("topic", "selection", "fault"),
    [
        ("audit", Selection("r", "w", "i", "c"), ""),
        ("outcomes", Selection(run="r", intent="i", code="c"), ""),
        ("outcomes", Selection(workflow="w"), "workflow"),
        ("commands", Selection(code="c"), "code"),
        ("control", Selection(run="r"), "run"),
        ("quarantine", Selection(run="r", code="c"), ""),
        ("quarantine", Selection(intent="i"), "intent"),
        ("snapshots", Selection(run="r"), "run"),
        ("pulse", Selection(workflow="w", code="c"), ""),
    ],
)
def test_a_filter_that_could_find_nothing_is_named(topic, selection, fault):
    """An empty answer must mean that there is none, not that nobody looked."""
    assert selection.fault(topic) == fault


def test_quarantined_records_are_told_by_key_and_header(written):
    """There is nothing else of them that can be read."""
    headers = (("tg-reason", b"tombstone"),)
    entry = Decoder().entry(written.raw("quarantine", 0, None, headers=headers, key=b"r"))
    assert codes_of(entry) == ("TOMBSTONE",)
    assert Selection(run="r", code="tombstone").wants(entry)
    assert not Selection(run="x").wants(entry)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_no_filter_fails_on_what_cannot_be_read(topic, written):
    """Records without content are passed over, not tripped over."""
    entry = Decoder().entry(written.raw(topic.name, 0, b"junk", key=None))
    assert Selection().wants(entry)
    assert not Selection(intent="i").wants(entry)
    assert not Selection(code="KILLED").wants(entry)
