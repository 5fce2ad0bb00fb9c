"""What agents and executors import: `Client` proposes calls and hears of them, `Executor` runs commands."""

from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring
from toolgate.processors.problems import LoadError
from toolgate.schemas.records import Command, Intent, Outcome, Result
from toolgate.sdk.answer import Answer, ToolError
from toolgate.sdk.client import Client
from toolgate.sdk.errors import AnswerError, IntentError, NoAnswerError, NotSentError, SdkError
from toolgate.sdk.executor import Executor
from toolgate.sdk.reply import Reply
from toolgate.sdk.stops import Stops
from toolgate.sdk.ticket import Ticket
from toolgate.sdk.tools import Tools
from toolgate.streams.errors import RefusedError, SettingsError, ToolgateError, UnreachableError

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
    "LoadError",
    "NoAnswerError",
    "NotSentError",
    "Outcome",
    "RefusedError",
    "Reply",
    "Result",
    "SdkError",
    "SettingsError",
    "Stops",
    "Ticket",
    "ToolError",
    "ToolgateError",
    "Tools",
    "UnreachableError",
]
