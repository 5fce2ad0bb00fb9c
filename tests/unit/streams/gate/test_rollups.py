"""What a batch did for each workflow, as the pulse says it."""

from __future__ import annotations

import pytest
from voting_desk import POLICY, TIME, Desk

from toolgate.processors.claims import AMOUNT_MAX, Label
from toolgate.processors.limits import HOLD_MS
from toolgate.processors.reasons import Code
from toolgate.schemas.records import Balance, Level, Pulse
from toolgate.streams.gate.pulses import NEAR_MAX, pulse_of
from toolgate.streams.gate.rollups import Rollup, Rollups

COST = 10_000  # what a call of `pay` costs
PLAIN = """
policy:
  workflow_id: w
  allowed_tools: [pay]
  limits: {max_tool_calls: 10}
  budgets: [{scope: tenant, max: 1, window: none}, {scope: run, unit: calls, max: 4, window: none}]
  blast_radius: [{scope: run, max: 3}, {scope: tenant, max: 500, window: 1h}]
  requires: [{id: once, tools: [pay], at_most: 9, because: enough}]
"""


def only(desk: Desk) -> Pulse:
    """The one pulse of all that a desk has decided."""
    (pulse,) = desk.pulses()
    return pulse


def pay(desk: Desk, place: int, **fields):
    """What one call with an id of its own makes."""
    return desk.ask(1, intent_id=f"i{place}", **fields)


@pytest.mark.parametrize(
    ("status", "fields", "settled"),
    [
        ("ok", {}, COST),
        ("ok", {"actual_cost_micros": 4_000}, 4_000),
        ("error", {"actual_cost_micros": 90_000}, 90_000),
        ("void", {"actual_cost_micros": 7}, 0),
        ("unknown", {"actual_cost_micros": 7}, 0),
    ],
)
def test_an_end_counts_once_with_what_it_really_cost(status, fields, settled):
    """As its executor says, else as reserved; of what nobody knows nothing is settled."""
    desk = Desk(PLAIN)
    command = pay(desk, 0)["commands"]
    desk.result(command, "started")
    desk.now += 2_500
    desk.result(command, status, **fields)
    if status != "unknown":
        assert desk.result(command, "ok").note == "ended"
    pulse = only(desk)
    assert (pulse.results, pulse.settled_micros, pulse.cost_micros) == ({status: 1}, settled, COST)
    wrong = status in {"error", "unknown"}
    assert pulse.tool_errors == ({"pay": 1} if wrong else {})
    found = (pulse.detected, pulse.detection_ms, pulse.detection_ms_max)
    assert found == ((1, 2_500, 2_500) if wrong else (0, 0, 0))


@pytest.mark.parametrize(
    "fields",
    [
        {"digest": "other"},
        {"command_id": "3-9"},
        {"actual_cost_micros": -1},
        {"workflow_id": ""},
        {"workflow_id": "x" * 129},
        {"tenant": "a/b"},
        {"policy_digest": ""},
    ],
    ids=str,
)
def test_an_end_that_settles_nothing_or_names_no_workflow_counts_for_none(fields):
    """What does not belong to a command, is refused, or was written before results had owners."""
    desk = Desk(PLAIN)
    command = pay(desk, 0)["commands"]
    desk.result(command, "error", **fields)
    pulse = only(desk)
    assert (pulse.results, pulse.tool_errors, pulse.detected, pulse.settled_micros) == ({}, {}, 0, 0)


@pytest.mark.parametrize("approved_at", [0, -(2**63), TIME + 1, 2**63 - 1])
def test_a_time_that_cannot_be_detects_at_once(approved_at):
    """No executor can make a sum that no pulse could hold."""
    desk = Desk(PLAIN)
    desk.result(pay(desk, 0)["commands"], "error", approved_at=approved_at)
    pulse = only(desk)
    assert (pulse.detected, pulse.detection_ms, pulse.detection_ms_max) == (1, 0, 0)


def test_ends_count_for_the_version_that_their_command_was_approved_under():
    """Whatever is in force when they come."""
    desk = Desk(PLAIN)
    desk.result(pay(desk, 0)["commands"], "ok", policy_digest="e" * 32)
    now, before = sorted(desk.pulses(), key=lambda pulse: pulse.intents, reverse=True)
    assert (now.intents, now.results, now.policy_digest) == (1, {}, desk.policies.digest)
    assert (before.intents, before.results, before.policy_digest) == (0, {"ok": 1}, "e" * 32)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "abandoned"])
def test_a_run_finishes_once(outcome):
    """The second end of a run is denied, one that is sent again is a duplicate, one that is only tried is none."""
    desk = Desk(PLAIN)
    end = {"kind": "finish", "tool": "", "params": "{}", "run_outcome": outcome}
    pay(desk, 0, **end, dry_run=True)
    for place in (1, 1, 2):
        pay(desk, place, **end)
    pulse = only(desk)
    assert pulse.finished == {outcome: 1}
    assert (pulse.active, pulse.ended) == ((), ("r",))
    assert (pulse.intents, pulse.duplicates, pulse.denied) == (3, 1, 1)


