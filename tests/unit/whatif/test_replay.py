"""What-if: a recorded log under two policy sets, each with a ledger of its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from toolgate.inspection.decoding import Decoder
from toolgate.processors.case import Envelope
from toolgate.processors.loader import from_files, load
from toolgate.processors.problems import LoadError
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Intent, Result
from toolgate.whatif import recorded
from toolgate.whatif.recorded import Happening
from toolgate.whatif.replay import Kind, replay

EXAMPLES = Path(__file__).parents[3] / "examples"
DESK = ("default", "billing_adjustments_v3")
TOOLS = b"""
tools:
  - {name: look, effect: read, cost: 0.01, records: [], params: {properties: {}}}
  - {name: pay, effect: write, cost: 0.10, records: [], params: {properties: {}}}
"""
POLICY = (
    "policy: {workflow_id: w, allowed_tools: [look, pay], limits: {max_cost_usd: %s}, denied_tools: [%s]}"
)


def policies(usd="1.00", denied=""):
    """A set that differs from others in its cap and in what it denies."""
    return from_files({"tools.yaml": TOOLS, "policy.yaml": (POLICY % (usd, denied)).encode()})


def calls(*tools, status="ok", cost=None):
    """A log: one run calls these tools, and each call ends alike."""
    log = []
    for place, tool in enumerate(tools):
        at_ms = 1_000_000 + place
        log.append(Happening(at_ms, Intent(f"i{place}", "call", "default", "w", "r", "a", tool), "default"))
        result = Result("c", f"i{place}", "r", tool, "d", status, "e", actual_cost_micros=cost)
        log.append(Happening(at_ms, result, "default"))
    return log


def differences(log, before, after):
    """Kind, intent and rules of every change."""
    found = replay(log, before, after, lambda: None)
    return [(change.kind, change.intent.intent_id, change.rules) for change in found.changes]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (policies(), policies(), []),
        (policies(), policies(denied="look"), [(Kind.DENIED, "i0", ("TOOL_DENIED denied_tools",))]),
        # what the new set denies takes nothing, and leaves room for what the old one had no money for
        (
            policies("0.20"),
            policies("0.20", denied="look"),
            [
                (Kind.DENIED, "i0", ("TOOL_DENIED denied_tools",)),
                (Kind.ALLOWED, "i2", ("BUDGET_EXCEEDED limits.max_cost_usd",)),
            ],
        ),
        (policies(), policies("0.15"), [(Kind.DENIED, "i2", ("BUDGET_EXCEEDED limits.max_cost_usd",))]),
        (
            policies("0.20"),
            policies("0.20", denied="pay, look"),
            [
                (Kind.DENIED, "i0", ("TOOL_DENIED denied_tools",)),
                (Kind.DENIED, "i1", ("TOOL_DENIED denied_tools",)),
                (Kind.REASONS, "i2", ("BUDGET_EXCEEDED limits.max_cost_usd", "TOOL_DENIED denied_tools")),
            ],
        ),
    ],
)
def test_tells_what_would_be_decided_otherwise(before, after, expected):
    """Budgets are taken in the order of the log, under each set by itself."""
    assert differences(calls("look", "pay", "pay"), before, after) == expected


def test_other_reasons_alone_are_no_difference_of_verdicts():
    """Whoever waits for a change of verdicts is not woken."""
    found = replay(calls("gone"), policies(), policies(denied="gone"), lambda: None)
    assert [change.kind for change in found.changes] == [Kind.REASONS]
    assert not found.differs
    assert found.counts() == {
        Kind.ALLOWED: 0,
        Kind.DENIED: 0,
        Kind.OTHERWISE: 0,
        Kind.REASONS: 1,
        Kind.NEEDS: 0,
    }


def test_other_approvals_are_told_where_verdict_and_reasons_are_the_same():
    """More people for what is held anyhow: no reason shows it, and no verdict differs."""
    owned = {"owner": "desk", "answer_within": "30m"}
    held, by_two = (
        from_files(
            {
                "tools.yaml": TOOLS,
                "policy.yaml": json.dumps(
                    {"policy": {"workflow_id": "w", "allowed_tools": ["pay"], "approvals": [entry]}}
                ).encode(),
            }
        )
        for entry in ({"tools": ["pay"]}, {"tools": ["pay"], "approvers": 2, "expires": "4h"} | owned)
    )
    found = replay(calls("pay"), held, by_two, lambda: None)
    [change] = found.changes
    assert (change.kind, change.rules, found.differs) == (Kind.NEEDS, (), False)
    said = change.as_json()
    assert [said[side]["needs"] for side in ("before", "after")] == [
        {"approvers": 1, "roles": ("approver",), "wait_ms": 86_400_000, "owners": (), "answer_ms": 3_600_000},
        {
            "approvers": 2,
            "roles": ("approver",),
            "wait_ms": 14_400_000,
            "owners": ("desk",),
            "answer_ms": 1_800_000,
        },
    ]


@pytest.mark.parametrize(
    ("status", "cost", "denied"), [("ok", None, ["i2"]), ("void", None, []), ("ok", 10_000, [])]
)
def test_results_settle_what_the_intent_has_become_under_each_set(status, cost, denied):
    """A recorded result names a command of its own log; here it gives back what is not used."""
    log = calls("pay", "pay", "pay", status=status, cost=cost)
    found = differences(log, policies(), policies("0.25"))
    assert [intent for _, intent, _ in found] == denied


def test_counts_by_rule():
    """Which rule had a part in how many changes, the most frequent first."""
    found = replay(calls("look", "look", "pay"), policies(), policies("0.10", denied="look"), lambda: None)
    assert found.by_rule() == [(Kind.DENIED, "TOOL_DENIED denied_tools", 2)]
    assert (found.intents, found.before, found.after) == (3, {"APPROVE": 3}, {"DENY": 2, "APPROVE": 1})


def test_a_set_does_not_differ_from_itself_on_recorded_runs():
    """The example's runs meet every limit, a repeated intent among them."""
    small = load(EXAMPLES / "small")
    log = recorded.read(EXAMPLES / "small" / "runs.jsonl", DESK)
    seen = []
    found = replay(log, small, small, lambda: seen.append(1))
    assert (found.changes, len(seen)) == ((), len(log))
    assert found.before["APPROVE"] > found.before["DENY"] > 0
    assert found.before["DUPLICATE"] == 1


