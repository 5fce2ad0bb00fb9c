"""Tiers: each preset loads, does what its tier says, and does not load without what its tier needs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files, load
from toolgate.processors.policy_file import TierName
from toolgate.processors.problems import LoadError
from toolgate.processors.tiers import TIERS
from toolgate.processors.world import World

PRESETS = Path(__file__).parents[3] / "policies"

NO_DRAFT = (
    "policy.yaml:5:51: tier draft_and_suggest turns set_priority into drafts, "
    "and the catalogue does not say how"
)
# Tier, what is changed in which of its files, and the places and words of what is then refused.
LACKS = [
    (
        "read_only_knowledge",
        "tools.yaml",
        "name: get_article\n    effect: read",
        "name: get_article\n    effect: write",
        ["policy.yaml:5:36: tier read_only_knowledge allows no tool that writes, and get_article is write"],
    ),
    (
        "draft_and_suggest",
        "tools.yaml",
        "    draft: suggest_priority ",
        "    # ",
        [NO_DRAFT],
    ),
    (
        "draft_and_suggest",
        "policy.yaml",
        "  allowed_tools",
        "  mode: enforce\n  allowed_tools",
        ["policy.yaml:5:9: tier draft_and_suggest commands no write, and mode enforce would"],
    ),
    (
        "draft_and_suggest",
        "policy.yaml",
        "  allowed_tools",
        "  mode: canary:10%\n  allowed_tools",
        ["policy.yaml:5:9: tier draft_and_suggest commands no write, and mode canary:10% would"],
    ),
    (
        "low_risk_writes",
        "tools.yaml",
        "    inverse: {tool: remove_label,",
        "    draft: proposal  #",
        [
            "policy.yaml:5:32: tier low_risk_writes needs a way back, and the catalogue names no inverse of add_label"
        ],
    ),
    (
        "low_risk_writes",
        "policy.yaml",
        "  rates:\n    - {scope: agent, max: 60, per: 1m}\n",
        "",
        ["policy.yaml:4:9: tier low_risk_writes needs rates"],
    ),
    (
        "low_risk_writes",
        "policy.yaml",
        "  blast_radius:\n    - {scope: run, max: 10}\n    - {scope: agent, max: 500, window: 1d}\n",
        "",
        ["policy.yaml:4:9: tier low_risk_writes needs a blast_radius"],
    ),
    (
        "revenue_impacting",
        "policy.yaml",
        ", max_cost_usd: 0.35}\n  budgets:\n    - {scope: workflow, window: 1d, unit: calls, max: 200}\n",
        "}\n",
        ["policy.yaml:5:9: tier revenue_impacting needs a hard cap: budgets, or limits.max_cost_usd"],
    ),
    (
        "revenue_impacting",
        "policy.yaml",
        "      then: hold\n      roles: [billing_lead]\n",
        "",
        ["policy.yaml:5:9: tier revenue_impacting needs a rule that holds writes over a threshold"],
    ),
    (
        "revenue_impacting",
        "policy.yaml",
        "      then: hold\n",
        "      missing: hold\n",
        ["policy.yaml:5:9: tier revenue_impacting needs a rule that holds writes over a threshold"],
    ),
    (
        "revenue_impacting",
        "policy.yaml",
        "      then: hold\n",
        "      then: hold\n      mode: shadow\n",
        ["policy.yaml:5:9: tier revenue_impacting needs a rule that holds writes over a threshold"],
    ),
    (
        "security_access",
        "policy.yaml",
        'agent.id != "access-desk"',
        'params.user == "root"',
        ["policy.yaml:4:9: tier security_access needs a rule about agent or intent"],
    ),
    (
        "security_access",
        "policy.yaml",
        'agent.id != "access-desk"',
        'intent.reason == ""',
        ["policy.yaml:4:9: tier security_access needs a rule about agent or intent"],
    ),
]


def texts(tier):
    """The two files of a preset."""
    return {
        name: (PRESETS / tier / name).read_text(encoding="utf-8") for name in ("tools.yaml", "policy.yaml")
    }


def loaded(files):
    """Texts as the loader takes them."""
    return from_files({name: text.encode() for name, text in files.items()})


def test_every_tier_has_a_preset_and_a_name():
    """Nothing is offered that cannot be written, and nothing can be written that is not explained."""
    assert set(get_args(TierName)) == set(TIERS)
    assert {path.name for path in PRESETS.iterdir() if path.is_dir()} == set(TIERS)
    readme = (PRESETS / "README.md").read_text(encoding="utf-8")
    assert all(f"[{tier}]({tier}/policy.yaml)" in readme for tier in TIERS)


@pytest.mark.parametrize("tier", TIERS)
def test_a_preset_loads_as_it_lies(tier):
    """With the tier's default mode, since it names none."""
    (policy,) = load(PRESETS / tier).workflows.values()
    assert (policy.written.tier, policy.mode, policy.written.mode) == (
        tier,
        TIERS[tier].mode,
        TIERS[tier].mode,
    )
    assert (policy.holds_writes, policy.approvers) == (TIERS[tier].holds_writes, TIERS[tier].approvers)