def test_a_run_in_shadow_finishes_as_well():
    """Its outcome is what the policy would be judged by."""
    desk = Desk(f"{PLAIN}  mode: shadow\n")
    pay(desk, 0, kind="finish", tool="", params="{}", run_outcome="failed")
    pulse = only(desk)
    assert (pulse.finished, pulse.ended) == ({"failed": 1}, ("r",))


def test_runs_are_active_in_which_a_call_was_approved():
    """As the ledger has it, which ends them a day later: what is denied, tried or reported keeps none alive."""
    desk = Desk(PLAIN)
    for run in ("b", "a", "b"):
        desk.decide(desk.wanted_of(run, 1, intent_id=f"i{run}"))
    desk.decide(desk.wanted_of("tried", 1, intent_id="i1", dry_run=True))
    desk.decide(desk.wanted_of("denied", 1, intent_id="i2", tool="none such"))
    spend = {"kind": "usage", "tool": "", "params": "{}", "declared_cost_micros": 5}
    desk.decide(desk.wanted_of("spends", 1, intent_id="i3", **spend))
    assert only(desk).active == ("a", "b")


def test_a_run_is_active_when_people_approve_its_call():
    """And not before."""
    desk = Desk(POLICY)
    hold = desk.ask()["holds"]
    assert only(desk).active == ()
    desk.vote(hold, "ann")
    desk.vote(hold, "bob")
    assert only(desk).active == ("r",)


def test_a_run_that_ends_in_a_batch_is_active_in_no_pulse_of_it():
    """Also of the version that its last call was held under: who reads that pulse last must not take it for open."""
    rollups = Rollups()
    rollups["t", "w", "new"].ended = {"r"}
    rollups["t", "w", "old"].active = {"r", "s"}
    rollups["t", "another", "old"].active = {"r"}
    rollups.close()
    assert [sorted(rollup.active) for rollup in rollups.values()] == [[], ["s"], ["r"]]


def test_model_spend_is_settled_at_once():
    """Nobody reports its end."""
    desk = Desk(PLAIN)
    pay(desk, 0, kind="usage", tool="", params="{}", declared_cost_micros=123)
    pulse = only(desk)
    assert (pulse.cost_micros, pulse.settled_micros, pulse.records) == (123, 123, {})


def test_a_repeated_call_is_a_duplicate_and_no_intent():
    """Neither is it decided twice nor does it cost or touch anything."""
    desk = Desk(PLAIN)
    pay(desk, 0)
    pay(desk, 0)
    pulse = only(desk)
    assert (pulse.intents, pulse.approved, pulse.duplicates, pulse.cost_micros) == (1, 1, 1, COST)
    assert (pulse.tools, pulse.records) == ({"pay": 2}, {"1": 1})


def test_a_writer_who_is_not_proven_spoils_no_figures():
    """Neither as an agent nor as an executor nor as a voter."""
    desk = Desk(POLICY)
    hold = desk.ask()["holds"]
    before = desk.pulses()
    forged = desk.wanted_of("r", 1, intent_id="i9", workflow_id="other")
    assert desk.decide(forged)["denials"].reasons[0].code == "BAD_IDENTITY"
    desk.vote(hold, "ann", signed_by="eve")
    assert desk.pulses() == before


@pytest.mark.parametrize(
    ("words", "counted"),
    [
        ([("ann", "approve")], {"approve": 1}),
        ([("ann", "approve"), ("ann", "approve")], {"approve": 1}),
        ([("ann", "reject")], {"reject": 1}),
        ([("sam", "withdraw")], {"withdraw": 1}),
        ([("a", "approve")], {}),
        ([("ann", "reject"), ("bob", "approve")], {"reject": 1}),
    ],
    ids=str,
)
def test_only_votes_that_count_are_counted(words, counted):
    """Not one that is sent again, comes from who asked, or comes when nothing waits."""
    desk = Desk(POLICY)
    hold = desk.ask()["holds"]
    for kid, choice in words:
        desk.vote(hold, kid, choice=choice)
    pulse = only(desk)
    assert (pulse.words, pulse.policy_digest) == (counted, hold.policy_digest)
    assert (pulse.intents, pulse.held, pulse.tools) == (1, 1, {"pay": 1})
    assert pulse.approved == counted.get("approve", 0)
    assert pulse.cost_micros == COST * pulse.approved


def test_a_vote_that_comes_too_late_is_no_word():
    """The call expires by it."""
    desk = Desk(POLICY)
    hold = desk.ask()["holds"]
    desk.now = hold.expires_at + 1
    assert desk.vote(hold, "ann")["holds"].state == "expired"
    pulse = only(desk)
    assert (pulse.words, pulse.denied, pulse.intents) == ({}, 1, 1)


