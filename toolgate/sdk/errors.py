"""What can go wrong between an agent and the gate, or between an executor and it. A denial is no error."""

from __future__ import annotations

from toolgate.streams.errors import ToolgateError, UnreachableError


class SdkError(ToolgateError):
    """Anything that the SDK raises by itself; each subclass says whether something may have happened."""


class IntentError(SdkError):
    """The intent cannot be sent as it is; nothing was sent."""


class AnswerError(SdkError):
    """A tool's answer cannot be reported as it is; its effect may have happened."""


class NotSentError(SdkError):
    """Kafka did not take the record. It may be sent again under the same id: a repetition is decided once."""


class NoAnswerError(SdkError, UnreachableError):
    """No answer in time. The record was sent and may still be decided: send it again under the same id."""
