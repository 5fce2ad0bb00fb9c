"""A file says what the topics say, and is told apart from what is none."""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING

import pytest

from toolgate.inspection.decoding import Decoder
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import RefusedError
from toolgate.verification import exporting, topics
from toolgate.verification.exported import read
from toolgate.verification.history import TOPICS
from toolgate.verification.judging import judge

if TYPE_CHECKING:
    from past import Past


class Shelf:
    """One topic of a past, as a reader gives it."""

    def __init__(self, past: Past, topic: str) -> None:
        self._found = [e for e in past.envelopes if e.topic == topic]
        self.partitions = tuple(p for t, p in past.partitions if t == topic)

    def span(self, partition):
        """All of it."""
        return 0, 1 + max((e.offset for e in self._found if e.partition == partition), default=-1)

    def read(self, start, end):
        """In two pieces, and time passes between them."""
        wanted = [e for e in self._found if start[e.partition] <= e.offset < end[e.partition]]
        yield from (wanted[:9], [], wanted[9:])


@pytest.fixture
def shelves(past):
    """The topics of a past."""
    return lambda topic: Shelf(past, topic)


@pytest.mark.parametrize("name", ["history.jsonl", "history.jsonl.gz"])
def test_what_is_exported_is_judged_as_the_topics_are(past, shelves, tmp_path, name):
    """The same events, the same faults, compressed or not; and each line is what `tail --json` prints."""
    past.drop("commands", past.events(lambda e: e.verdict == "APPROVE")[3].seq)
    path = tmp_path / name
    stretch = topics.spans(shelves)
    counts = exporting.export(path, shelves, stretch, Decoder())
    assert sum(counts.values()) == len(past.envelopes)
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    printed = [json.dumps(Decoder().entry(e).as_json()) for e in past.envelopes]
    assert sorted(printed) == sorted(json.dumps(json.loads(line)) for line in data.splitlines())
    told = []
    found = judge(read(aged(path, past), lambda *at: told.append(at)))
    assert told[-1][0] == told[-1][1] > 0
    there = judge(topics.read(shelves, stretch))
    assert found.findings.listed() == there.findings.listed() == past.report().findings.listed()
    assert found.findings.counts.total() == 1
    assert found.judged == there.judged == len(past.events())
    assert found.book.canonical() == there.book.canonical()
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_some_topics_of_some(past, shelves, tmp_path):
    """Only what was asked for is written, and without the audit nothing can be judged."""
    path = tmp_path / "some.jsonl"
    assert set(exporting.export(path, shelves, topics.spans(shelves, ["intents"]), Decoder())) == {"intents"}
    with pytest.raises(LoadError, match="there is no audit in it"):
        read(path)


def test_a_topic_that_is_not_there_is_left_out_and_an_audit_must_be(shelves):
    """A prefix may be older than a topic; without an audit there is no history."""

    def lacking(*names):
        def open_topic(topic):
            if topic in names:
                raise RefusedError("the topic does not exist", where=topic, remedy="create it")
            return shelves(topic)

        return open_topic

    assert set(topics.spans(lacking("contracts", "drafts"))) == set(TOPICS) - {"contracts", "drafts"}
    with pytest.raises(RefusedError):
        topics.spans(lacking("audit"))


def test_inputs_that_come_meanwhile_are_noticed(past, shelves):
    """Then the ledger may know more than what was read."""
    stretch = topics.spans(shelves)
    assert not topics.grown(shelves, stretch)
    last = max((e for e in past.envelopes if e.topic == "results"), key=lambda e: e.offset)
    past.envelopes.append(
        type(last)(
            **{name: getattr(last, name) for name in last.__struct_fields__ if name != "offset"},
            offset=last.offset + 1,
        )
    )
    assert topics.grown(shelves, stretch)


def test_a_file_tells_what_was_written_apart_from_what_was_decided(past, tmp_path):
    """Its values are written again to know their digests."""
    event = past.events(lambda e: e.topic == "intents" and e.verdict == "APPROVE")[0]
    entries = [Decoder().entry(e).as_json() for e in past.envelopes]
    place = (event.topic, event.partition, event.offset)
    for entry in entries:
        if (entry["topic"], entry["partition"], entry["offset"]) == place:
            entry["value"]["reason"] = "another"
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(map(json.dumps, entries)))
    (found,) = judge(read(aged(path, past))).findings.listed()
    assert (found.law.value, found.place.offset) == ("content", event.offset)


def aged(path, past):
    """The file, as old as the history."""
    os.utime(path, (past.as_of_ms / 1000, past.as_of_ms / 1000))
    return path


def line(past, topic):
    """A line of an export."""
    envelope = next(e for e in past.envelopes if e.topic == topic)
    return Decoder().entry(envelope).as_json()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: "{", r"bad\.jsonl:2:1: .*export it again"),
        (lambda _: "[]", "this is no record of a topic"),
        (lambda entry: entry | {"offset": "7"}, "its place or time is none"),
        (lambda entry: entry | {"offset": 1 << 63}, "larger than any of its schema"),
        (lambda entry: entry | {"headers": 3}, "no record of a topic|headers"),
        (lambda entry: entry | {"value": {"seq": 1}}, "is missing"),
        (lambda entry: entry | {"value": entry["value"] | {"seq": "1"}}, "Expected `int`, got `str`"),
        (lambda entry: entry | {"value": entry["value"] | {"ops": [{"op": "steal"}]}}, "'steal' is missing"),
        (lambda entry: entry | {"value": entry["value"] | {"ops": 1}}, "another type"),
        (
            lambda entry: entry | {"value": entry["value"] | {"verdict": "YES"}},
            "'YES' is not a valid Verdict",
        ),
        (
            lambda entry: entry | {"value": entry["value"] | {"reasons": 1, "visible": None}},
            "Expected `array`",
        ),
    ],
)
def test_a_line_that_is_no_record_is_named(past, tmp_path, change, told):
    """With file and line."""
    good = line(past, "audit")
    bad = change(good)
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{json.dumps(good)}\n{bad if isinstance(bad, str) else json.dumps(bad)}\n")
    if "headers" in told:
        bad = line(past, "quarantine") | {"headers": 3}
        path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    with pytest.raises(LoadError, match=told) as failed:
        read(path)
    assert f"{path}:2:1" in str(failed.value)


def test_a_control_record_of_another_form_is_named(past, tmp_path):
    """Nothing may be left out of account because it cannot be read."""
    word = line(past, "control")
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(word | {"value": {"kind": "kill"}}))
    with pytest.raises(LoadError, match="control_id"):
        read(path)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("none.jsonl", None, "cannot be read: No such file"),
        ("broken.jsonl.gz", b"no gzip", "cannot be read"),
        ("short.jsonl.gz", gzip.compress(b"{}" * 99, mtime=0)[:-9], "cannot be read"),
        ("empty.jsonl", b"\n\n", "there is no audit in it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, data, told):
    """Which, and why."""
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LoadError, match=told):
        read(path)


def test_a_record_that_could_not_be_decoded_is_a_fault_where_only_the_gate_writes(past, tmp_path):
    """An export has its bytes and the reason."""
    entries = [Decoder().entry(e).as_json() for e in past.envelopes]
    i = next(i for i, entry in enumerate(entries) if entry["topic"] == "outcomes")
    del entries[i]["value"]
    entries[i] |= {"problem": "malformed: cut short", "bytes": "00"}
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(map(json.dumps, entries)))
    found = judge(read(aged(path, past))).findings.listed()
    assert [finding.law.value for finding in found] == ["readable", "outcome"]
    assert found[0].what == "malformed: cut short"
