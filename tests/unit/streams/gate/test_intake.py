"""What is asked of the ledger about a record, and what does not count."""

from __future__ import annotations

import pytest
import universe_policies
from silent import Silent

from toolgate.processors.case import Envelope
from toolgate.processors.claims import Own
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.limits import record_names
from toolgate.processors.loader import from_files, set_digest
from toolgate.processors.policy_store import PolicyStore, records
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Intent, Reason, Result
from toolgate.streams.gate.intake import Intake
from toolgate.streams.ports import UnavailableError

POLICIES = from_files({"tools.yaml": universe_policies.TOOLS, "policies/w.yaml": universe_policies.POLICY})
INTAKE = Intake(POLICIES, Keyring.insecure())
RESULT = Result("0-1", "i", "r", "pay", "d" * 32, "ok", "e")
INTENT = Intent("i", "call", "default", "w", "r", "a", tool="pay", params='{"id":"x"}')


def item_of(topic: str, record: object, intake: Intake = INTAKE, control: ControlState | None = None):
    """The item of a record as its topic delivers it."""
    value = Codec(type(record)).encode(record)
    return intake.item(intake.read(Envelope(topic, 0, 7, 1000, b"r", value)), control or ControlState())


@pytest.mark.parametrize("cost", [-1, -1_000_000, 2**53, 2**63 - 1])
def test_a_result_with_an_impossible_cost_does_not_count(cost: int):
    """It would free money that nobody reserved, or leave what Lua counts exactly."""
    item = item_of("results", changed(RESULT, actual_cost_micros=cost))
    assert item.ask.settle is None
    assert item.refused is not None
    assert (item.refused.code, item.refused.rule) == ("COST_INVALID", "actual_cost_micros")


@pytest.mark.parametrize("cost", [0, 1, 2**53 - 1])
def test_a_result_settles_with_the_cost_it_names(cost: int):
    """Also nothing, and the most there is."""
    item = item_of("results", changed(RESULT, actual_cost_micros=cost))
    assert item.refused is None
    assert item.ask.settle is not None
    assert item.ask.settle.actuals == (("usd_micros", cost),)


def test_started_is_recorded_and_settles_nothing():
    """Only an end ends a reservation."""
    assert item_of("results", changed(RESULT, status="started")).ask.settle is None


def test_a_result_that_nobody_signed_does_not_count():
    """Anybody may write the topic's bytes, not everybody may speak for a command."""
    item = item_of("results", RESULT, Intake(POLICIES, Keyring.of([])))
    assert item.ask.settle is None
    assert item.refused is not None
    assert item.refused.code == "BAD_IDENTITY"


def test_records_of_a_result_are_named_once_and_long_ones_by_digest():
    """The names must be those under which the approval counted them."""
    short, long = "x1", "y" * 300
    named = record_names((short, long, short))
    assert named[0] == short
    assert len(named) == 2
    assert len(named[1]) == 32


def test_a_report_about_a_run_does_not_keep_it_alive():
    """Model spend and the end of a run say whose it is, and count as no activity."""
    for kind in ("usage", "finish"):
        outcome, cost = ("succeeded", None) if kind == "finish" else (None, 5)
        report = changed(
            INTENT, kind=kind, tool="", params="{}", run_outcome=outcome, declared_cost_micros=cost
        )
        item = item_of("intents", report)
        assert [claim.touch for claim in item.ask.claims if isinstance(claim, Own)] == [False], item.case
    call = item_of("intents", INTENT)
    assert [claim.touch for claim in call.ask.claims if isinstance(claim, Own)] == [True]


def test_the_id_of_an_unproven_writer_is_not_remembered():
    """A forger could use up other people's ids."""
    forged = item_of("intents", INTENT, Intake(POLICIES, Keyring.of([])))
    assert (forged.ask.intent_id, forged.ask.verdict) == ("", "DENY")
    assert item_of("intents", INTENT).ask.intent_id == "default/i"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("kill", {}, None),
        ("demote", {}, "CANNOT_JUDGE"),
        ("mode", {"mode": "read_only"}, None),
        ("mode", {"mode": "enforce"}, "CONTROL_REFUSED"),
        ("mode", {"mode": "dance"}, "BAD_IDENTITY"),
        ("activate", {"policy_digest": "a" * 32, "version": 1, "checked_by": "1"}, None),
        ("activate", {"policy_digest": "a" * 32, "version": 2, "checked_by": "1"}, "CONTROL_REFUSED"),
        ("activate", {}, "BAD_IDENTITY"),
    ],
)
def test_says_why_a_word_changes_nothing(kind, fields, code):
    """It is recorded with its reason, whatever it would have meant."""
    word = changed(Control("c", kind, "all", "", "x", ("op",)), **fields)
    fault = INTAKE.control_fault(Envelope("control", 0, 0, 0, b"k", b"v"), word, ControlState())
    assert (fault and fault.code) == code