@pytest.mark.parametrize(("happened", "settled"), [(True, COST), (False, 0)])
def test_a_release_is_a_word_and_settles(happened, settled):
    """It names the workflow of its command, since the gate remembers none."""
    desk = Desk(PLAIN)
    command = pay(desk, 0)["commands"]
    desk.result(command, "unknown")
    assert desk.release(command, happened=happened).note == "running"
    desk.now += HOLD_MS
    desk.release(command, happened=happened)
    desk.release(command, happened=happened)
    pulse = only(desk)
    assert (pulse.words, pulse.settled_micros, pulse.results) == ({"release": 1}, settled, {"unknown": 1})


def test_levels_are_those_of_the_fullest_account_of_each_limit():
    """Whose run it is, rates and histories are none."""
    desk = Desk(PLAIN)
    for place, run in enumerate(("r", "r", "s")):
        params = f'{{"cents":1,"id":"INV-{place}"}}'
        intent = desk.wanted_of(run, 1, intent_id=f"i{place}", params=params)
        desk.decide(intent)
    levels = {level.rule: level for level in only(desk).levels}
    assert levels == {
        "limits.max_tool_calls": Level(
            "limits.max_tool_calls", "run", "run:r:approved_calls", "calls", 2, 10
        ),
        "budgets[0]": Level("budgets[0]", "tenant", "tenant:default:usd", "usd_micros", 3 * COST, 1_000_000),
        "budgets[1]": Level("budgets[1]", "run", "run:r:calls", "calls", 2, 4),
        "blast_radius[0]": Level("blast_radius[0]", "run", "run:r:records~all", "records", 2, 3),
        "blast_radius[1]": Level("blast_radius[1]", "tenant", "tenant:default:records~1h", "records", 3, 500),
    }
    assert only(desk).records == {"1": 1, "2": 1, "3": 1}


def test_a_level_is_that_after_the_batch():
    """An account that has room again is not told as full."""
    label = Label(Code.BUDGET_EXCEEDED, "budgets[0]", "run", "calls")
    rollup = Rollup()
    for account, used in (("a", 9), ("b", 5), ("a", 1)):
        rollup.levels[label.rule, account] = label, Balance(account, "calls", used, 10)
    (level,) = pulse_of(("t", "w", "p"), rollup).levels
    assert (level.account, level.used) == ("b", 5)


def test_of_shared_budgets_every_account_that_is_half_used_is_told():
    """Behind the fullest, in the order of how full they are; not those of one run, nor of other limits."""
    shared = Label(Code.BUDGET_EXCEEDED, "budgets[0]", "agent", "calls")
    alone = Label(Code.BUDGET_EXCEEDED, "budgets[1]", "run", "calls")
    calls = Label(Code.CALLS_EXCEEDED, "limits.max_tool_calls", "agent", "calls")
    rollup = Rollup()
    for label in (shared, alone, calls):
        for account, used in (("a", 5), ("b", 9), ("c", 4), ("d", 7)):
            rollup.levels[label.rule, account] = label, Balance(account, "calls", used, 10)
    levels = pulse_of(("t", "w", "p"), rollup).levels
    assert [level.account for level in levels if level.rule == "budgets[0]"] == ["b", "d", "a"]
    assert [level.account for level in levels if level.rule != "budgets[0]"] == ["b", "b"]


def test_of_very_many_accounts_the_fullest_are_told():
    """A pulse has to fit its topic."""
    label = Label(Code.BUDGET_EXCEEDED, "budgets[0]", "agent", "calls")
    rollup = Rollup()
    for used in range(50, 200):
        rollup.levels[label.rule, f"a{used}"] = label, Balance(f"a{used}", "calls", used, 200)
    levels = pulse_of(("t", "w", "p"), rollup).levels
    assert [level.used for level in levels] == list(range(199, 199 - NEAR_MAX - 1, -1))


def test_where_nothing_is_allowed_all_is_used():
    """A limit of 0 divides nothing."""
    label = Label(Code.BUDGET_EXCEEDED, "budgets[0]", "run", "calls")
    rollup = Rollup(levels={("budgets[0]", "a"): (label, Balance("a", "calls", 0, 0))})
    assert pulse_of(("t", "w", "p"), rollup).levels == (Level("budgets[0]", "run", "a", "calls", 0, 0),)


@pytest.mark.parametrize(
    ("touched", "told"),
    [(0, "0"), (1, "1"), (100, "100"), (101, "110"), (990, "990"), (991, "1000"), (12_001, "13000")],
)
def test_numbers_of_records_are_rounded_up_to_two_digits(touched, told):
    """So a pulse names few of them; up to a hundred each one."""
    rollup = Rollup()
    rollup.records[touched] = 2
    assert pulse_of(("t", "w", "p"), rollup).records == {told: 2}


def test_sums_that_no_pulse_could_hold_are_told_as_the_largest():
    """Two thousand calls may each name the largest cost."""
    rollup = Rollup(cost_micros=2_000 * AMOUNT_MAX, settled_micros=2_000 * AMOUNT_MAX)
    pulse = pulse_of(("t", "w", "p"), rollup)
    assert (pulse.cost_micros, pulse.settled_micros) == (AMOUNT_MAX, AMOUNT_MAX)
