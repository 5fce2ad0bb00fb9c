"""Approvals: which calls wait for people, how many of which roles must approve, and until when."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgate.processors.approval_terms import ApprovalTerms, terms_of
from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.world import World
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent

H = 3_600_000
DAY = 24 * H
TOOLS = json.dumps(
    {
        "tools": [
            {
                "name": name,
                "effect": effect,
                "records": [],
                "draft": "proposal",
                "params": {"properties": {"n": {"type": "integer"}}, "required": ["n"]},
            }
            for name, effect in (
                ("look", "read"),
                ("pay", "write"),
                ("refund_card", "write"),
                ("close", "write"),
            )
        ]
    }
).encode()
LARGE = {"id": "large", "tools": ["pay", "look"], "when": "params.n > 5", "then": "hold", "because": "large"}
HUGE = {**LARGE, "id": "huge", "when": "params.n > 50"}
OF_CFO = {**LARGE, "roles": ["cfo"]}
MALLORY = {"id": "who", "when": 'agent.id == "mallory"', "because": "not hers"}
HIGHEST = {"tier": "security_access", "rules": [MALLORY]}


def judged(tool="pay", n=1, ttl_ms=None, **policy):
    """A call under a policy with these keys, judged."""
    written = {"workflow_id": "w", "allowed_tools": ["look", "pay", "refund_card", "close"], **policy}
    policies = from_files({"tools.yaml": TOOLS, "policy.yaml": json.dumps({"policy": written}).encode()})
    intent = Intent(
        intent_id="i",
        kind="call",
        tenant="default",
        workflow_id="w",
        run_id="r",
        agent_id="a",
        tool=tool,
        params=json.dumps({"n": n}),
        ttl_ms=ttl_ms,
    )
    case = Case(Envelope("intents", 0, 0, 1_000, b"r", b""), intent, "d")
    return judge(case, World(policies, ControlState(), Keyring.insecure()))


def rules_of(case):
    """Who spoke."""
    return [reason.rule for reason in case.reasons]


@pytest.mark.parametrize(
    ("entry", "held"),
    [
        ({}, ["pay", "refund_card", "close"]),  # whatever writes
        ({"tools": ["pay"]}, ["pay"]),
        ({"tools": ["pay", "refund_*"]}, ["pay", "refund_card"]),
        ({"tools": ["look"]}, ["look"]),  # a read too, where it is named
        ({"tools": ["*"]}, ["look", "pay", "refund_card", "close"]),
        ({"rules": ["large"], "approvers": 2}, []),  # holds nothing itself
    ],
)
def test_calls_that_would_be_approved_wait_for_people(entry, held):
    """Those of the tools that an entry without rules is about, and no others."""
    for tool in ("look", "pay", "refund_card", "close"):
        case = judged(tool, approvals=[entry], rules=[LARGE])
        codes = [(reason.code, reason.rule) for reason in case.reasons]
        assert codes == ([("HELD_BY_RULE", "approvals[0]")] if tool in held else [])
        assert case.verdict == (Verdict.HOLD if tool in held else Verdict.APPROVE)
        assert case.reserve is None or tool not in held


def test_people_and_agents_are_told_which_entry_holds():
    """And what that means, in a sentence; several entries are told, each by its place."""
    case = judged(approvals=[{"tools": ["close"]}, {"tools": ["pay"]}, {}])
    assert [(reason.rule, reason.because) for reason in case.reasons] == [
        ("approvals[1]", "every call of pay waits for people"),
        ("approvals[2]", "every call of pay waits for people"),
    ]


DENY_ALL = {**MALLORY, "when": 'agent.id == "a"'}


@pytest.mark.parametrize(
    ("policy", "verdict", "rules"),
    [
        ({"denied_tools": ["pay"]}, Verdict.DENY, ["denied_tools"]),
        ({"mode": "read_only"}, Verdict.DENY, ["mode", "approvals[0]"]),
        ({"rules": [DENY_ALL]}, Verdict.DENY, ["who", "approvals[0]"]),
        ({"mode": "draft_only"}, Verdict.HOLD, ["approvals[0]", "mode"]),
        ({"mode": "shadow"}, Verdict.RECORDED, ["mode"]),
        (HIGHEST, Verdict.HOLD, ["approvals[0]", "tier"]),
    ],
)
def test_what_is_more_severe_decides(policy, verdict, rules):
    """An entry holds as a rule with `then: hold` does: a denial stays one, in shadow nothing waits."""
    case = judged(approvals=[{}], **policy)
    assert (case.verdict, rules_of(case)) == (verdict, rules)


ANYBODY, ABOUT_LARGE = ("approver",), {"rules": ["large"], "approvers": 2}
ABOUT_HUGE = {"rules": ["huge"], "approvers": 2}
HELD = [
    # n, rules, approvals, and what is needed. Without entries: what it always was.
    (6, [LARGE], [], (1, ANYBODY, DAY)),
    (6, [OF_CFO], [], (1, ("cfo",), DAY)),
    # An entry of its own.
    (1, [], [{}], (1, ANYBODY, DAY)),
    (1, [], [{"approvers": 3, "roles": ["b", "a"], "expires": "4h"}], (3, ("b", "a"), 4 * H)),
    # Of several about the tool the most people and the shortest time count, and each of their roles.
    (1, [], [{"approvers": 2, "expires": "5h"}, {"expires": "2h", "roles": ["a"]}], (2, ("a",), 2 * H)),
    (1, [], [{"roles": ["b", "a"]}, {"roles": ["a", "b"]}], (1, ("b", "a"), DAY)),
    (1, [], [{"tools": ["close"], "approvers": 8, "expires": "1m", "roles": ["x"]}, {}], (1, ANYBODY, DAY)),
    # An entry about rules speaks of what these hold, and of nothing else.
    (6, [OF_CFO], [ABOUT_LARGE], (2, ("cfo",), DAY)),
    (6, [LARGE], [{"rules": ["large"], "roles": ["lead"]}], (1, ("lead",), DAY)),
    (6, [LARGE, HUGE], [ABOUT_HUGE], (1, ANYBODY, DAY)),
    (60, [LARGE, HUGE], [ABOUT_HUGE], (2, ANYBODY, DAY)),
    (60, [LARGE, HUGE], [{"rules": ["huge", "large"], "expires": "2h"}], (1, ANYBODY, 2 * H)),
    (6, [LARGE], [ABOUT_LARGE | {"tools": ["look"]}], (1, ANYBODY, DAY)),
    (1, [LARGE], [ABOUT_LARGE | {"approvers": 4, "roles": ["x"]}, {"approvers": 2}], (2, ANYBODY, DAY)),
    # Whoever decides on what rules hold decides also where an entry holds it and names nobody.
    (1, [OF_CFO], [{}], (1, ("cfo",), DAY)),
]


@pytest.mark.parametrize(("n", "rules", "approvals", "terms"), HELD)
def test_terms_are_the_strictest_of_all_that_speak(n, rules, approvals, terms):
    """Most people, shortest time; who names roles names the same (bad_policies)."""
    policy = {"rules": rules} if rules else {}
    case = judged(n=n, approvals=approvals, **policy)
    assert case.verdict == Verdict.HOLD
    assert terms_of(case) == ApprovalTerms(*terms)


@pytest.mark.parametrize(
    ("entries", "owners", "answer_ms"),
    [
        ([{}], (), H),
        ([{"expires": "30m"}], (), H // 2),
        ([{"owner": "desk", "answer_within": "2h"}], ("desk",), 2 * H),
        ([{"owner": "desk", "answer_within": "2h", "expires": "1h"}], ("desk",), H),
        (
            [{"owner": "desk", "answer_within": "2h"}, {"owner": "risk", "answer_within": "20m"}],
            ("desk", "risk"),
            H // 3,
        ),
        ([{"owner": "desk"}, {"owner": "desk"}], ("desk",), H),
        ([{}, {"rules": ["large"], "owner": "risk"}], (), H),
    ],
    ids=str,
)
def test_who_sees_to_it_and_how_soon(entries, owners, answer_ms):
    """Each owner of the entries about it, the shortest time; never longer than it waits."""
    terms = terms_of(judged(n=1, rules=[LARGE], approvals=entries))
    assert (terms.owners, terms.answer_ms) == (owners, answer_ms)


def test_an_entry_about_a_rule_speaks_of_every_tool_that_it_holds():
    """Also of one that reads."""
    case = judged("look", 6, rules=[LARGE], approvals=[ABOUT_LARGE])
    assert (rules_of(case), terms_of(case).approvers) == (["large"], 2)


@pytest.mark.parametrize(("entry", "approvers"), [(None, 2), ({"expires": "1h"}, 2), ({"approvers": 3}, 3)])
def test_the_number_of_a_tier_is_the_least(entry, approvers):
    """An entry that names none takes it; one below it does not load (bad_policies)."""
    case = judged(**HIGHEST, approvals=[entry] if entry else [])
    assert terms_of(case).approvers == approvers


@pytest.mark.parametrize(
    ("ttl_ms", "policy", "wait_ms"),
    [
        (30_000, {"approvals": [{"expires": "1m"}]}, 30_000),
        (90_000, {"approvals": [{"expires": "1m"}]}, 60_000),
        (2 * DAY, {"approvals": [{}]}, DAY),
        (H, HIGHEST, H),
    ],
)
def test_nobody_is_asked_for_longer_than_the_agent_waits(ttl_ms, policy, wait_ms):
    """What it no longer wants is not approved any more."""
    assert terms_of(judged(ttl_ms=ttl_ms, **policy)).wait_ms == wait_ms


ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.lists(st.sampled_from(["pay", "look", "refund_*", "*"]), min_size=1, max_size=2),
        "approvers": st.integers(1, 8),
        "roles": st.just(["cfo"]),
        "expires": st.sampled_from(["1m", "90m", "4h", "24h"]),
    },
)
WITH_RULES = ENTRIES.map(lambda entry: {"expires": "24h", **entry, "tools": ["*"], "rules": ["large"]})
POLICIES = st.fixed_dictionaries(
    {"rules": st.sampled_from([[LARGE], [OF_CFO], [LARGE, {**DENY_ALL, "tools": ["close"]}]])},
    optional={
        "mode": st.sampled_from(["enforce", "draft_only", "read_only", "shadow"]),
        "denied_tools": st.just(["refund_card"]),
    },
)
RANK = [Verdict.APPROVE, Verdict.RECORDED, Verdict.DRAFT, Verdict.HOLD, Verdict.DENY]


@settings(max_examples=150)
@given(
    POLICIES,
    st.lists(ENTRIES | WITH_RULES, max_size=3),
    ENTRIES | WITH_RULES,
    st.sampled_from(["look", "pay", "refund_card", "close"]),
    st.integers(4, 7),
)
def test_an_entry_more_never_loosens(policy, entries, added, tool, n):
    """No verdict becomes milder; what was held waits for no fewer people and no longer."""
    before = judged(tool, n, **policy, approvals=entries)
    after = judged(tool, n, **policy, approvals=[*entries, added])
    assert RANK.index(after.verdict) >= RANK.index(before.verdict)
    assert "rules" not in added or after.verdict == before.verdict
    if before.verdict == Verdict.HOLD == after.verdict:
        old, new = terms_of(before), terms_of(after)
        assert new.approvers >= old.approvers
        assert new.wait_ms <= old.wait_ms
        assert added.get("roles") or new.roles == old.roles


def test_the_order_of_entries_changes_only_that_of_roles():
    """Whoever writes one above another decides nothing by it."""
    entries = [{"approvers": 2, "roles": ["a", "b"]}, {"expires": "1h", "roles": ["b", "a"]}]
    one, other = (terms_of(judged(approvals=order)) for order in (entries, entries[::-1]))
    assert (one.approvers, one.wait_ms, set(one.roles)) == (other.approvers, other.wait_ms, set(other.roles))
