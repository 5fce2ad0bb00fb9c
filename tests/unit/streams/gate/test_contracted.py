"""Contracts through the gate: which one a run has, what becomes of the others, and whoever wrote them is told."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from toolgate.processors.case import Envelope
from toolgate.processors.claims import DAY_MS
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import KID, MAC
from toolgate.processors.keyring import IntentKey, Keyring, OperatorKey, framed, mac
from toolgate.processors.loader import from_files
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Outcome, RunContract
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.rehearsal import Rehearsal

TOOLS = b"""tools:
  - {name: look, effect: read, cost: 0.01, params: {properties: {}}}
  - {name: pay, effect: write, cost: 0.02, records: [], params: {properties: {}}}
"""
POLICY = b"policy: {workflow_id: w, allowed_tools: [look, pay], contract: {required: false}}"
OTHER = b"policy: {workflow_id: v, allowed_tools: [look, pay], contract: {required: true}}"
SET = from_files({"tools.yaml": TOOLS, "policies/w.yaml": POLICY, "policies/v.yaml": OTHER})
CONTRACT = RunContract("c1", "default", "w", "r", "ann", ("look",), {})


@pytest.fixture
def gate():
    """A gate of two workflows: runs of v must have a contract, those of w may."""
    return Rehearsal(SET)


def call(number, tool="look", **fields):
    """A call of run r."""
    return Intent(f"i{number}", "call", "default", fields.pop("workflow_id", "w"), "r", "a", tool, **fields)


def codes(event):
    """The codes of an event's reasons, with the rules that spoke."""
    return [f"{reason.code} {reason.rule}" for reason in event.reasons]


def test_a_contract_in_time_counts_for_the_whole_run(gate):
    """The audit says of whose run it is, and keeps its words among the ops."""
    event = gate.contract(CONTRACT, 1_000)
    assert (event.verdict, event.note, event.reasons) == ("RECORDED", "accepted", ())
    assert (event.intent_id, event.tenant, event.workflow_id, event.run_id) == (
        "contract/c1",
        "default",
        "w",
        "r",
    )
    assert [op.op for op in event.ops] == ["count", "remember"]
    assert gate.intent(call(1), 1_000).event.verdict == "APPROVE"
    assert codes(gate.intent(call(2, "pay"), 1_000).event) == ["CONTRACT_DENIED contract.tools"]


def test_a_late_contract_is_refused(gate):
    """What was approved before was not held to it."""
    gate.intent(call(1, "pay"), 1_000)
    event = gate.contract(CONTRACT, 1_000)
    assert (event.verdict, event.note, codes(event)) == (
        "RECORDED",
        "refused",
        ["CONTRACT_REFUSED contract.late"],
    )
    assert event.ops == ()
    assert gate.intent(call(2, "pay"), 1_000).event.verdict == "APPROVE"


def test_a_denied_call_does_not_begin_a_run(gate):
    """An agent that is quicker than whoever starts it waits, and goes on."""
    early = gate.intent(call(1, workflow_id="v"), 1_000).event
    assert codes(early) == ["CONTRACT_REQUIRED contract.required"]
    assert gate.contract(changed(CONTRACT, workflow_id="v"), 1_000).note == "accepted"
    assert gate.intent(call(2, workflow_id="v"), 1_000).event.verdict == "APPROVE"


def test_a_second_contract_is_refused(gate):
    """Also a tighter one: a run has its contract for good."""
    gate.contract(CONTRACT, 1_000)
    event = gate.contract(changed(CONTRACT, contract_id="c2", tools=("look", "pay")), 1_000)
    assert (event.note, codes(event)) == ("refused", ["CONTRACT_REFUSED contract.taken"])
    assert gate.intent(call(1, "pay"), 1_000).event.verdict == "DENY"


def test_the_same_contract_again_changes_nothing(gate):
    """A starter that was not sure may send it again; with other words under its id it is refused."""
    first = gate.contract(CONTRACT, 1_000)
    again = gate.contract(CONTRACT, 1_000)
    assert (again.verdict, again.first_seq, again.note, again.ops) == ("DUPLICATE", first.seq, "", ())
    other = gate.contract(changed(CONTRACT, tools=("pay",)), 1_000)
    assert (other.verdict, other.note, codes(other)) == ("RECORDED", "refused", ["ID_CONFLICT intent_id"])


def test_ids_of_contracts_and_intents_are_not_mixed_up(gate):
    """An intent may have the id of its run's contract."""
    gate.contract(changed(CONTRACT, contract_id="i1"), 1_000)
    assert gate.intent(call(1), 1_000).event.verdict == "APPROVE"


def test_a_contract_of_another_workflow_denies_the_run(gate):
    """Somebody meant another run: nothing is approved until a person has looked."""
    gate.contract(changed(CONTRACT, workflow_id="v"), 1_000)
    assert codes(gate.intent(call(1), 1_000).event) == ["CONTRACT_DENIED contract.workflow"]


def test_a_contract_of_another_run_is_none_of_this_run(gate):
    """Runs share nothing."""
    gate.contract(changed(CONTRACT, run_id="s"), 1_000)
    assert gate.intent(call(1, "pay"), 1_000).event.verdict == "APPROVE"


