"""Bugs of control: a word that holds too early, too late, or for some workers only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests

from toolgate.processors import control_state, modes
from toolgate.processors.control_state import ControlState
from toolgate.processors.policy_store import PolicyStore
from toolgate.schemas.frozen import changed
from toolgate.streams.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    import pytest


def control_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A batch judged before a kill is decided after it."""
    decide = MemoryLedger.decide
    patch.setattr(MemoryLedger, "decide", lambda self, _ctl, shares: decide(self, self._image.ctl, shares))


def older_sets_count(patch: pytest.MonkeyPatch) -> None:
    """An activation counts whatever it follows on."""
    patch.setattr(ControlState, "stale", lambda _self, _word: "")


def sets_that_come_later_count(patch: pytest.MonkeyPatch) -> None:
    """An activation counts as soon as its set is there, for whoever reads it then."""
    files = PolicyStore.files
    patch.setattr(PolicyStore, "files", lambda self, name, _below=None: files(self, name))


def control_by_count(patch: pytest.MonkeyPatch) -> None:
    """The control position counts records, although the offsets of a transactional topic have gaps."""
    apply = MemoryLedger.apply_control

    def counting(self: MemoryLedger, offset: int, before: int) -> int:
        known = offset in self._image.after
        seq = apply(self, offset, before)
        if not known:
            self._image.ctl = len(self._image.after)
        return seq

    patch.setattr(MemoryLedger, "apply_control", counting)


def copied_words_count(patch: pytest.MonkeyPatch) -> None:
    """A record that was applied before is applied again when somebody copies it to the topic."""
    patch.setattr(ControlState, "stale", lambda _self, _word: "")


def kills_of_everything_unseen(patch: pytest.MonkeyPatch) -> None:
    """A kill of everything stops nothing that has a name."""
    patch.setattr(control_state, "ALL", "everything")


def lifts_by_scope(patch: pytest.MonkeyPatch) -> None:
    """A lift takes away every kill of its scope."""
    apply = ControlState.apply

    def lifting(self: ControlState, control: Any, offset: int) -> ControlState:
        if control.kind == "lift":
            for scope, value in [key for key in self.kills if key[0] == control.scope]:
                self = apply(self, _named(control, scope, value), self.position)
        return apply(self, control, max(offset, self.position))

    patch.setattr(ControlState, "apply", lifting)


def canaries_of_orders_by_another_hash(patch: pytest.MonkeyPatch) -> None:
    """A canary that is ordered enforces other runs than one that the policy says."""
    mode = ControlState.mode

    def elsewhere(self: ControlState, tenant: str, workflow: str, run: str, written: str, **rest: Any) -> Any:
        orders = {
            target: replace(order, mode=modes.mode_of_run(order.mode, "", workflow, run))
            for target, order in self.orders.items()
        }
        return mode(replace(self, orders=orders), tenant, workflow, run, written, **rest)

    patch.setattr(ControlState, "mode", elsewhere)


def ladder_without_runs(patch: pytest.MonkeyPatch) -> None:
    """Drafting counts as tighter than any canary, also for the runs that a canary had in shadow."""
    looser = modes.looser

    def on_the_ladder(mode: str, than: str) -> bool:
        return looser(mode, than) and not (mode == modes.DRAFT_ONLY and than.startswith("canary"))

    patch.setattr(modes, "looser", on_the_ladder)


def _named(control: Any, scope: str, value: str) -> Any:
    return changed(control, scope=scope, value=value)


_ORDERS = "unit/processors/test_mode_orders.py::"
BUGS = (
    *in_histories(
        control_by_count, control_not_compared, older_sets_count, sets_that_come_later_count, control=0.05
    ),
    in_tests(
        copied_words_count,
        "unit/streams/gate/test_steering.py::test_an_activation_that_is_copied_to_the_topic_changes_nothing",
    ),
    in_tests(kills_of_everything_unseen, "unit/processors/test_control.py::test_a_kill_stops_what_it_names"),
    in_tests(lifts_by_scope, "unit/processors/test_control.py::test_a_lift_takes_away_exactly_its_kill"),
    in_tests(canaries_of_orders_by_another_hash, _ORDERS + "test_of_two_canaries_the_smaller_share_holds"),
    in_tests(
        ladder_without_runs,
        _ORDERS + "test_canaries_on_the_ladder",
        _ORDERS + "test_what_does_not_loosen_gives_no_run_more",
    ),
)