def test_a_refused_word_is_recorded_with_its_reason():
    """Nothing is asked of the ledger but its place."""
    reading = INTAKE.read(
        Envelope("control", 0, 7, 0, b"k", Codec(Control).encode(Control("c", "kill", "all", "", "x", ())))
    )
    refused = Reason("BAD_IDENTITY", "identity", "nobody")
    item = INTAKE.item(reading, ControlState(), refused=refused)
    assert (item.refused, item.ask.verdict) == (refused, "RECORDED")


BROKEN = {"tools.yaml": b"tools: 7"}


def activated(files, checked_by="1"):
    """The control state under an activated set, and a store that has it."""
    store = PolicyStore("1")
    for offset, (key, value) in enumerate(records(files)):
        store.take(Envelope("policies", 0, offset, 0, key, value))
    word = Control("c", "activate", "all", "", "", (), set_digest(files), version=1, policies_end=9)
    return ControlState().apply(changed(word, checked_by=checked_by), 0), store


def test_an_intent_is_judged_under_the_set_that_control_names():
    """The folder beside the worker is in force only until then."""
    state, store = activated(
        {**universe_policies.FILES, "policies/w.yaml": universe_policies.POLICY + b"  denied_tools: [pay]\n"}
    )
    intake = Intake(POLICIES, Keyring.insecure(), store=store)
    reading = intake.read(Envelope("intents", 0, 7, 1000, b"r", Codec(Intent).encode(INTENT)))
    before, after = intake.item(reading, ControlState()).ask, intake.item(reading, state).ask
    assert (before.verdict, before.policy_digest) == ("APPROVE", POLICIES.digest)
    assert (after.verdict, after.policy_digest) == ("DENY", state.policy.digest)
    result = intake.read(Envelope("results", 0, 7, 1000, b"r", Codec(Result).encode(RESULT)))
    assert intake.item(result, state).ask.policy_digest == state.policy.digest


@pytest.mark.parametrize(
    ("control", "says"),
    [
        (ControlState(), "no policies are in force"),
        (activated(BROKEN)[0], "does not load here: policy.yaml"),
    ],
)
def test_nothing_is_judged_where_there_is_no_set_to_judge_by(control, says):
    """It waits: an intent that cannot be judged now is not denied for ever."""
    intake = Intake(None, Keyring.insecure(), store=activated(BROKEN)[1])
    with pytest.raises(UnavailableError, match=says):
        item_of("intents", INTENT, intake, control)


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (Envelope("intents", 0, 0, 1, b"k", b"\x01rubbish"), "bad_magic"),
        (Envelope("intents", 0, 0, 1, b"k", None), "tombstone"),
        (Envelope("results", 0, 0, 1, None, b"\x00\x00\x00\x00\x09"), "unknown_schema"),
        (Envelope("intents", 0, 0, 1, b"k", b"\x00" + b"x" * 200_000), "oversize"),
        (Envelope("intents", 0, 0, 1, b"k", None, problem="headers"), "undeliverable"),
    ],
)
def test_what_cannot_be_read_is_quarantined(envelope: Envelope, code: str):
    """Nothing is lost and nothing approved, whatever the bytes are."""
    reading = INTAKE.read(envelope)
    assert reading.problem is not None
    assert reading.problem[0] == code
    assert INTAKE.item(reading, ControlState()).ask.verdict == "QUARANTINE"


def test_a_schema_registry_that_does_not_answer_is_waited_for():
    """The record may be good: it is neither judged nor quarantined."""
    intake = Intake(POLICIES, Keyring.insecure(), Silent())
    with pytest.raises(UnavailableError):
        intake.read(Envelope("intents", 0, 0, 1, b"k", b"\x00\x00\x00\x00\x09x"))
