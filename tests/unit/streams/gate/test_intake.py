"""What is asked of the ledger about a record, and what does not count."""

from __future__ import annotations

import pytest
import universe_policies

from toolgate.processors.case import Envelope
from toolgate.processors.claims import Own
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.limits import record_names
from toolgate.processors.loader import from_files
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Intent, Result
from toolgate.schemas.registry import RegistryError, bundled
from toolgate.streams.gate.intake import Intake
from toolgate.streams.ports import UnavailableError

POLICIES = from_files({"tools.yaml": universe_policies.TOOLS, "policies/w.yaml": universe_policies.POLICY})
INTAKE = Intake(POLICIES, Keyring.insecure())
RESULT = Result("0-1", "i", "r", "pay", "d" * 32, "ok", "e")
INTENT = Intent("i", "call", "default", "w", "r", "a", tool="pay", params='{"id":"x"}')


def item_of(topic: str, record: object, intake: Intake = INTAKE):
    """The item of a record as its topic delivers it."""
    value = Codec(type(record)).encode(record)
    return intake.item(intake.read(Envelope(topic, 0, 7, 1000, b"r", value)), ControlState())


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


def test_a_kind_of_control_that_this_version_does_not_know_changes_nothing():
    """It is recorded with its reason; what it meant is for another version."""
    word = Control("c", "mode", "all", "", "x", ("op",), mode="draft_only")
    item = item_of("control", word)
    assert item.refused is not None
    assert item.refused.code == "CANNOT_JUDGE"


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

    class Silent:
        id_of = staticmethod(bundled().id_of)

        def find(self, schema_id: int):
            raise RegistryError("no answer")

    intake = Intake(POLICIES, Keyring.insecure(), Silent())
    with pytest.raises(UnavailableError):
        intake.read(Envelope("intents", 0, 0, 1, b"k", b"\x00\x00\x00\x00\x09x"))
