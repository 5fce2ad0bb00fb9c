"""What can go wrong between an agent and the gate, or between an executor and it. A denial is no error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.streams.errors import ToolgateError, UnreachableError

if TYPE_CHECKING:
    from toolgate.schemas.records import Outcome


class SdkError(ToolgateError):
    """Anything that the SDK raises by itself; each subclass says whether something may have happened."""


class IntentError(SdkError):
    """The intent cannot be sent as it is; nothing was sent."""


class AnswerError(SdkError):
    """A tool's answer cannot be reported as it is; its effect may have happened."""


class ContractRefusedError(SdkError):
    """The gate does not take the contract of a run: the run is under none, or under the one it had before."""

    def __init__(self, contract_id: str, outcome: Outcome) -> None:
        super().__init__(
            f"the gate refuses contract {contract_id}: {', '.join(outcome.codes)}",
            where=f"seq {outcome.seq} of the audit",
            remedy="the reasons stand there in words; start the run under a new id with a contract that is taken",
        )
        self.outcome = outcome


class NotSentError(SdkError):
    """Kafka did not take the record. It may be sent again under the same id: a repetition is decided once."""


class NoAnswerError(SdkError, UnreachableError):
    """No answer in time. The record was sent and may still be decided: send it again under the same id."""