def tail(topic, offset, record, time_ms):
    """A line as `toolgate tail --json` prints it."""
    envelope = Envelope(topic, 0, offset, time_ms, b"r", Codec(type(record)).encode(record))
    return json.dumps(Decoder().entry(envelope).as_json())


def audited(topic, offset, seq):
    """The line of a decision, as far as it is looked at."""
    return json.dumps(
        {"topic": "audit", "value": {"topic": topic, "partition": 0, "offset": offset, "seq": seq}}
    )


def test_reads_what_tail_prints_in_the_order_of_times(tmp_path):
    """Topics one after the other in the file; a result finds its tenant by its run and intent."""
    first = Intent("i1", "call", "acme", "w", "r", "a", "look", results_seen_to=7)
    second = Intent("i2", "call", "acme", "w", "r", "a", "look")
    result = Result("0-0", "i1", "r", "look", "d", "ok", "e")
    log = tmp_path / "log.jsonl"
    log.write_text(
        "\n".join(
            [tail("intents", 0, first, 10), tail("intents", 1, second, 30), tail("results", 0, result, 20)]
        )
    )
    found = recorded.read(log, None)
    assert [(one.at_ms, one.record.intent_id, one.tenant) for one in found] == [
        (10, "i1", "acme"),
        (20, "i1", "acme"),
        (30, "i2", "acme"),
    ]
    assert isinstance(found[1].record, Result)
    assert found[0].record.results_seen_to is None  # a place of another log


def test_the_audit_tells_the_order_of_decisions(tmp_path):
    """Two records of one time, decided the other way round than they stand."""
    one, two = (Intent(f"i{n}", "call", "t", "w", "r", "a", "look") for n in (1, 2))
    lines = [
        tail("intents", 0, one, 10),
        tail("intents", 1, two, 10),
        audited("intents", 0, 9),
        audited("intents", 1, 4),
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(lines))
    assert [happening.record.intent_id for happening in recorded.read(log, None)] == ["i2", "i1"]
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert recorded.read(packed, None) == recorded.read(log, None)
    packed.write_bytes(log.read_bytes())
    with pytest.raises(LoadError, match="cannot be read"):
        recorded.read(packed, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is nothing in it"),
        ("{}", "log.jsonl:1:1: this is no record of a topic"),
        ("[]", "log.jsonl:1:1: the top is an array, not an object"),
        (
            '{"topic": "intents", "value": {}, "partition": 0, "offset": 0, "time_ms": 1}',
            "missing required field",
        ),
        ('{"topic": "intents", "value": {}, "partition": 0, "time_ms": 1}', "'offset' is missing"),
        ('{"topic": "denials", "value": {}}', "there is no intent in it"),
        ('{"run_id": "r", "calls": []}', "recorded runs name no workflow"),
    ],
)
def test_another_file_is_refused(text, said, tmp_path):
    """By line, and never replayed in part."""
    log = tmp_path / "log.jsonl"
    log.write_text(text)
    with pytest.raises(LoadError) as caught:
        recorded.read(log, None)
    assert said in str(caught.value)
