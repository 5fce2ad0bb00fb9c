"""Bugs about people: who approves what waits, when, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests

from toolgate.processors import chain, voting
from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.holds import kept
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.streams.gate import deciding, due, intake

if TYPE_CHECKING:
    import pytest

    from toolgate.processors.case import Case
    from toolgate.processors.holds import OpenHold
    from toolgate.processors.world import World

VOTE = 0.2


def _sees(patch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Votes are held against a hold that says this."""
    step = voting.step_of_vote

    def seen(vote: Any, hold: OpenHold, envelope: Any, world: Any) -> Any:
        return step(
            vote, changed(hold, **{name: of(vote, world) for name, of in fields.items()}), envelope, world
        )

    patch.setattr(intake, "step_of_vote", seen)


def digest_not_bound(patch: pytest.MonkeyPatch) -> None:
    """A vote counts whichever intent its voter saw."""
    _sees(patch, digest=lambda vote, _world: vote.digest)


def agents_approve(patch: pytest.MonkeyPatch) -> None:
    """Whoever asked may approve as well."""
    _sees(patch, agent_id=lambda _vote, _world: "nobody")


def one_person_is_two(patch: pytest.MonkeyPatch) -> None:
    """Who approves twice is two people."""
    fault = voting._approval_fault

    def unseen(vote: Any, hold: OpenHold, voter: Any, world: Any) -> str:
        return fault(vote, changed(hold, approvals=()), voter, world)

    patch.setattr(voting, "_approval_fault", unseen)


def old_policies_hold(patch: pytest.MonkeyPatch) -> None:
    """A vote counts also when other policies have come into force."""

    def of_any(_vote: Any, hold: OpenHold, voter: Any, _world: Any) -> str:
        return "has approved it already" if voter.kid in hold.approvals else ""

    patch.setattr(voting, "_approval_fault", of_any)


def late_votes_count(patch: pytest.MonkeyPatch) -> None:
    """A hold never expires for those who vote."""
    in_time = voting.in_time
    for module in (voting, intake):
        patch.setattr(module, "in_time", lambda hold: changed(in_time(hold), at_ms=AMOUNT_MAX))


def approved_again_and_again(patch: pytest.MonkeyPatch) -> None:
    """What was approved goes on waiting."""
    patch.setattr(intake, "ended", kept)


def rejected_and_waiting(patch: pytest.MonkeyPatch) -> None:
    """What was rejected, withdrawn or has expired goes on waiting."""
    patch.setattr(voting, "ended", kept)


def one_approval_is_all(patch: pytest.MonkeyPatch) -> None:
    """The first approval makes the command, however many are needed."""
    _sees(patch, approvers=lambda _vote, _world: 1)


def votes_judged_together(patch: pytest.MonkeyPatch) -> None:
    """Votes of a batch on one hold do not see each other."""
    patch.setattr(deciding, "_apart", lambda readings: [list(readings)])


def nobody_says_that_it_expired(patch: pytest.MonkeyPatch) -> None:
    """No tick is ever written."""
    patch.setattr(due.Due, "ticks", lambda _self, _held: [])


def approved_means_allowed(patch: pytest.MonkeyPatch) -> None:
    """What people approve is not judged by what denies any more."""
    settled = chain._settled

    def forgiving(case: Case, world: World) -> Case:
        judged = changed(case, reasons=(), verdict=Verdict.HOLD) if case.approved else case
        return settled(judged, world)

    patch.setattr(chain, "_settled", forgiving)


BUGS = (
    *in_histories(digest_not_bound, world="voted", first=90, vote=VOTE),
    *in_histories(agents_approve, world="voted", first=53, vote=VOTE),
    *in_histories(old_policies_hold, world="voted", first=101, vote=VOTE),
    *in_histories(late_votes_count, world="voted", first=81, vote=VOTE),
    *in_histories(one_approval_is_all, world="voted", first=68, vote=VOTE),
    *in_histories(
        approved_again_and_again,
        rejected_and_waiting,
        votes_judged_together,
        nobody_says_that_it_expired,
        world="voted",
        vote=VOTE,
    ),
    in_tests(one_person_is_two, "unit/streams/gate/test_voted.py::test_two_people_where_two_are_needed"),
    in_tests(approved_means_allowed, "unit/streams/gate/test_voted.py::test_a_kill_that_came_meanwhile"),
)
