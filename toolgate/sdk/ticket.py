"""A ticket: what is known of one intent that was sent, and what its agent waits for."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from toolgate.schemas.records import Verdict
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
    """One intent on its way. Both futures may be awaited: `await asyncio.wrap_future(ticket.outcome)`.

    `digest` is of the intent as it was sent: an answer that names another is to somebody else's intent.
    `outcome` is what the gate decided. `result` is how the command ended; it never comes without an approval.
    `forget` is told when nobody waits for the decision any more.
    """

    intent: Intent
    digest: str
    forget: Callable[[Ticket], None] = field(repr=False)
    outcome: Future[Outcome] = field(default_factory=_uncancellable)
    result: Future[Result] = field(default_factory=_uncancellable)

    def give_up(self) -> None:
        """Stop waiting for the decision; `decided` does so when its time is over, whoever awaits does it himself.

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
            return self._wait(
                self.outcome,
                timeout_s,
                "has not been decided",
                "see that a gate runs and reads this prefix, or the gate does not believe this key: see "
                "BAD_IDENTITY in its metrics; sending the same intent again is safe",
            )
        except NoAnswerError:
            self.give_up()
            raise

    def ended(self, timeout_s: float) -> Result:
        """Wait for the end of the approved command.

        Raises:
            NoAnswerError: none came in time.
            ValueError: the intent was not approved, so that there is no command.
        """
        outcome = self.outcome.result() if self.outcome.done() else self.decided(timeout_s)
        if outcome.verdict != Verdict.APPROVE or not outcome.command_id:
            raise ValueError(f"intent {self.intent.intent_id} made no command: {outcome.verdict}")
        return self._wait(
            self.result,
            timeout_s,
            f"was approved as command {outcome.command_id}, which has not ended",
            f"see that an executor of {self.intent.tool} runs",
        )

    def _wait(self, future: Future[T], timeout_s: float, what: str, remedy: str) -> T:
        try:
            return future.result(timeout_s)
        except TimeoutError:
            raise NoAnswerError(
                f"intent {self.intent.intent_id} of run {self.intent.run_id} {what} within {timeout_s:g} s",
                remedy=remedy,
            ) from None
