"""What would let a cluster through: which keys, how many denials, and how the file looks then."""

from __future__ import annotations

import pytest
from console_site import NOW, denial
from hypothesis import given
from hypothesis import strategies as st
from missed import POLICY, TOOLS

from toolgate.nearmiss.changes import changes, why_none
from toolgate.nearmiss.clusters import Clusters
from toolgate.nearmiss.edits import edited
from toolgate.nearmiss.misses import Filters
from toolgate.processors.loader import from_files
from toolgate.processors.problems import LoadError
from toolgate.schemas.records import Reason

CENT = 10_000
NEXT = "\n        "


def cluster(*denials):
    """The one cluster of some denials."""
    made = Clusters()
    for one in denials:
        made.take(one, NOW)
    [found] = made.ranked(Filters(), NOW)
    return found.cluster


def by_cost(distance: int, limit: int = 35 * CENT) -> Reason:
    """Over the cost of a run."""
    return Reason(
        "BUDGET_EXCEEDED", "limits.max_cost_usd", "", "run", "usd_micros", 7 * CENT, limit, distance
    )


def by_calls(distance: int) -> Reason:
    """Over the calls of a run."""
    return Reason("CALLS_EXCEEDED", "limits.max_tool_calls", "", "run", "calls", 1, 30, distance)


def test_most_and_all():
    """A cent is enough for twelve of fourteen; for all it takes more."""
    cents = [1] * 12 + [60] * 2
    found = changes(cluster(*(denial(n, by_cost(more * CENT)) for n, more in enumerate(cents))))
    assert list(map(str, found)) == [
        "limits.max_cost_usd: 0.35 -> 0.36 lets 12 of 14 through one by one",
        "limits.max_cost_usd: 0.35 -> 0.95 lets 14 of 14 through one by one",
    ]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (
            (by_cost(CENT), by_calls(2)),
            "limits.max_cost_usd: 0.35 -> 0.36, limits.max_tool_calls: 30 -> 32 lets 1 of 1 through one by one",
        ),
        (
            (Reason("BLAST_RADIUS", "blast_radius[1]", "", "workflow", "records", 20, 50, 7),),
            "blast_radius[1].max: 50 -> 57 lets 1 of 1 through one by one",
        ),
        (
            (Reason("BUDGET_EXCEEDED", "budgets[0]", "", "workflow", "goodwill_usd", 20, 500, 2),),
            "budgets[0].max: 500 -> 502 lets 1 of 1 through one by one",
        ),
        ((Reason("RULE_DENIED", "large"),), "rules.large.then: deny -> hold asks people about 1 of 1"),
        ((Reason("TOOL_NOT_ALLOWED", "allowed_tools"),), "allowed_tools: + pay lets 1 of 1 through"),
    ],
)
def test_each_reason_has_its_key(reasons, told):
    """All of them would have to change."""
    assert [str(one) for one in changes(cluster(denial(1, *reasons)))] == [told]


def of_all(asked: int, level: int, limit: int = 500) -> Reason:
    """Over an account of the workflow that stands at `level`."""
    over = level + asked - limit
    return Reason("BUDGET_EXCEEDED", "budgets[0]", "", "workflow", "goodwill_usd", asked, limit, over)


def test_those_of_one_account_need_more_together():
    """One more dollar lets each through alone; all of them want what all of them ask."""
    found = changes(cluster(*(denial(n, of_all(4, 497)) for n in range(122))))
    assert list(map(str, found)) == [
        "budgets[0].max: 500 -> 501 lets 122 of 122 through one by one",
        "budgets[0].max: 500 -> 985 lets 122 of 122 through together",
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(490, 500)), min_size=1, max_size=20))
def test_together_there_is_room_for_all(asks):
    """Wherever the account stood, and whatever each asked."""
    asks = [(asked, level) for asked, level in asks if asked + level > 500] or [(9, 500)]
    found = changes(cluster(*(denial(n, of_all(*ask)) for n, ask in enumerate(asks))))
    limit = int(found[-1].keys[0].then)
    assert limit == max(level for _, level in asks) + sum(asked for asked, _ in asks)
    assert found[-1].lets == len(asks)