def test_every_tier_refuses_something():
    """A tier that needs nothing would be a name only."""
    assert {tier for tier, *_ in LACKS} == set(TIERS)


@pytest.mark.parametrize(("tier", "file", "old", "new", "expected"), LACKS)
def test_a_preset_does_not_load_without_what_its_tier_needs(tier, file, old, new, expected):
    """It says where, what, and what to do."""
    files = texts(tier)
    assert files[file].count(old) == 1
    with pytest.raises(LoadError) as caught:
        loaded({**files, file: files[file].replace(old, new)})
    problems = [str(problem) for problem in caught.value.problems]
    assert [problem.partition("; ")[0] for problem in problems] == expected
    assert all(problem.hint for problem in caught.value.problems)


WROTE = {
    "draft_and_suggest": [("set_priority", '{"priority":"low","ticket_id":"T-1"}', "DRAFT", ["DRAFTED"])],
    "low_risk_writes": [("add_label", '{"label":"x","ticket_id":"T-1"}', "APPROVE", [])],
    "revenue_impacting": [
        ("credit_invoice", '{"amount_cents":5000,"invoice_id":"I","reason":"error"}', "APPROVE", []),
        (
            "credit_invoice",
            '{"amount_cents":5001,"invoice_id":"I","reason":"error"}',
            "HOLD",
            ["HELD_BY_RULE"],
        ),
        (
            "credit_invoice",
            '{"amount_cents":5001,"invoice_id":"I","reason":"goodwill"}',
            "DENY",
            ["RULE_DENIED", "HELD_BY_RULE"],
        ),
    ],
    "security_access": [
        ("read_user", '{"user":"u"}', "APPROVE", []),
        ("grant_role", '{"role":"viewer","user":"u"}', "HOLD", ["HELD_BY_RULE"]),
        ("grant_role", '{"role":"admin","user":"u"}', "DENY", ["RULE_DENIED", "HELD_BY_RULE"]),
    ],
    "read_only_knowledge": [("get_article", '{"article_id":"A"}', "APPROVE", [])],
}


@pytest.mark.parametrize(
    ("tier", "tool", "params", "verdict", "codes"),
    [(tier, *row) for tier, rows in WROTE.items() for row in rows],
)
def test_a_preset_does_what_its_tier_says(tier, tool, params, verdict, codes, case):  # noqa: PLR0917
    """Writes are drafted, approved within limits, or held, as the tier is."""
    policies = load(PRESETS / tier)
    ((tenant, workflow),) = policies.workflows
    world = World(policies, ControlState(), Keyring.insecure())
    asked = case(tenant=tenant, workflow_id=workflow, tool=tool, params=params, agent_id="access-desk")
    judged = judge(asked, world)
    assert (judged.verdict.value, [reason.code for reason in judged.reasons]) == (verdict, codes)


def test_a_written_mode_wins_over_the_tiers_default():
    """A tier in shadow, or a canary of it."""
    files = texts("low_risk_writes")
    text = files["policy.yaml"].replace("  limits:", "  mode: canary:10%\n  limits:")
    (policy,) = loaded({**files, "policy.yaml": text}).workflows.values()
    assert policy.mode == "canary:10%"
