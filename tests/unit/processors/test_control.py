"""Control: what was stopped stays stopped until it is lifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.control import control
from toolgate.processors.control_state import ControlState, malformed, supported
from toolgate.processors.identity import identity
from toolgate.processors.reasons import Code
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control

INTENT = ("acme", "billing", "r1", "a1", "read_invoice", "erp")


def record(kind, scope, value, reason="incident 7"):
    """A control record."""
    return Control("c1", kind, scope, value, reason, ("ann",), version=2 if kind == "lift" else 0)


@pytest.mark.parametrize(
    ("scope", "value", "stopped"),
    [
        ("all", "", True),
        ("tenant", "acme", True),
        ("tenant", "acm", False),
        ("workflow", "billing", True),
        ("workflow", "acme/billing", True),
        ("workflow", "other/billing", False),
        ("run", "r1", True),
        ("run", "r2", False),
        ("agent", "a1", True),
        ("agent", "acme/a1", True),
        ("tool", "read_invoice", True),
        ("tool", "acme/read_invoice", True),
        ("tool", "read_*", False),
        ("system", "erp", True),
        ("system", "crm", False),
    ],
)
def test_a_kill_stops_what_it_names(scope, value, stopped):
    """A bare name means every tenant's; a name with its tenant means one."""
    state = ControlState().apply(record("kill", scope, value), 0)
    because = state.killed(*INTENT)
    assert bool(because) is stopped
    if stopped:
        assert "incident 7" in because
        assert "c1" in because


def test_a_lift_takes_away_exactly_its_kill():
    """Other kills stand, also wider ones."""
    state = (
        ControlState()
        .apply(record("kill", "workflow", "billing"), 0)
        .apply(record("kill", "tool", "read_invoice"), 1)
    )
    assert "tool" in state.apply(record("lift", "workflow", "billing"), 2).killed(*INTENT)
    assert "workflow" in state.apply(record("lift", "workflow", "acme/billing"), 2).killed(*INTENT)
    lifted = state.apply(record("lift", "workflow", "billing"), 2).apply(
        record("lift", "tool", "read_invoice"), 3
    )
    assert lifted.killed(*INTENT) == ""


def test_a_lift_that_is_copied_lifts_no_later_kill():
    """Its version lies below: it was not said in sight of that one."""
    lift = Control("c2", "lift", "run", "r1", "over", ("ann", "ben"), version=5)
    state = ControlState().apply(record("kill", "run", "r1"), 4)
    assert state.stale(lift) == ""
    again = state.apply(lift, 5).apply(record("kill", "run", "r1"), 6)
    assert again.stale(lift) == "version 5 does not lift the kill at 6, which came later"
    assert again.apply(lift, 7).kills == again.kills


def test_a_lift_that_names_what_is_to_come_lifts_nothing():
    """Or whoever may write to the topic could copy it, and lift every kill that comes later."""
    lift = Control("c2", "lift", "run", "r1", "over", ("ann", "ben"), version=2**50)
    state = ControlState().apply(record("kill", "run", "r1"), 4)
    assert state.apply(lift, 5).kills == state.kills
    exactly = Control("c2", "lift", "run", "r1", "over", ("ann", "ben"), version=5)
    assert state.apply(exactly, 5).kills == {}


def test_applying_a_record_twice_changes_nothing():
    """A worker that reads a record again has the same state."""
    once = ControlState().apply(record("kill", "run", "r1"), 4)
    lifted = once.apply(Control("c2", "lift", "run", "r1", "over", ("ann",), version=5), 5)
    assert lifted.kills == {}
    assert lifted.apply(record("kill", "run", "r1"), 4) is lifted
    assert once.position == 5


@pytest.mark.parametrize("kind", ["demote", "alert"])
def test_other_kinds_are_not_supported_and_change_nothing(kind):
    """What this version cannot act on is said to be so."""
    assert not supported(kind)
    assert ControlState().apply(record(kind, "all", ""), 0).kills == {}


@pytest.mark.parametrize("kind", ["kill", "lift", "activate", "mode", "grant"])
def test_these_kinds_are_supported(kind):
    """These are acted on."""
    assert supported(kind)


def test_an_unnamed_system_is_not_stopped_by_a_nameless_kill():
    """A tool without a system belongs to none."""
    state = ControlState().apply(record("kill", "system", "acme/"), 0)
    assert state.killed("acme", "billing", "r1", "a1", "t", "") == ""


