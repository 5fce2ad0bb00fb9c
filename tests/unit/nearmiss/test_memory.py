"""Denial memory: an effect that was denied and got through another way is linked, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from console_site import NOW, denial, event
from hypothesis import given
from hypothesis import strategies as st

from toolgate.nearmiss.approvals import Approvals, approval_of
from toolgate.nearmiss.bodies import Body
from toolgate.nearmiss.memory import MEMORY_MS, Way, candidates, got_through
from toolgate.processors.loader import from_files
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Op, Reason

LARGE = Reason("RULE_DENIED", "large")
TOOLS = from_files(
    {
        "tools.yaml": b"""tools:
  - {name: pay, effect: write, system: bank, records: [id], params: {properties: {id: {type: string}}}}
  - {name: refund, effect: write, system: bank, records: [id], params: {properties: {id: {type: string}}}}
  - {name: look, effect: read, system: bank, records: [id], params: {properties: {id: {type: string}}}}
  - {name: mail, effect: write, system: post, records: [id], params: {properties: {id: {type: string}}}}
""",
        "policy.yaml": b"policy: {workflow_id: refunds_v1, allowed_tools: [pay]}\n",
    }
).tools
DENIED = denial(10, LARGE, params_digest="whole")


def body(records: str, **numbers: float) -> Body:
    """What a call says."""
    amounts = {f"params.{name}": Decimal(str(value)) for name, value in numbers.items()}
    return Body(frozenset(records.split()) or None, amounts)


def ways(*later, denied=DENIED, said=None, tools=TOOLS):
    """How a denial got through: events behind it, with what each says, and its own intent's."""
    approvals = Approvals()
    bodies = {} if said is None else {(0, denied.offset): said}
    for seq, (fields, says) in enumerate(later, 11):
        approvals.take(event(seq, **fields))
        bodies |= {(0, seq): says} if says else {}
    found = got_through([denied], approvals, tools, bodies)
    return [(one.way, one.scope, *one.commands) for one in found]


@pytest.mark.parametrize(
    ("fields", "says", "way"),
    [
        ({"params_digest": "whole"}, None, Way.UNCHANGED),
        ({"params_digest": "other"}, body("a", usd=500), Way.WORDS),
        ({"params_digest": "other"}, body("a", usd=900), Way.WORDS),
        ({"params_digest": "other"}, body("a", usd=499), None),
        ({"params_digest": "other"}, body("b", usd=500), None),
        ({"params_digest": "other"}, body("a b", usd=500), None),
        ({"params_digest": "other"}, None, None),
        ({"tool": "refund"}, body("a", usd=500), Way.TOOL),
        ({"tool": "refund"}, body("a", other=1), Way.TOOL),
        ({"tool": "refund"}, body("a", usd=20), None),
        ({"tool": "refund"}, body("b", usd=500), None),
        ({"tool": "look"}, body("a"), None),
        ({"tool": "mail"}, body("a", usd=500), None),
        ({"tool": "gone"}, body("a", usd=500), None),
        ({"params_digest": "whole", "workflow_id": "other"}, None, None),
        ({"params_digest": "whole", "tenant": "acme"}, None, None),
        ({"params_digest": "whole", "verdict": "DENY"}, None, None),
        ({"params_digest": "whole", "command_id": ""}, None, None),
        ({"params_digest": "whole", "clk": NOW + MEMORY_MS + 1}, None, None),
    ],
)
def test_one_call_of_the_same_effect_is_linked(fields, says, way):
    """Its tool on the same records with as much moved, or another that also writes to its system."""
    found = ways((fields, says), said=body("a", usd=500))
    assert found == ([(way, "run", "0-11")] if way else [])


def test_what_came_before_is_not_linked():
    """It got through before anybody said no."""
    approvals = Approvals()
    approvals.take(event(9, params_digest="whole"))
    assert got_through([DENIED], approvals, TOOLS, {}) == []


@pytest.mark.parametrize(
    ("run", "agent", "scope"),
    [("run-1", "agent-1", "run"), ("run-2", "agent-1", "agent"), ("run-2", "agent-2", "workflow")],
)
def test_parts_add_up_in_the_narrowest_scope(run, agent, scope):
    """Five of a hundred for one of five hundred on the same record; those of another, or as large, are none."""
    part = {"params_digest": "part", "run_id": run, "agent_id": agent}
    later = [(part, body("a", usd=100))] * 2 + [(part, body("b", usd=400))] + [(part, body("a", usd=100))] * 4
    found = ways(*later, said=body("a", usd=500))
    assert found == [(Way.PARTS, scope, "0-11", "0-12", "0-14", "0-15", "0-16")]
    assert ways(*later[:5], said=body("a", usd=500)) == []