def test_ceilings_are_told_with_their_distance(gate):
    """Beside those of the policy; the tighter one speaks."""
    gate.contract(changed(CONTRACT, tools=("look", "pay"), max_calls=2, max_cost_micros=25_000), 1_000)
    assert gate.intent(call(1), 1_000).event.verdict == "APPROVE"
    costly = gate.intent(call(2, "pay"), 1_000).event
    assert codes(costly) == ["BUDGET_EXCEEDED contract.max_cost_usd"]
    assert costly.reasons[0].because == "$0.005 over a run cap of $0.025"
    assert gate.intent(call(3), 1_000).event.verdict == "APPROVE"
    assert codes(gate.intent(call(4), 1_000).event) == [
        "CALLS_EXCEEDED contract.max_calls",
        "BUDGET_EXCEEDED contract.max_cost_usd",
    ]


def test_model_spend_over_the_ceiling_stops_the_run(gate):
    """As it does over a budget of the policy."""
    gate.contract(changed(CONTRACT, max_cost_micros=5), 1_000)
    spent = changed(call(1), kind="usage", tool="", declared_cost_micros=9)
    assert gate.intent(spent, 1_000).event.verdict == "RECORDED"
    assert "RUN_LATCHED run" in codes(gate.intent(call(2), 1_000).event)


def test_nothing_is_approved_behind_the_deadline(gate):
    """By the ledger's clock."""
    gate.contract(changed(CONTRACT, deadline=5_000), 1_000)
    assert gate.intent(call(1), 5_000).event.verdict == "APPROVE"
    late = gate.intent(call(2), 5_001).event
    assert codes(late) == ["CONTRACT_EXPIRED contract.deadline"]
    assert "1 ms after the deadline of its run" in late.reasons[0].because


def test_a_run_outlives_no_contract_that_was_forgotten(gate):
    """Its contract ends after a day; the run has ended by then that the ledger forgets both."""
    gate.contract(CONTRACT, 0)
    assert gate.intent(call(1), DAY_MS - 1).event.verdict == "APPROVE"
    verdicts = {
        hour: gate.intent(call(hour, "pay"), DAY_MS + hour * 3_600_000).event.verdict
        for hour in range(2, 24, 3)
    }
    assert set(verdicts.values()) == {"DENY"}


def test_outcomes_are_told_to_whoever_wrote_it():
    """Under the contract's id and digest, as an intent's is; nothing of a policy stands in them."""
    gate = Rehearsal(SET)
    events = [
        gate.contract(CONTRACT, 1_000),
        gate.contract(CONTRACT, 1_000),
        gate.contract(changed(CONTRACT, contract_id="c2"), 1_000),
        gate.contract(changed(CONTRACT, contract_id="c3", workflow_id="nobody"), 1_000),
    ]
    told = [
        (o.intent_id, o.digest, o.seq, o.verdict, o.codes)
        for o in gate._new("outcomes", Codec(Outcome))
        if o.intent_id.startswith("c")
    ]
    assert told == [
        ("c1", events[0].digest, 1, "RECORDED", ()),
        ("c1", events[1].digest, 2, "DUPLICATE", ()),
        ("c2", events[2].digest, 3, "DENY", ("CONTRACT_REFUSED",)),
        ("c3", events[3].digest, 4, "DENY", ("CONTRACT_REFUSED",)),
    ]


STARTER, STRANGER, AGENT = SigningKey.generate(), SigningKey.generate(), b"0123456789abcdef"
KEYS = Keyring.of(
    [
        OperatorKey("starter-1", bytes(STARTER.verify_key), frozenset({"starter"})),
        OperatorKey("ann-1", bytes(STRANGER.verify_key), frozenset({"operator", "publisher", "watch"})),
        IntentKey("agents-1", AGENT, "default", "w"),
    ]
)


def signed(kid, pair, topic="contracts"):
    """The record with a signature."""
    value = Codec(RunContract).encode(CONTRACT)
    signature = pair.sign(framed(topic, b"r", value)).signature
    return Envelope("contracts", 0, 7, 1_000, b"r", value, ((KID, kid.encode()), (MAC, signature)))


@pytest.mark.parametrize(
    ("envelope", "says"),
    [
        (signed("starter-1", STARTER), None),
        (signed("starter-1", STRANGER), "does not fit key starter-1"),
        (signed("starter-1", STARTER, "intents"), "does not fit key starter-1"),
        (signed("ann-1", STRANGER), "a contract needs a starter"),
        (signed("nobody-1", STARTER), "belongs to nobody who may sign this"),
        (changed(signed("starter-1", STARTER), headers=()), "is not signed"),
    ],
)
def test_only_a_starter_may_say_what_a_run_may_touch(envelope, says):
    """Not an operator, not a stranger."""
    intake = Intake(SET, KEYS)
    item = intake.item(intake.read(envelope), ControlState())
    if says is None:
        assert item.refused is None
        assert len(item.ask.claims) == 3
    else:
        assert (item.refused.code, item.ask.claims) == ("BAD_IDENTITY", ())
        assert says in item.refused.because


def test_an_agents_identity_never_may():
    """Whatever it signs, with the right MAC of its key."""
    value = Codec(RunContract).encode(CONTRACT)
    headers = ((KID, b"agents-1"), (MAC, mac(AGENT, "contracts", b"r", value)))
    intake = Intake(SET, KEYS)
    item = intake.item(intake.read(Envelope("contracts", 0, 7, 1_000, b"r", value, headers)), ControlState())
    assert (item.refused.code, item.ask.claims) == ("BAD_IDENTITY", ())
    assert "key agents-1 is an agent's" in item.refused.because
