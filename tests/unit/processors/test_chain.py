"""The chain as a whole: its order, and the laws that hold for every intent and policy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgate.processors import chain
from toolgate.processors.chain import CHAIN, judge, printed
from toolgate.processors.claims import Charge, Count, Distinct, Forbid
from toolgate.processors.control_state import ControlState
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control

LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TOOLS = ("read_invoice", "compute_proration", "create_adjustment_draft", "execute_refund", "discard_draft")
HEAD = "policy:\n  workflow_id: billing_adjustments_v3\n"


def policy(allowed, denied, mode="enforce", caps=(12, "0.35", 5)):
    """The text of a policy; caps are on calls, cost and records."""
    calls, cost, radius = caps
    return (
        f"{HEAD}  mode: {mode}\n  allowed_tools: {sorted(allowed)}\n  denied_tools: {sorted(denied)}\n"
        f"  limits: {{max_tool_calls: {calls}, max_cost_usd: {cost}}}\n"
        f"  blast_radius: [{{scope: run, records: invoice_id, max: {radius}}}]\n"
    )


@pytest.fixture
def around(world):
    """One world for all examples of a law."""
    return world()


def test_prints_itself_with_a_line_for_each_processor():
    """Whoever asks what the gate looks at, and in which order, is told by the gate."""
    shown = subprocess.run(
        [sys.executable, "-m", "toolgate.processors.chain"], capture_output=True, text=True, check=True
    ).stdout
    assert shown == printed()
    assert [line.split()[0] for line in shown.splitlines()] == [
        "identity",
        "control",
        "contract",
        "access",
        "run_contract",
        "rules",
        "cedar",
        "break_glass",
        "limits",
        "size",
    ]
    assert [processor.__name__ for processor in CHAIN] == [line.split()[0] for line in shown.splitlines()]


def test_a_denial_has_every_reason_the_most_severe_first(case, world):
    """A killed, unlisted, unfitting call says all three, and asks for nothing."""
    state = ControlState().apply(Control("c", "kill", "run", "r1", "stop", ()), 0)
    judged = judge(case(tool="execute_refund", params="{}", tool_version="9"), world(control=state))
    assert [reason.code for reason in judged.reasons] == [
        Code.KILLED,
        Code.TOOL_VERSION,
        Code.TOOL_DENIED,
        Code.PARAMS_SCHEMA,
    ]
    assert (judged.verdict, judged.claims, judged.reserve) == (Verdict.DENY, (), None)
    assert judged.always
    assert judged.on_deny


@pytest.mark.parametrize("error", [RuntimeError("secret"), RecursionError(), MemoryError(), AssertionError()])
@pytest.mark.parametrize("place", range(len(CHAIN)))
def test_what_cannot_be_judged_is_denied(place, error, case, world, monkeypatch):
    """An exception of any processor denies; its message, which may quote the agent, is left out."""

    def broken(case, world):
        raise error

    monkeypatch.setattr(chain, "CHAIN", (*CHAIN[:place], broken, *CHAIN[place + 1 :]))
    judged = judge(case(), world())
    assert [reason.code for reason in judged.reasons] == [Code.CANNOT_JUDGE]
    assert "secret" not in repr(judged.reasons)
    assert (judged.verdict, judged.claims, judged.reserve) == (Verdict.DENY, (), None)


def test_a_panic_of_a_library_is_denied(case, world, monkeypatch):
    """Rust panics come as BaseException."""

    class PanicError(BaseException):
        pass

    def broken(case, world):
        raise PanicError

    monkeypatch.setattr(chain, "CHAIN", (broken,))
    assert judge(case(), world()).verdict == Verdict.DENY


def test_an_interrupt_still_stops_the_process(case, world, monkeypatch):
    """Who stops the gate stops it; nothing is decided."""

    def broken(case, world):
        raise KeyboardInterrupt

    monkeypatch.setattr(chain, "CHAIN", (broken,))
    with pytest.raises(KeyboardInterrupt):
        judge(case(), world())


@LAW
@given(params=st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_params_are_judged(params, case, around):
    """Whatever stands in params, there is a verdict, and it is no approval."""
    judged = judge(case(params=params), around)
    assert judged.verdict == Verdict.DENY
    assert Code.CANNOT_JUDGE not in {reason.code for reason in judged.reasons}


TEXTS = st.text(max_size=6) | st.sampled_from(["r1", "a1", "default", "read_invoice", "x" * 300])


@LAW
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(
                ("intent_id", "kind", "tenant", "workflow_id", "run_id", "agent_id", "tool"), TEXTS
            ),
            **dict.fromkeys(("tool_version", "run_outcome"), st.none() | TEXTS),
            **dict.fromkeys(("declared_cost_micros", "results_seen_to", "ttl_ms"), st.none() | st.integers()),
            "declared_records": st.lists(TEXTS, max_size=3).map(tuple),
        },
    )
)
def test_any_fields_are_judged(fields, case, around):
    """Whatever stands in the other fields, there is a verdict with reasons or with claims."""
    judged = judge(case(**fields), around)
    assert bool(judged.reasons) is (judged.verdict == Verdict.DENY)
    assert bool(judged.claims) is (judged.verdict == Verdict.APPROVE)
    assert Code.CANNOT_JUDGE not in {reason.code for reason in judged.reasons}


def passes(judged, used):
    """Whether a ledger whose accounts stand at `used` takes every claim of a judged case."""
    return judged.verdict == Verdict.APPROVE and all(room(claim, used) for claim in judged.claims)


def room(claim, used):
    """Whether one claim has room."""
    if isinstance(claim, Charge | Count):
        return (
            claim.max is None or used + (claim.amount if isinstance(claim, Charge) else claim.n) <= claim.max
        )
    if isinstance(claim, Distinct):
        return used + len(claim.records) <= claim.max
    return not isinstance(claim, Forbid) or used < claim.n


CAPS = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
SUBSETS = st.sets(st.sampled_from(TOOLS))
CALLS = [{"tool": tool, "params": '{"invoice_id":"I"}'} for tool in TOOLS if tool != "compute_proration"]


@LAW
@given(allowed=SUBSETS, denied=SUBSETS, mode=st.sampled_from(["enforce", "read_only"]))
def test_deny_wins(allowed, denied, mode, case, world):
    """A denied tool is refused whatever else names it; an approved one is allowed and not denied."""
    around = world(policy(allowed | {"read_invoice"}, denied, mode))
    for fields in CALLS:
        judged = judge(case(**fields), around)
        if fields["tool"] in denied:
            assert Code.TOOL_DENIED in {reason.code for reason in judged.reasons}
        if judged.verdict == Verdict.APPROVE:
            assert fields["tool"] in (allowed | {"read_invoice"}) - denied


@LAW
@given(
    names=st.tuples(SUBSETS, SUBSETS, SUBSETS, SUBSETS),
    caps=st.tuples(CAPS, CAPS),
    used=st.integers(0, 6),
)
def test_tightening_never_approves_what_was_denied(names, caps, used, case, world):
    """Fewer tools, more denials and lower caps only ever take away."""
    allowed, denied, fewer, more = names
    loose = world(policy(allowed | {"read_invoice"}, denied, caps=caps[0]))
    least = tuple(map(min, *caps))
    tight = world(policy((allowed & fewer) | {"read_invoice"}, denied | more, caps=least))
    for fields in CALLS:
        before, after = (passes(judge(case(**fields), around), used) for around in (loose, tight))
        assert before or not after


def test_judging_twice_gives_the_same_case(case, world):
    """Nothing but the case and the world decides."""
    around = world()
    for fields in ({}, {"tool": "execute_refund"}, {"params": "["}):
        made = case(**fields)
        assert judge(made, around) == judge(changed(made), around)