def test_parts_by_cost_are_seen_in_the_audit_alone():
    """Without any intent."""
    denied = denial(10, LARGE, records=("a",), cost_micros=90_000)
    part = {"cost_micros": 50_000, "params_digest": "part", "ops": touching("a")}
    assert ways((part, None), (part, None), denied=denied, tools={}) == [(Way.PARTS, "run", "0-11", "0-12")]
    assert ways((part, None), (part | {"ops": touching("b")}, None), denied=denied, tools={}) == []


def test_parts_by_records_cover_them():
    """Each on some of the records, together on all."""
    denied = denial(10, LARGE, records=("a", "b", "c"))
    some = [
        ({"params_digest": "part", "ops": touching(*records)}, None)
        for records in (("a", "b"), ("b",), ("c",))
    ]
    assert ways(*some, denied=denied, tools={}) == [(Way.PARTS, "run", "0-11", "0-13")]
    assert ways(*some[:2], denied=denied, tools={}) == []


def test_a_number_of_what_only_reads_is_no_amount():
    """A page of ten is not two pages of five."""
    denied = denial(10, LARGE, tool="look", params_digest="whole")
    later = [({"tool": "look", "params_digest": "p"}, body("a", page=5))] * 2
    assert ways(*later, denied=denied, said=body("a", page=10)) == []


@given(st.integers(2, 60), st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 70)), max_size=12))
def test_parts_are_just_as_many_as_it_takes(wanted, calls):
    """They add up to it, and without the last they do not."""
    later = [({"params_digest": f"p{n}"}, body(record, usd=usd)) for n, (record, usd) in enumerate(calls)]
    found = [one for one in ways(*later, said=body("a", usd=wanted)) if one[0] == Way.PARTS]
    parts = [(n, usd) for n, (record, usd) in enumerate(calls) if record == "a" and usd < wanted]
    if not found:
        assert sum(usd for _, usd in parts) < wanted
        return
    [(_, _, *commands)] = found
    taken = [usd for n, usd in parts if f"0-{11 + n}" in commands]
    assert len(taken) == len(commands) >= 2
    assert sum(taken) >= wanted > sum(taken[:-1])


def test_what_is_worth_reading_has_a_bound():
    """The first, each once."""
    approvals = Approvals()
    for seq in range(11, 40):
        approvals.take(event(seq))
    found = candidates([DENIED, DENIED], approvals, 7)
    assert [one.seq for one in found] == [*range(11, 18)]
    assert found[0].place == (0, 11)


def test_an_approval_says_what_it_reserved_and_touched():
    """Records of the tool's own sets, not of others; amounts by unit, the largest part; what the policy captures."""
    parts = (("run:r:cost", "usd_micros", 7, 9, "spend", 0), ("w", "goodwill_usd", 20, 500, "spend", 0))
    found = approval_of(
        changed(
            event(1),
            ops=(
                Op(
                    "reserve",
                    ("0-1", 1, "d", "pay", (*parts, ("x", "calls", 1, 1, "spend", 0)), (("set", 0, 0),)),
                ),
                Op("window", ("set", ("a", "b"), 0, 0)),
                Op("window", ("beside", ("mail@x",), 0, 0)),
            ),
            captured='{"records":["c"]}',
        )
    )
    assert found is not None
    assert found.records == {"a", "b", "c"}
    assert found.amounts == {"usd_micros": 10_000, "goodwill_usd": 20}
    assert approval_of(changed(event(1), captured='{"records":5}')).records is None


def test_approvals_are_forgotten_in_the_order_they_came():
    """From every shelf they stand on; what is left is found as before."""
    approvals = Approvals(kept=3)
    for seq in (11, 13, 12, 14, 15):
        approvals.take(event(seq, ops=touching(f"r{seq}")))
    assert [one.seq for one in approvals.after(DENIED, NOW + MEMORY_MS, ())] == [12, 14, 15]
    assert [one.seq for one in approvals.before(denial(99), 2)] == [14, 15]
    assert len(approvals._shelves) == 2 + 3


def test_knows_what_a_workflow_was_approved_before():
    """In every run, in order, the last of it."""
    approvals = Approvals()
    kinds = ({}, {"run_id": "x"}, {"verdict": "DENY"}, {"workflow_id": "w"}, {"command_id": ""}, {}, {})
    for seq, fields in enumerate(kinds):
        approvals.take(event(seq, **fields))
    assert [one.seq for one in approvals.before(denial(6), 9)] == [0, 1, 5]
    assert [one.seq for one in approvals.before(denial(6), 2)] == [1, 5]


def touching(*records: str) -> tuple[Op, ...]:
    """The operations of a call that touched records."""
    return (Op("reserve", ("0-1", 1, "d", "pay", (), (("set", 0, 0),))), Op("window", ("set", records, 0, 0)))
