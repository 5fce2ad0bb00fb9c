"""What a policy promises, compiled: bounds in millionths or micro-dollars, and no say in any decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.processors.amounts import parse_share_ppm, share
from toolgate.processors.breach_terms import Breach
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.policy_file import TierName
from toolgate.processors.tiers import TIERS
from toolgate.processors.world import World
from toolgate.schemas.frozen import changed

TOOLS = (Path(__file__).parent / "good" / "tools.yaml").read_bytes()
POLICY = "policy:\n  workflow_id: w\n  allowed_tools: [read_invoice]\n"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def compiled(more: str = ""):
    """The policy with some more lines."""
    policies = from_files({"tools.yaml": TOOLS, "policy.yaml": (POLICY + more).encode()})
    return policies.workflows["default", "w"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "slo: success_rate, min: 0.95, window: 1h, then: demote",
            Breach("on_breach[0]", "success_rate", 950_000, 50_000, HOUR_MS, 0, 20, "demote"),
        ),
        (
            "slo: denial_rate, max: 0.2, error_budget: 30d, min_count: 5, then: alert",
            Breach("on_breach[0]", "denial_rate", 200_000, 200_000, 0, 30 * DAY_MS, 5, "alert"),
        ),
        (
            "slo: intervention_rate, max: 0, window: 1m, then: alert",
            Breach("on_breach[0]", "intervention_rate", 0, 0, 60_000, 0, 20, "alert"),
        ),
        (
            'slo: unit_cost, max_usd: "0.50", window: 7d, then: draft_only',
            Breach("on_breach[0]", "unit_cost", 500_000, 0, 7 * DAY_MS, 0, 20, "draft_only"),
        ),
        (
            "slo: unit_cost, max_usd: 0, window: 1d, then: alert",
            Breach("on_breach[0]", "unit_cost", 0, 0, DAY_MS, 0, 20, "alert"),
        ),
    ],
)
def test_an_entry_as_the_watch_judges_it(entry, expected):
    """Integers with units, and its place as its name."""
    (breach,) = compiled(f"  on_breach: [{{{entry}}}]\n").breaches
    assert breach == expected
    assert (breach.is_floor, breach.is_money) == (breach.slo == "success_rate", breach.slo == "unit_cost")


def test_one_figure_may_be_judged_for_several_ends():
    """Alert first, tighten when it is worse."""
    entries = (
        "[{slo: denial_rate, max: 0.1, window: 1h, then: alert}, "
        "{slo: denial_rate, max: 0.3, window: 1h, then: demote}]"
    )
    assert [one.then for one in compiled(f"  on_breach: {entries}\n").breaches] == ["alert", "demote"]


@pytest.mark.parametrize(
    ("more", "ppm"),
    [("", 0), ("  review_share: 0.05\n", 50_000), ("  review_share: 1\n", 1_000_000)],
)
def test_a_policy_without_a_tier_is_reviewed_as_it_says(more, ppm):
    """By default not at all."""
    assert compiled(more).review_share_ppm == ppm


def test_tiers_say_how_much_is_reviewed():
    """The policy's own word goes before its tier's, also none."""
    shares = {name: TIERS[name].review_share_ppm for name in TierName.__args__}
    assert list(shares.values()) == [10_000, 100_000, 50_000, 500_000, 1_000_000]
    assert compiled("  tier: read_only_knowledge\n").review_share_ppm == 10_000
    assert compiled("  tier: read_only_knowledge\n  review_share: 0\n").review_share_ppm == 0


def test_no_decision_depends_on_what_is_promised(case):
    """A call is judged the same with and without; only the policies themselves differ."""
    promised = "  on_breach: [{slo: denial_rate, max: 0, window: 1h, then: draft_only}]\n  review_share: 1\n"
    judged = []
    for more in ("", promised):
        policies = from_files({"tools.yaml": TOOLS, "policy.yaml": (POLICY + more).encode()})
        asked = case(workflow_id="w", tool="read_invoice", params='{"invoice_id":"INV-1"}')
        one = judge(asked, World(policies, ControlState(), Keyring.insecure()))
        judged.append(changed(one, policy=None, tool=None))  # each set has its own
    assert judged[0] == judged[1]


@pytest.mark.parametrize(
    ("ppm", "text"), [(0, "0%"), (1, "0.0001%"), (50_000, "5%"), (125_000, "12.5%"), (1_000_000, "100%")]
)
def test_shares_as_people_read_them(ppm, text):
    """Exact, whatever they are."""
    assert share(ppm) == text


@pytest.mark.parametrize("value", [True, 0.5, "0.5", None, -1, 2])
def test_what_is_no_share(value):
    """Neither a float, which files never have, nor a text."""
    with pytest.raises(ValueError, match="a share is a number from 0 to 1"):
        parse_share_ppm(value)