def above(asked: int, limit: int = 100, *, orequal: bool = False) -> Reason:
    """Denied by a rule that compares."""
    return Reason("RULE_DENIED", "large", "", "", "usd", asked, limit, asked - limit + orequal)


def test_a_rule_that_compares_has_a_number_and_may_ask_people():
    """The number is told first; the other way round where the rule wants at least so much."""
    found = cluster(denial(1, above(300)), denial(2, above(120)))
    assert list(map(str, changes(found))) == [
        "rules.large.when: 100 -> 300 lets 2 of 2 through",
        "rules.large.then: deny -> hold asks people about 2 of 2",
    ]
    least = Reason("RULE_DENIED", "young", "", "", "age", 11, 18, 7)
    least_of_all = Reason("RULE_DENIED", "young", "", "", "age", 15, 18, 3)
    found = cluster(denial(1, least), *[denial(2, least_of_all)] * 9)
    assert list(map(str, changes(found)))[:2] == [
        "rules.young.when: 18 -> 15 lets 9 of 10 through",
        "rules.young.when: 18 -> 11 lets 10 of 10 through",
    ]


@pytest.mark.parametrize(
    ("when", "reason", "found"),
    [
        ("params.usd > 100", above(300), "params.usd > 300"),
        ("params.usd>=100", above(300, orequal=True), "params.usd>=301"),
        ("100 < params.usd && params.pages < 100", above(300), "300 < params.usd && params.pages < 100"),
        (
            f">-{NEXT}params.usd > 100{NEXT}&& params.pages > 1000",
            above(300),
            f">-{NEXT}params.usd > 300{NEXT}&& params.pages > 1000",
        ),
        ("params.usd < 100", Reason("RULE_DENIED", "large", "", "", "usd", 30, 100, 70), "params.usd < 30"),
        ("params.usd > 100 && params.pages > 100", above(300), ""),
        ("params.usd == 100", above(100, orequal=True), ""),
    ],
)
def test_the_number_of_a_condition_is_changed_where_it_is_compared(when, reason, found):
    """In the one place where it stands for that; with none or several nobody can say which."""
    head = "policy:\n  workflow_id: refunds_v1\n  allowed_tools: [pay]\n  rules:\n    - id: large\n"
    policy = f"{head}      when: {when}\n      because: so\n"
    tools = (
        TOOLS.replace(b"card: {type: string}", b"usd: {type: integer}, pages: {type: integer}")
        .replace(b"required: [id]", b"required: [id, usd, pages]")
        .replace(b"    redact: [params.card]\n", b"")
    )
    change = changes(cluster(denial(1, reason)))[0]
    files = {"tools.yaml": tools, "policy.yaml": policy.encode()}
    if not found:
        with pytest.raises(LoadError, match="just one place"):
            edited(files, "default", "refunds_v1", change)
        return
    made = edited(files, "default", "refunds_v1", change)
    assert made["policy.yaml"].decode() == policy.replace(when, found)


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Reason("PARAMS_SCHEMA", "params"), "the agent has to repair the call"),
        (Reason("RATE_LIMITED", "rates[0]", "", "run", "ms", None, None, 900), "waiting is enough"),
        (Reason("BUDGET_EXCEEDED", "contract.max_cost_usd", "", "run", "usd_micros", 1, 2, 3), "contract"),
        (Reason("HISTORY_EXCEEDED", "once", "", "run", "calls", 1, 1, 1), "no single value"),
        (Reason("KILLED", "kill"), "an operator"),
    ],
)
def test_what_no_policy_decides_has_none(reason, why):
    """And says why; beside a reason that has a key, too."""
    for reasons in ((reason,), (by_cost(CENT), reason)):
        found = cluster(denial(1, *reasons))
        assert changes(found) == []
        assert why in why_none(found)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5)), min_size=1, max_size=30))
def test_a_change_lets_through_what_it_says(distances):
    """As counted one by one; the last for all, each for more than the one before, the first for most of them."""
    denials = [
        denial(n, by_cost(cents * CENT), by_calls(calls)) for n, (cents, calls) in enumerate(distances)
    ]
    found = changes(cluster(*denials))
    for one in found:
        cost, calls = (float(one.keys[0].then), int(one.keys[1].then))
        lets = sum(round(0.35 + cents / 100, 2) <= cost and 30 + more <= calls for cents, more in distances)
        assert (one.lets, one.of) == (lets, len(distances))
    assert found[-1].lets == len(distances)
    assert [one.lets for one in found] == sorted({one.lets for one in found})


