"""Judging: what is told of a workflow at the end of a minute, and whether it has to fall a rung."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulses import BEGIN_MS, pulse

from toolgate.processors.breach_terms import Breach
from toolgate.processors.control_state import ControlState
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Alert, Control
from toolgate.schemas.strict_json import loads_strict
from toolgate.streams.watch.figures import MINUTE_MS, QUARTER_MS, Figures, Workflow
from toolgate.streams.watch.judging import Judgement, judge, reached, repeated, rise
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.repeats import Repeat
from toolgate.streams.watch.rows import Level
from toolgate.streams.watch.runs import Seen
from toolgate.streams.watch.standing import Standing

T = BEGIN_MS
PLACE = ("workflow", "default/desk")


def term(slo: str, then: str = "alert", *, bound: int, **fields: int) -> Breach:
    """What `on_breach` says of an objective."""
    allowed = 0 if slo == "unit_cost" else 1_000_000 - bound if slo == "success_rate" else bound
    told = {"window_ms": 3_600_000, "error_budget_ms": 0, "min_count": 10, "allowed_ppm": allowed, **fields}
    return Breach(name="on_breach[0]", slo=slo, bound=bound, then=then, **told)


class Policies:
    """One policy for whoever asks."""

    def __init__(self, *breaches: Breach, mode: str = "enforce", budgets: tuple = ()) -> None:
        self._policy = SimpleNamespace(
            mode=mode, breaches=breaches, written=SimpleNamespace(budgets=list(budgets)), review_share_ppm=0
        )

    def for_workflow(self, tenant: str, workflow_id: str) -> SimpleNamespace:
        """That one."""
        return self._policy


def workflow(*rows: tuple[int, dict]) -> Workflow:
    """One whose minutes hold these counts; (minute from T, fields of a row)."""
    made = Figures()
    for offset, (minute, fields) in enumerate(rows):
        made.take(0, offset, pulse(T + minute * MINUTE_MS, **fields))
    return made.workflows[0, "default", "desk"]


def at(one: Workflow, minute: int, policies: Policies | None = None, **standing: object) -> Judgement:
    """The judgement at the end of a minute from T."""
    return judge(one, Standing(policies=policies, **standing), T + minute * MINUTE_MS, Prices())


def ordered(*modes: str) -> ControlState:
    """Orders for the workflow, one after the other."""
    state = ControlState()
    for n, mode in enumerate(modes):
        state = state.apply(Control(f"c{n}", "mode", *PLACE, "", ("ann",), mode=mode, version=n + 1), n)
    return state


@pytest.mark.parametrize(
    ("objective", "fields", "broken"),
    [
        (term("denial_rate", bound=200_000), {"intents": 10, "denied": 3}, True),
        (term("denial_rate", bound=300_000), {"intents": 10, "denied": 3}, False),
        (term("denial_rate", bound=200_000), {"intents": 9, "denied": 9}, None),
        (term("intervention_rate", bound=200_000), {"intents": 10, "held": 2, "drafted": 1}, True),
        (term("success_rate", bound=900_000), {"finished": {"succeeded": 8, "failed": 2}}, True),
        (term("success_rate", bound=800_000), {"finished": {"succeeded": 8, "failed": 2}}, False),
        (term("tool_error_rate", bound=100_000), {"results": {"ok": 8, "error": 2}}, True),
        (term("unit_cost", bound=400), {"cost_micros": 5_000, "finished": {"succeeded": 10}}, True),
        (term("unit_cost", bound=500), {"cost_micros": 5_000, "finished": {"succeeded": 10}}, False),
    ],
)
def test_objectives(objective, fields, broken) -> None:
    """Broken, kept, or not judged: too little happened."""
    found = at(workflow((0, fields)), 1, Policies(objective))
    assert found.judged.breached == {objective.slo: broken}
    assert [alert.kind for alert in found.alerts] == (["breach"] if broken else [])


def test_an_alert_of_what_lasts_has_one_id_an_hour() -> None:
    """Minute after minute the same is told; the next hour it is told anew."""
    policies = Policies(term("denial_rate", bound=100_000))
    one = workflow(*((minute, {"intents": 10, "denied": 9}) for minute in range(70)))
    ids = {at(one, minute, policies).alerts[0].alert_id for minute in range(1, 60)}
    assert len(ids) == 1
    assert at(one, 61, policies).alerts[0].alert_id not in ids


def test_an_alert_shows_its_figures() -> None:
    """What was counted, what was promised, and what is done about it."""
    found = at(
        workflow((0, {"intents": 10, "denied": 9})),
        1,
        Policies(term("denial_rate", "demote", bound=100_000)),
    )
    (alert,) = found.alerts
    evidence = loads_strict(alert.evidence, max_bytes=10_000)
    assert (evidence["part"], evidence["count"], evidence["then"]) == (9, 10, "demote")
    assert alert.severity == "critical"


def test_a_warning_does_not_hide_what_has_a_workflow_fall() -> None:
    """Of one figure a policy may name two limits: what each asks for is told under its own id."""
    terms = [term("denial_rate", then, bound=bound) for then, bound in (("alert", 1), ("demote", 100_000))]
    found = at(workflow((0, {"intents": 10, "denied": 9})), 1, Policies(*terms))
    assert len({alert.alert_id for alert in found.alerts}) == 2


@pytest.mark.parametrize(
    ("then", "mode", "state", "to"),
    [
        ("demote", "enforce", ControlState(), "canary:10%"),
        ("demote", "canary:20%", ControlState(), "draft_only"),
        ("demote", "draft_only", ControlState(), "shadow"),
        ("demote", "shadow", ControlState(), None),
        ("demote", "enforce", ordered("draft_only"), "shadow"),
        ("draft_only", "enforce", ControlState(), "draft_only"),
        ("draft_only", "enforce", ordered("shadow"), None),
        ("alert", "enforce", ControlState(), None),
    ],
)
def test_a_workflow_falls_a_rung(then: str, mode: str, state: ControlState, to: str | None) -> None:
    """As its policy says, from where policy and orders have it; never up."""
    policies = Policies(term("denial_rate", then, bound=100_000), mode=mode)
    found = at(
        workflow((0, {"intents": 10, "denied": 9})), 1, policies, state=state, moved={PLACE: T - 7_200_000}
    )
    assert (found.demotion.move.mode if found.demotion else None) == to
    assert found.demotion is None or found.demotion.moved_ms == T - 7_200_000


def test_one_cause_moves_once() -> None:
    """What happened before the last move says nothing of the rung that it stands on now."""
    policies = Policies(term("denial_rate", "demote", bound=100_000))
    one = workflow(*((minute, {"intents": 10, "denied": 9}) for minute in range(5)))
    moved = {PLACE: T + 3 * MINUTE_MS}
    assert at(one, 6, policies, state=ordered("draft_only"), moved=moved).demotion is None


@pytest.mark.parametrize("minute", range(370, 375))
def test_one_cause_moves_once_in_a_window_of_quarters(minute: int) -> None:
    """Its sum begins with a whole quarter of an hour, and so before a move that its length alone would not reach."""
    policies = Policies(term("denial_rate", "demote", bound=100_000, window_ms=6 * 3_600_000))
    one = workflow((1, {"intents": 20, "denied": 19}), (minute - 1, {"intents": 1}))
    found = at(one, minute, policies, state=ordered("draft_only"), moved={PLACE: T + 10 * MINUTE_MS})
    assert (found.judged.breached, found.demotion) == ({"denial_rate": True}, None)


def test_what_was_counted_after_the_last_move_moves_again() -> None:
    """As soon as the first quarter of the window began after it."""
    policies = Policies(term("denial_rate", "demote", bound=100_000, window_ms=6 * 3_600_000))
    one = workflow((16, {"intents": 20, "denied": 19}))
    found = at(one, 375, policies, state=ordered("draft_only"), moved={PLACE: T + 10 * MINUTE_MS})
    assert found.demotion is not None


HOURS_BEFORE = T + 400 * MINUTE_MS - 20 * 3_600_000
DAYS_BEFORE = T + 400 * MINUTE_MS - 30 * 3_600_000


@pytest.mark.parametrize("fields", [{}, {"error_budget_ms": 30 * 86_400_000, "window_ms": 0}])
@pytest.mark.parametrize(
    ("finished", "moved_ms", "falls"),
    [
        ({"succeeded": 10, "unreported": 9}, HOURS_BEFORE, False),  # they were at work before it moved
        ({"succeeded": 10, "unreported": 9}, DAYS_BEFORE, True),
        ({"succeeded": 10, "failed": 9, "unreported": 2}, HOURS_BEFORE, True),  # it is broken without them
    ],
)
def test_runs_that_said_nothing_tell_of_the_day_before(
    finished: dict[str, int], moved_ms: int, fields: dict[str, int], *, falls: bool
) -> None:
    """What they show is told, and takes nobody down who has moved since."""
    policies = Policies(term("success_rate", "demote", bound=990_000, **fields))
    one = workflow(*((minute, {"finished": finished}) for minute in range(340, 400)))
    found = at(one, 400, policies, state=ordered("draft_only"), moved={PLACE: moved_ms})
    assert found.judged.breached == {"success_rate": True}
    assert (found.demotion is not None) == falls


def test_error_budgets_are_judged_by_burn_rates() -> None:
    """An objective of 99 % over 30 days: all that fails for an hour burns it a hundred times too fast."""
    objective = term("success_rate", bound=990_000, error_budget_ms=30 * 86_400_000, window_ms=0)
    one = workflow(*((minute, {"finished": {"failed": 2}}) for minute in range(60)))
    found = at(one, 60, Policies(objective))
    assert found.judged.breached == {"success_rate": True}
    assert found.judged.burns["success_rate", "1h"] == pytest.approx(100)
    fine = workflow(*((minute, {"finished": {"succeeded": 2}}) for minute in range(60)))
    assert at(fine, 60, Policies(objective)).judged.burns["success_rate", "5m"] == 0


def filled(used: list[int], account: str = "usd@1", scope: str = "workflow") -> Workflow:
    """A workflow whose budget had so much used after each minute."""
    one = workflow(*((minute, {"intents": 1}) for minute in range(len(used))))
    for minute, amount in enumerate(used):
        row = one.versions["v1"].minutes[T + minute * MINUTE_MS]
        row.levels["budgets[0]"] = Level("budgets[0]", scope, account, "usd_micros", amount, 1_000)
    return one


@pytest.mark.parametrize(
    ("used", "most", "scope", "rule", "told"),
    [
        (79, 100, "agent", "budgets[0]", False),
        (80, 100, "agent", "budgets[0]", True),
        (250, 100, "workflow", "budgets[0]", True),
        (80, 100, "run", "budgets[0]", False),  # it ends with its run
        (80, 100, "agent", "budgets[1]", False),  # of which the policy has nobody warned
        (80, 100, "agent", "limits.max_tool_calls", False),
        (0, 0, "agent", "budgets[0]", True),  # where nothing is allowed all is used
    ],
)
def test_people_are_warned_of_accounts_that_have_come_so_far(
    used: int, most: int, scope: str, rule: str, *, told: bool
) -> None:
    """Compared in integers."""
    policies = Policies(budgets=(SimpleNamespace(warn_at=Decimal("0.8")), SimpleNamespace(warn_at=None)))
    policy = cast("Any", policies.for_workflow("default", "desk"))
    level = Level(rule, scope, "account", "usd_micros", used, most)
    assert reached(policy, [level]) == [level] * told


def test_a_budget_that_will_soon_be_used_up_is_told() -> None:
    """At its pace, and anew each hour that it lasts."""
    policies = Policies(budgets=(SimpleNamespace(warn_at=None),))
    found = at(filled([100, 200, 300, 400, 500, 600]), 6, policies)
    (alert,) = found.alerts
    hour = T // 3_600_000
    assert (alert.kind, alert.alert_id) == ("exhaustion", f"exhaustion/default/desk/usd@1/{hour}")
    assert found.judged.budgets["budgets[0]"].exhausted_in_ms == 4 * MINUTE_MS
    assert at(filled([100, 101, 102, 103, 104, 105]), 6, policies).alerts == []
    idle = at(filled([100, 200, 300, 400, 500, 600]), 12, policies)
    assert (idle.alerts, idle.judged.budgets["budgets[0]"].exhausted_in_ms) == ([], None)


def test_the_budget_of_one_run_is_nobodys_alarm() -> None:
    """It ends with its run, and no gauge has it: a run that uses all it may is normal."""
    policies = Policies(budgets=(SimpleNamespace(warn_at=Decimal("0.1")),))
    found = at(filled([100, 300, 500, 700, 800, 1_000], scope="run"), 6, policies)
    assert (found.alerts, found.judged.budgets) == ([], {})


def test_records_are_no_budget() -> None:
    """How many were touched is told of as blast radius."""
    one = workflow((0, {"intents": 1}))
    level = Level("blast_radius[0]", "agent", "a@1", "records", 60, 60)
    one.versions["v1"].minutes[T].levels["blast_radius[0]"] = level
    assert at(one, 1, Policies()).judged.budgets == {}


def test_drift_is_judged_each_quarter_of_an_hour() -> None:
    """A day of reading, and then a quarter of writing; in between nobody asks."""
    quarters = [(15 * n, {"intents": 60, "tools": {"read": 57, "write": 3 + n % 2}}) for n in range(100)]
    one = workflow(*quarters, (1_500, {"intents": 60, "tools": {"write": 60}}))
    assert [alert.kind for alert in at(one, 1_515).alerts] == ["drift_tools"]
    assert at(one, 1_514).alerts == []
    assert at(workflow(*quarters), 1_500).alerts == []


def test_what_a_person_sees_who_thinks_of_the_next_rung() -> None:
    """All that was done since the last move: runs, and whether each objective was kept over all of it."""
    policies = Policies(term("success_rate", bound=900_000), mode="enforce")
    one = workflow(*((15 * n, {"finished": {"succeeded": 10}}) for n in range(100)))
    standing = Standing(policies=policies, state=ordered("draft_only"), moved={PLACE: T})
    found = rise(one, standing, T + 1_500 * MINUTE_MS, Prices())
    assert (found["mode"], found["next"], found["runs"], found["lacks"]) == (
        "draft_only",
        "canary:10%",
        1_000,
        [],
    )
    early = rise(one, standing, T + 60 * MINUTE_MS, Prices())
    assert any("on this rung" in lack for lack in early["lacks"])


def test_without_a_policy_nothing_is_promised() -> None:
    """Its figures are still shown, as enforced as they were."""
    found = at(workflow((0, {"intents": 10, "denied": 10})), 1)
    assert (found.alerts, found.demotion, found.judged.mode) == ([], None, "enforce")


def test_a_repeat_is_told_once_for_each_episode() -> None:
    """Its id says which run, tool and parameters, and when it began."""
    seen = Seen(Repeat("loop", T, T + 1, 5), "default", "desk", "run-1", "read", "p1")
    assert repeated(seen).alert_id == f"loop/run-1/read/p1/{T}"
    assert "read" in repeated(seen).summary
    hostile = Seen(Repeat("retry_storm", T, T + 1, 5), "default", "desk", "run-1", "\0" * 90_000, "p1")
    assert len(Codec(Alert).encode(repeated(hostile))) < 3_000
    assert QUARTER_MS % MINUTE_MS == 0
