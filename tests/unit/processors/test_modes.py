"""Modes: what becomes of verdicts under each, and which runs a canary enforces."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.chain import judge
from toolgate.processors.claims import Spend
from toolgate.processors.control_state import ControlState
from toolgate.processors.modes import MODES, canary_percent, mode_of_run
from toolgate.processors.reasons import Code
from toolgate.processors.shadow import would_have
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Control

READ = {"tool": "read_invoice", "params": '{"invoice_id":"I-1"}'}
WRITE = {"tool": "create_adjustment_draft", "params": '{"invoice_id":"I-1"}'}
DENIED = {"tool": "execute_refund", "params": '{"invoice_id":"I-1"}'}
MALFORMED = {"tool": "read_invoice", "params": "["}
USAGE = {"kind": "usage", "declared_cost_micros": 5}
FINISH = {"kind": "finish", "run_outcome": "succeeded"}
SHADOW = (Verdict.RECORDED, (Code.SHADOWED,))


def in_shadow(mode, tenant, workflow, run):
    """Whether a run is only recorded."""
    return mode_of_run(mode, tenant, workflow, run) == "shadow"


@pytest.fixture
def judged(world, case):
    """Judges a call under the smallest policy in this mode."""

    def make(mode, fields, control=None):
        return judge(case(**fields), world(more=f"\n  mode: {mode}\n", control=control))

    return make


def told(case):
    """Verdict and codes."""
    return case.verdict, tuple(reason.code for reason in case.reasons)


APPROVED = (Verdict.APPROVE, ())
NOT_ALLOWED = (Verdict.DENY, (Code.TOOL_DENIED,))
TABLE = [
    ("enforce", READ, APPROVED),
    ("enforce", WRITE, APPROVED),
    ("enforce", DENIED, NOT_ALLOWED),
    ("enforce", USAGE, APPROVED),
    ("enforce", FINISH, APPROVED),
    ("read_only", READ, APPROVED),
    ("read_only", WRITE, (Verdict.DENY, (Code.READ_ONLY,))),
    ("read_only", DENIED, (Verdict.DENY, (Code.TOOL_DENIED, Code.READ_ONLY))),
    ("read_only", USAGE, APPROVED),
    ("read_only", FINISH, APPROVED),
    ("draft_only", READ, APPROVED),
    ("draft_only", WRITE, (Verdict.DRAFT, (Code.DRAFTED,))),
    ("draft_only", DENIED, (Verdict.DENY, (Code.TOOL_DENIED, Code.DRAFTED))),
    ("draft_only", USAGE, APPROVED),
    ("draft_only", FINISH, APPROVED),
    *(("shadow", fields, SHADOW) for fields in (READ, WRITE, DENIED, MALFORMED, USAGE, FINISH)),
]


@pytest.mark.parametrize(("mode", "fields", "expected"), TABLE)
@pytest.mark.parametrize("dry_run", [False, True])
def test_each_mode_makes_of_each_intent_what_it_says(mode, fields, expected, dry_run, judged):
    """A dry run has the verdict that the intent itself would have."""
    assert told(judged(mode, {**fields, "dry_run": dry_run})) == expected


@pytest.mark.parametrize(
    ("fields", "verdict", "codes"),
    [
        (READ, "APPROVE", []),
        (WRITE, "APPROVE", []),
        (DENIED, "DENY", [Code.TOOL_DENIED]),
        (MALFORMED, "DENY", [Code.PARAMS_NOT_JSON]),
        ({**READ, "key": b"another"}, "DENY", [Code.BAD_INTENT]),
        (USAGE, "RECORDED", []),
        (FINISH, "RECORDED", []),
    ],
)
def test_shadow_says_what_would_have_been(fields, verdict, codes, judged):
    """The reasons are kept apart from that of the published verdict, which is that nothing was decided."""
    found = judged("shadow", fields)
    assert [reason.code for reason in found.shadow_reasons] == codes
    assert would_have(found, found.reasons, found.shadow_reasons) == verdict


@pytest.mark.parametrize("fields", [READ, WRITE, DENIED, MALFORMED, USAGE, FINISH])
def test_shadow_asks_for_nothing_that_could_be_taken(fields, judged):
    """No attempt, no denial, no reservation counts; the claims are there to be looked at."""
    found = judged("shadow", fields)
    assert (found.always, found.on_deny, found.reserve) == ((), (), None)
    enforced = judged("enforce", fields)
    assert found.claims == (enforced.always + enforced.claims if enforced.verdict == Verdict.APPROVE else ())


def test_a_kill_is_told_in_shadow_as_what_would_have_been(judged):
    """There is nothing to stop: no command is made anyway."""
    control = ControlState().apply(Control("c", "kill", "run", "r1", "stop", ()), 0)
    found = judged("shadow", READ, control)
    assert told(found) == SHADOW
    assert [reason.code for reason in found.shadow_reasons] == [Code.KILLED]


def test_what_the_gate_failed_to_judge_moves_no_account_in_shadow(judged, monkeypatch):
    """Its failure is told like any other reason."""

    def broken(case, world):
        raise RuntimeError

    monkeypatch.setattr("toolgate.processors.chain.CHAIN", (*_until_contract(), broken))
    found = judged("shadow", READ)
    assert (told(found), found.claims, found.on_deny) == (SHADOW, (), ())
    assert [reason.code for reason in found.shadow_reasons] == [Code.CANNOT_JUDGE]


def _until_contract():
    from toolgate.processors.chain import CHAIN  # noqa: PLC0415 - as it is before the test changes it

    return CHAIN[:3]


def test_a_forged_intent_is_denied_in_shadow(case, world):
    """Nobody is proven to have asked, so no policy speaks about it."""
    found = judge(case(headers=()), world(more="\n  mode: shadow\n"))
    assert told(found) == (Verdict.DENY, (Code.BAD_IDENTITY,))


def test_usage_is_charged_in_every_mode_that_commands(judged):
    """Model spend is spent, also by an agent that may only draft."""
    for mode in ("enforce", "read_only", "draft_only"):
        assert any(isinstance(claim, Spend) for claim in judged(mode, USAGE).claims)


# --- canary ---

RUNS = [f"run-{n}" for n in range(2_000)]


def test_a_canary_enforces_its_share_of_runs():
    """One in ten, give or take; the others are in shadow."""
    enforced = [run for run in RUNS if not in_shadow("canary:10%", "default", "w", run)]
    assert 150 < len(enforced) < 250


def test_a_run_that_is_enforced_stays_so_when_the_share_grows():
    """A task that has begun for good does not turn into a rehearsal."""
    shares = [{run for run in RUNS if not in_shadow(f"canary:{n}%", "t", "w", run)} for n in range(1, 100)]
    assert all(small <= large for small, large in pairwise(shares))
    assert len(shares[-1]) < len(RUNS)


def test_tenant_workflow_and_run_all_count():
    """Two workflows do not have the same runs as their canaries."""
    names = [("default", "w"), ("other", "w"), ("default", "v")]
    assert len({tuple(in_shadow("canary:50%", *name, run) for run in RUNS[:64]) for name in names}) == 3


# Worked out once: a worker of a later version or another Python must say the same.
FOREVER = [("run-0", True), ("run-1", False), ("run-2", False), ("run-3", False), ("run-4", False)]


def test_the_same_runs_are_canaries_for_ever():
    """The hash is of bytes and names its purpose; no seed of the process is in it."""
    assert [(run, in_shadow("canary:50%", "default", "w", run)) for run, _ in FOREVER] == FOREVER
    code = (
        "from toolgate.processors.modes import mode_of_run\n"
        f"print([mode_of_run('canary:50%', 'default', 'w', run) == 'shadow' for run, _ in {FOREVER}])"
    )
    for seed in ("1", "2"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        assert shown.stdout.strip() == str([shadow for _, shadow in FOREVER])


@given(st.text(), st.sampled_from([*MODES, "canary:50%"]))
def test_any_run_id_has_an_answer(run_id, mode):
    """Malformed ids are decided about as well."""
    assert in_shadow(mode, "t", "w", run_id) in {True, False}


@pytest.mark.parametrize(
    ("mode", "percent"),
    [
        ("canary:1%", 1),
        ("canary:99%", 99),
        ("canary: 10%", 10),
        ("canary:0%", None),
        ("canary:100%", None),
        ("canary:010%", None),
        ("canary:10", None),
        ("canary:10%\n", None),
        ("shadow", None),
    ],
)
def test_reads_the_share_of_a_canary(mode, percent):
    """Whole numbers from 1 to 99: none and all have words of their own."""
    assert canary_percent(mode) == percent


def test_a_canary_is_in_shadow_or_enforced_by_its_run(case, world):
    """The same call, in two runs."""
    around = world(more="\n  mode: canary:50%\n")
    found = {run: judge(case(**WRITE, run_id=run), around) for run in RUNS[:20]}
    assert {judged.verdict for judged in found.values()} == {Verdict.APPROVE, Verdict.RECORDED}
    for run, judged in found.items():
        shadow = in_shadow("canary:50%", "default", "billing_adjustments_v3", run)
        assert (judged.verdict == Verdict.RECORDED) is shadow
        assert not shadow or judged.reasons[0].because == "this run is not one that the canary enforces"
