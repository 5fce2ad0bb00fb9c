"""A ticket: what is known of one intent that was sent, and what its agent waits for."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from toolgate.schemas.enums import Verdict
from toolgate.sdk.errors import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import Intent, Outcome, Result

T = TypeVar("T")


def _uncancellable() -> Future[Any]:
    """A future that a waiter who gives up cannot cancel for the others who wait."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One intent on its way.

    `digest` is of the intent as it was sent: an answer that names another is to somebody else's intent.
    `outcome` is what the gate decided, and `last` the last that it says: the same, or, of a call that waits for people,
    what came of that. `result` is how the command ended; it never comes without an approval.
    `forget` is told when nobody waits for the decision any more.
    """

    intent: Intent
    digest: str
    forget: Callable[[Ticket], None] = field(repr=False)
    outcome: Future[Outcome] = field(default_factory=_uncancellable)
    last: Future[Outcome] = field(default_factory=_uncancellable)
    result: Future[Result] = field(default_factory=_uncancellable)

    def give_up(self) -> None:
        """Stop waiting for the decision; who waits in vain does so when the time is over.

        A decision that comes late is still heard for a while, so sending the same intent again finds it.
        """
        self.forget(self)

    def decided(self, timeout_s: float) -> Outcome:
        """Wait for the gate's decision.

        Raises:
            NoAnswerError: none came in time.
            NotSentError: Kafka did not take the intent.
        """
        try:
            return self.outcome.result(timeout_s)
        except TimeoutError:
            self.give_up()
            raise self._undecided(timeout_s) from None

    async def decided_async(self, timeout_s: float) -> Outcome:
        """`decided`, for a coroutine."""
        try:
            return await _awaited(self.outcome, timeout_s)
        except TimeoutError:
            self.give_up()
            raise self._undecided(timeout_s) from None
        except asyncio.CancelledError:
            self.give_up()
            raise

    def settled(self, timeout_s: float) -> Outcome:
        """Wait until people have decided about a call that waits for them; of every other it is the decision itself.

        Hours may pass. A client that was started anew sends the same intent again and hears what comes from then on.

        Raises:
            NoAnswerError: nothing is settled in time.
            NotSentError: Kafka did not take the intent.
        """
        try:
            return self.last.result(timeout_s)
        except TimeoutError:
            raise self._unsettled(timeout_s) from None

    async def settled_async(self, timeout_s: float) -> Outcome:
        """`settled`, for a coroutine."""
        try:
            return await _awaited(self.last, timeout_s)
        except TimeoutError:
            raise self._unsettled(timeout_s) from None

    def ended(self, timeout_s: float) -> Result:
        """Wait for the end of the approved command.

        Raises:
            NoAnswerError: none came in time.
            ValueError: the intent was not approved, so that there is no command.
        """
        outcome = self._known() or self.decided(timeout_s)
        self._check(outcome)
        try:
            return self.result.result(timeout_s)
        except TimeoutError:
            raise self._unended(outcome, timeout_s) from None

    async def ended_async(self, timeout_s: float) -> Result:
        """`ended`, for a coroutine."""
        outcome = self._known() or await self.decided_async(timeout_s)
        self._check(outcome)
        try:
            return await _awaited(self.result, timeout_s)
        except TimeoutError:
            raise self._unended(outcome, timeout_s) from None

    def _known(self) -> Outcome | None:
        """The last that the gate has said so far."""
        said = self.last if self.last.done() else self.outcome
        return said.result() if said.done() else None

    def _check(self, outcome: Outcome) -> None:
        if outcome.verdict != Verdict.APPROVE or not outcome.command_id:
            raise ValueError(f"intent {self.intent.intent_id} made no command: {outcome.verdict}")

    def _undecided(self, timeout_s: float) -> NoAnswerError:
        return NoAnswerError(
            f"intent {self.intent.intent_id} of run {self.intent.run_id} has not been decided "
            f"within {timeout_s:g} s",
            remedy="see that a gate runs and reads this prefix, or the gate does not believe this key: see "
            "BAD_IDENTITY in its metrics; sending the same intent again is safe",
        )

    def _unsettled(self, timeout_s: float) -> NoAnswerError:
        if not self.outcome.done():
            return self._undecided(timeout_s)
        hold_id = self.outcome.result().hold_id
        return NoAnswerError(
            f"nobody has decided about {hold_id}, intent {self.intent.intent_id} of run {self.intent.run_id}, "
            f"within {timeout_s:g} s",
            remedy=f"it goes on waiting until it expires: toolgate queue {hold_id}",
        )

    def _unended(self, outcome: Outcome, timeout_s: float) -> NoAnswerError:
        return NoAnswerError(
            f"intent {self.intent.intent_id} of run {self.intent.run_id} was approved as command "
            f"{outcome.command_id}, which has not ended within {timeout_s:g} s",
            remedy=f"see that an executor of {self.intent.tool} runs",
        )


async def _awaited(future: Future[T], timeout_s: float) -> T:
    return await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