@pytest.mark.parametrize(("kind", "codes"), [("call", [Code.KILLED]), ("usage", []), ("finish", [])])
def test_a_kill_stops_calls_and_lets_reports_through(kind, codes, case, world):
    """Money that is spent is still counted, and a run can still be closed."""
    state = ControlState().apply(record("kill", "system", "billing"), 0).apply(record("kill", "run", "r1"), 1)
    around = world(control=state)
    judged = control(identity(case(kind=kind), around), around)
    assert [reason.code for reason in judged.reasons] == codes


A, B = "a" * 32, "b" * 32


def activate(digest, version, *, rollback=False):
    """An activation."""
    return Control(
        "c1", "activate", "all", "", "", ("pub",), digest, version=version, rollback=rollback, checked_by="1"
    )


@pytest.mark.parametrize(
    ("word", "stale"),
    [
        (activate("c" * 32, 3), ""),
        (activate("c" * 32, 2), "version 2 cannot follow on version 2"),
        (activate("c" * 32, 4), "version 4 cannot follow"),
        (activate(B, 3), ""),
        (activate(A, 3), "was replaced before"),
        (activate(A, 3, rollback=True), ""),
        (activate(A, 2, rollback=True), "version 2 cannot follow"),
    ],
)
def test_an_activation_follows_on_the_one_before(word, stale):
    """A set that was replaced comes back only where a rollback is said, and no record counts twice."""
    state = ControlState().apply(activate(A, 1), 4).apply(activate(B, 2), 5)
    assert state.policy.digest == B
    assert stale in state.stale(word)
    assert bool(state.stale(word)) == bool(stale)
    after = state.apply(word, 6)
    assert (after.policy.digest, after.policy.version) == (word.policy_digest, word.version)
    assert after.stale(word) != ""


def test_a_set_that_came_back_is_activated_again_like_any_that_is_in_force():
    """Nothing comes back by it; what it replaced still does only by a rollback, and so does itself once replaced."""
    state = ControlState().apply(activate(A, 1), 4).apply(activate(B, 2), 5)
    state = state.apply(activate(A, 3, rollback=True), 6)
    assert state.stale(activate(A, 4)) == ""
    assert "was replaced before" in state.stale(activate(B, 4))
    state = state.apply(activate("c" * 32, 4), 7)
    assert "was replaced before" in state.stale(activate(A, 5))


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "tenant", "value": "acme"},
        {"policy_digest": ""},
        {"policy_digest": "A" * 32},
        {"policy_digest": "a" * 31},
        {"checked_by": ""},
    ],
)
def test_an_activation_names_a_set_for_everything(fields):
    """What is half said is not guessed."""
    assert malformed(activate(A, 1)) == ""
    assert malformed(changed(activate(A, 1), **fields)) != ""


def test_a_mode_is_ordered_for_workflows_and_what_has_them():
    """A run or a tool has no mode."""
    word = changed(record("mode", "run", "r1"), mode="read_only")
    assert "a mode is ordered for scope" in malformed(word)
    assert malformed(changed(word, scope="tenant")) == ""


ACTIVATIONS = st.lists(
    st.builds(
        lambda digest, version, rollback: activate(digest, version, rollback=rollback),
        digest=st.sampled_from([A, B, "c" * 32]),
        version=st.integers(0, 6),
        rollback=st.booleans(),
    ),
    max_size=20,
)


@given(ACTIVATIONS)
def test_versions_rise_by_one_and_no_record_counts_twice(words):
    """Whatever is written, in whatever order: a record that has counted never counts again, wherever it is copied."""
    state, counted = ControlState(), []
    for offset, word in enumerate(words):
        if not state.stale(word):
            state = state.apply(word, offset)
            counted.append(word)
        assert all(state.stale(before) for before in counted)
    assert [word.version for word in counted] == list(range(1, len(counted) + 1))
    assert state.policy.digest == (counted[-1].policy_digest if counted else "")


@given(ACTIVATIONS)
def test_a_set_comes_back_only_by_a_rollback(words):
    """Once it was replaced, that is; to activate what is in force is no rollback."""
    state, held = ControlState(), [""]
    for offset, word in enumerate(words):
        if not state.stale(word):
            state = state.apply(word, offset)
            if word.policy_digest in held[:-1] and word.policy_digest != held[-1]:
                assert word.rollback
            held.append(word.policy_digest)
