"""Break-glass: a grant waives what the policy's own rules say, all of it or nothing, and widens nothing else."""

from __future__ import annotations

import json
from random import Random

import pytest
import tightening
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.break_glass import waivable
from toolgate.processors.case import Approved, Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.claims import Deadline, Remember
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.reasons import TABLE, Code
from toolgate.processors.world import World
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Intent, Reason

UNTIL = 60_000
PARAMS = "params: {properties: {cents: {type: integer}, id: {type: string}}, required: [cents, id]}"
TOOLS = f"""
tools:
  - {{name: look, effect: read, system: bank, records: [], {PARAMS}}}
  - {{name: pay, effect: write, system: bank, cost: 0.05, records: [id], {PARAMS}}}
  - {{name: mail, effect: write, records: [], {PARAMS}}}
  - {{name: wipe, effect: irreversible, system: bank, records: [], {PARAMS}}}
"""
HEAD = "policy:\n  workflow_id: w\n  allowed_tools: [look, pay, wipe]\n"
RULE = "  rules: [{id: large, tools: [pay, wipe], when: params.cents > 5, then: %s, because: too large}]\n"
OF_SYSTEM = "  budgets: [{scope: system, window: 1d, unit: calls, max: 9}]\n"
GRANT = Control(
    "g1", "grant", "workflow", "w", "fire", ("ann", "ben"), version=1, expires_at=UNTIL, tools=("*",)
)


def world(policy, *words):
    """The world of a policy where these words were said."""
    state = ControlState()
    for offset, word in enumerate(words):
        state = state.apply(word, offset)
    files = {"tools.yaml": TOOLS.encode(), "policy.yaml": policy.encode()}
    return World(from_files(files), state, Keyring.insecure())


def call(tool="pay", cents=9, *, time_ms=1_000, **fields):
    """A case of a call."""
    params = json.dumps({"cents": cents, "id": "A-1"})
    intent = Intent("i1", "call", "default", "w", "r1", "a1", tool, params=params, **fields)
    return Case(Envelope("intents", 0, 0, time_ms, b"r1", b"v"), intent, "d" * 32)


@pytest.mark.parametrize(
    ("more", "tool", "waived"),
    [
        (RULE % "deny", "pay", ["RULE_DENIED"]),
        (RULE % "hold", "pay", ["HELD_BY_RULE"]),
        (RULE % "draft", "pay", ["DRAFTED"]),
        ("", "mail", ["TOOL_NOT_ALLOWED"]),
        ("  denied_tools: [pay]\n", "pay", ["TOOL_DENIED"]),
        ("  approvals: [{tools: [pay]}]\n", "pay", ["HELD_BY_RULE"]),
        (RULE % "deny" + "  approvals: [{tools: [pay]}]\n", "pay", ["RULE_DENIED", "HELD_BY_RULE"]),
    ],
)
def test_what_the_policys_own_rules_say_is_waived(more, tool, waived):
    """The call is approved as if they were not there, and the case says what was waived and under which grant."""
    before, after = judge(call(tool), world(HEAD + more)), judge(call(tool), world(HEAD + more, GRANT))
    assert [reason.code for reason in before.reasons] == waived
    assert (before.grant, before.waived) == (None, ())
    assert (after.verdict, after.reasons, after.waived) == (Verdict.APPROVE, (), before.reasons)
    assert after.grant is not None
    assert after.grant.control_id == "g1"
    assert [claim.at_ms for claim in after.claims if type(claim) is Deadline] == [UNTIL]