def test_a_change_is_made_in_its_file_and_nowhere_else():
    """One value; comments, order and every other file stay as they are."""
    policy = b"# ours\n" + POLICY.rstrip() + b"  # tight\n"
    files = {"tools.yaml": TOOLS, "policy.yaml": policy}
    reason = Reason("BUDGET_EXCEEDED", "budgets[0]", "", "workflow", "usd_micros", CENT, 2 * CENT, CENT)
    [change] = changes(cluster(denial(1, reason)))
    made = edited(files, "default", "refunds_v1", change)
    assert made == {**files, "policy.yaml": policy.replace(b"max: 0.02", b"max: 0.03")}


@pytest.mark.parametrize(
    ("written", "reason", "found"),
    [
        ("limits:\n    max_cost_usd: '0.35'\n", by_cost(CENT), "limits:\n    max_cost_usd: 0.36\n"),
        ("limits: {max_tool_calls: 3}\n", by_cost(CENT), "limits: {max_cost_usd: 0.36, max_tool_calls: 3}\n"),
        (
            "rules:\n    - id: large\n      when: params.id == 'x'\n      because: so\n",
            Reason("RULE_DENIED", "large"),
            "rules:\n    - then: hold\n      id: large\n      when: params.id == 'x'\n      because: so\n",
        ),
        (
            "rules: [{id: large, when: params.id == 'x', then: deny, because: so}]\n",
            Reason("RULE_DENIED", "large"),
            "rules: [{id: large, when: params.id == 'x', then: hold, because: so}]\n",
        ),
    ],
)
def test_a_value_is_put_as_its_surroundings_are_written(written, reason, found):
    """Blocks stay blocks, flow stays flow; a default that is not written is put beside its neighbour."""
    head = "policy:\n  workflow_id: refunds_v1\n  allowed_tools: [pay]\n  "
    files = {"tools.yaml": TOOLS, "policies/a.yaml": (head + written).encode()}
    [change] = changes(cluster(denial(1, reason)))
    made = edited(files, "default", "refunds_v1", change)
    assert made["policies/a.yaml"].decode() == head + found
    from_files(made)


@pytest.mark.parametrize("written", ["[look]", "\n    # reads\n    - look"])
def test_a_tool_is_added_to_the_list(written):
    """Where it reads and writes by its own name."""
    tools = TOOLS + b"  - {name: look, effect: read, records: [], params: {}}\n"
    policy = f"policy:\n  workflow_id: refunds_v1\n  allowed_tools: {written}\n".encode()
    [change] = changes(cluster(denial(1, Reason("TOOL_NOT_ALLOWED", "allowed_tools"))))
    made = edited({"tools.yaml": tools, "policy.yaml": policy}, "default", "refunds_v1", change)
    loaded = from_files(made).for_workflow("default", "refunds_v1")
    assert loaded is not None
    assert set(loaded.plans) == {"look", "pay"}


@pytest.mark.parametrize(
    ("reason", "workflow"),
    [
        (by_cost(CENT), "refunds_v1"),  # the policy has no limits at all: nothing to put it beside
        (Reason("RULE_DENIED", "gone"), "refunds_v1"),
        (Reason("BUDGET_EXCEEDED", "budgets[7]", "", "run", "usd_micros", 1, 2, 3), "refunds_v1"),
        (Reason("RULE_DENIED", "never"), "other"),
        (
            Reason("BUDGET_EXCEEDED", "budgets[0]", "", "run", "usd_micros", 1, 3, 3),
            "refunds_v1",
        ),  # another max
    ],
)
def test_what_cannot_be_changed_is_refused(reason, workflow):
    """With the file and what is missing."""
    [change] = changes(cluster(denial(1, reason)))
    with pytest.raises(LoadError) as error:
        edited({"tools.yaml": TOOLS, "policy.yaml": POLICY}, "default", workflow, change)
    assert all(problem.what for problem in error.value.problems)
