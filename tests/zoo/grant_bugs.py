"""Bugs of grants: one that is given too easily, that lasts too long, or that widens more than rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests

from toolgate.processors import break_glass, chain, control_state, grants, identity, limits
from toolgate.processors.claims import Charge, Deadline
from toolgate.processors.control_state import ControlState
from toolgate.schemas.frozen import changed
from toolgate.streams.gate import alerting, publish

if TYPE_CHECKING:
    import pytest


def grants_waive_budgets(patch: pytest.MonkeyPatch) -> None:
    """A call under a grant takes nothing of what money there is."""
    taken = limits.limits

    def free(case: Any, world: Any) -> Any:
        case = taken(case, world)
        kept = tuple(claim for claim in case.claims if case.grant is None or type(claim) is not Charge)
        return changed(case, claims=kept)

    patch.setattr(chain, "CHAIN", tuple(free if one is taken else one for one in chain.CHAIN))


def ended_grants_cover(patch: pytest.MonkeyPatch) -> None:
    """A grant covers what was asked in time, whenever it is decided."""
    deadlines = limits._deadlines

    def only_ttl(case: Any) -> list[Deadline]:
        return list(deadlines(changed(case, grant=None)))

    patch.setattr(limits, "_deadlines", only_ttl)


def grants_outlive_themselves(patch: pytest.MonkeyPatch) -> None:
    """A command under a grant may begin as long as any other."""
    patch.setattr(publish, "_until", lambda _case, decision: decision.clk + publish.HOLD_MS)


def one_signer_grants(patch: pytest.MonkeyPatch) -> None:
    """One operator who signs twice gives a grant."""
    patch.setattr(grants, "SIGNERS_MIN", 1)


def copied_grants_count(patch: pytest.MonkeyPatch) -> None:
    """A grant that was copied to the topic grants again, also when somebody has ended it."""
    stale = ControlState.stale
    patch.setattr(ControlState, "stale", lambda self, word: "" if word.kind == "grant" else stale(self, word))


def grants_of_any_length(patch: pytest.MonkeyPatch) -> None:
    """A grant stands as long as it says."""
    patch.setattr(identity, "life_fault", lambda _word, _time_ms: "")


def revoked_grants_stand(patch: pytest.MonkeyPatch) -> None:
    """What ends a grant changes nothing."""
    given = grants.grant_of

    def kept(control: Any, version: int) -> Any:
        return given(
            changed(control, tools=control.tools or ("*",), expires_at=control.expires_at or 1 << 52), version
        )

    patch.setattr(control_state.grants, "grant_of", kept)


def used_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody on call is told of a command under a grant."""
    patch.setattr(alerting, "of_call", lambda _case, _decision, _command_id: None)


def modes_are_waived(patch: pytest.MonkeyPatch) -> None:
    """A grant waives also what an operator's mode makes of writes."""
    patch.setattr(break_glass.modes, "RULE", "no mode")


def what_cannot_be_undone_is_waived(patch: pytest.MonkeyPatch) -> None:
    """A grant covers irreversible calls as well."""
    patch.setattr(break_glass, "IRREVERSIBLE", "never")


_TABLE = "unit/processors/test_break_glass.py::test_what_else_speaks_against_a_call_stands"

BUGS = (
    in_tests(
        grants_waive_budgets,
        "unit/processors/test_break_glass.py::test_a_tool_beyond_the_policy_is_under_all_of_its_limits",
    ),
    *in_histories(
        ended_grants_cover,
        grants_outlive_themselves,
        one_signer_grants,
        copied_grants_count,
        grants_of_any_length,
        revoked_grants_stand,
        used_in_silence,
        world="granted",
        grant=0.02,
    ),
    in_tests(modes_are_waived, _TABLE),
    in_tests(what_cannot_be_undone_is_waived, _TABLE),
)