@pytest.mark.parametrize(
    ("policy", "asked", "words", "code"),
    [
        (HEAD + RULE % "deny", call("wipe"), (), "RULE_DENIED"),
        (HEAD + RULE % "hold", call("wipe"), (), "HELD_BY_RULE"),
        (HEAD.replace(", wipe", ""), call("wipe"), (), "TOOL_NOT_ALLOWED"),
        (HEAD + RULE % "deny", call(time_ms=UNTIL + 1), (), "RULE_DENIED"),
        (HEAD + RULE % "deny", call(tool_version="9"), (), "TOOL_VERSION"),
        (HEAD + "  mode: read_only\n", call(), (), "READ_ONLY"),
        (HEAD + RULE % "deny" + "  mode: read_only\n", call(), (), "READ_ONLY"),
        (HEAD, call(), (Control("m", "mode", "all", "", "", (), mode="draft_only"),), "DRAFTED"),
        (HEAD, call(), (Control("m", "mode", "all", "", "", (), mode="read_only"),), "READ_ONLY"),
        (HEAD + RULE % "deny", call(), (Control("k", "kill", "run", "r1", "", ()),), "KILLED"),
        (HEAD + RULE % "deny", changed(call(), unseen=True), (), "UNSEEN_RESULTS"),
        (HEAD + "  contract: {required: true}\n" + RULE % "deny", call(), (), "CONTRACT_REQUIRED"),
        (HEAD + RULE % "deny", call(), (changed(GRANT, tools=("look",), version=2),), "RULE_DENIED"),
        (HEAD + RULE % "deny", call(), (changed(GRANT, tools=(), expires_at=None),), "RULE_DENIED"),
        (
            HEAD + "  budgets: [{scope: system, window: 1d, unit: calls, max: 9}]\n",
            call("mail"),
            (),
            "TOOL_NOT_ALLOWED",
        ),
        (
            HEAD + RULE % "deny",
            changed(call(), approved=Approved(Verdict.HOLD, 1, frozenset({"approver"}))),
            (),
            "RULE_DENIED",
        ),
    ],
)
def test_what_else_speaks_against_a_call_stands(policy, asked, words, code):
    """Nothing is waived, and nothing is marked: the case is as if nobody had granted anything."""
    without, found = judge(asked, world(policy, *words[:1])), judge(asked, world(policy, GRANT, *words))
    assert found.verdict != Verdict.APPROVE
    assert code in [reason.code for reason in found.reasons]
    assert (found.grant, found.waived) == (None, ())
    if not any(word.kind == "grant" for word in words):
        assert (found.verdict, found.claims) == (without.verdict, without.claims)


def test_what_needs_no_grant_is_not_marked():
    """The policy allows it."""
    granted = world(HEAD + RULE % "deny", GRANT)
    assert judge(call(cents=1), granted) == judge(call(cents=1), changed(granted, control=ControlState()))


def test_a_tool_beyond_the_policy_is_under_all_of_its_limits():
    """Money, calls, rates and records as if it were allowed."""
    limits = (
        OF_SYSTEM + "  limits: {max_cost_usd: 1, max_tool_calls: 5}\n"
        "  rates: [{scope: agent, max: 9, per: 1m}]\n  blast_radius: [{scope: run, max: 3}]\n"
    )
    inside = judge(call("pay"), world(HEAD + limits))
    beyond = judge(call("pay"), world(HEAD.replace("pay, ", "") + limits, GRANT))
    assert beyond.verdict == Verdict.APPROVE
    assert [claim for claim in beyond.claims if type(claim) is not Deadline] == list(inside.claims)
    assert (beyond.reserve, beyond.always, beyond.cost_micros) == (
        inside.reserve,
        inside.always,
        inside.cost_micros,
    )


def test_waivable_are_the_policys_own_rules_and_no_more():
    """No cap, kill, contract, mode, check of form, or anything that could not be judged."""
    assert {code for code, entry in TABLE.items() if entry.waivable} == {
        Code.TOOL_DENIED,
        Code.TOOL_NOT_ALLOWED,
        Code.RULE_DENIED,
        Code.CEDAR_DENIED,
        Code.HELD_BY_RULE,
        Code.DRAFTED,
    }
    assert not waivable(Reason(Code.DRAFTED, "mode"))
    assert not waivable(Reason("OF_A_LATER_VERSION", "x"))


@given(st.integers(0, 400))
def test_a_grant_widens_the_policys_own_rules_and_nothing_else(seed):
    """Random policies and calls: a verdict differs only where every reason may be waived, and claims stay the same."""
    random = Random(seed)
    written = tightening.written(random)
    policy = written.loaded()
    with_grant = changed(policy, control=ControlState().apply(changed(GRANT, expires_at=10**12), 0))
    for offset, (time_ms, intent) in enumerate(tightening.intents(random, 12)):
        envelope = Envelope("intents", 0, offset, time_ms, intent.run_id.encode(), b"")
        one = judge(Case(envelope, intent, "d"), policy)
        other = judge(Case(envelope, intent, "d"), with_grant)
        if other.grant is None:
            assert other == one
            continue
        assert one.tool is not None
        assert one.tool.effect != "irreversible"
        assert all(map(waivable, one.reasons))
        assert other.waived == one.reasons
        if other.verdict == Verdict.APPROVE and one.verdict != Verdict.DENY:
            asked = [claim for claim in one.claims if type(claim) is not Remember]
            assert [claim for claim in other.claims if type(claim) is not Deadline] == asked
            assert other.always == one.always
