"""What agents and executors import: `Client` proposes calls and hears of them, `Executor` runs commands."""

from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring
from toolgate.schemas.records import Command, Intent, Outcome, Result
from toolgate.sdk.client import Client
from toolgate.sdk.errors import AnswerError, IntentError, NoAnswerError, NotSentError, SdkError
from toolgate.sdk.executor import Answer, Executor, ToolError
from toolgate.sdk.stops import Stops
from toolgate.sdk.ticket import Ticket
from toolgate.streams.errors import SettingsError, ToolgateError, UnreachableError

__all__ = [
    "Answer",
    "AnswerError",
    "Client",
    "Command",
    "Executor",
    "ExecutorKey",
    "Intent",
    "IntentError",
    "IntentKey",
    "Keyring",
    "NoAnswerError",
    "NotSentError",
    "Outcome",
    "Result",
    "SdkError",
    "SettingsError",
    "Stops",
    "Ticket",
    "ToolError",
    "ToolgateError",
    "UnreachableError",
]
