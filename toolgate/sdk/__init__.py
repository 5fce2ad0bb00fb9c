"""What programs import: `Client` proposes calls, `Executor` runs commands, `Starter` says what a run may touch."""

from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring, StarterKey
from toolgate.processors.problems import LoadError
from toolgate.schemas.records import Command, Intent, Outcome, Result, RunContract
from toolgate.sdk.answer import Answer, ToolError
from toolgate.sdk.client import Client
from toolgate.sdk.errors import (
    AnswerError,
    ContractRefusedError,
    IntentError,
    NoAnswerError,
    NotSentError,
    SdkError,
)
from toolgate.sdk.executor import Executor
from toolgate.sdk.reply import Reply
from toolgate.sdk.starter import Starter
from toolgate.sdk.stops import Stops
from toolgate.sdk.ticket import Ticket
from toolgate.sdk.tools import Tools
from toolgate.streams.errors import RefusedError, SettingsError, ToolgateError, UnreachableError

__all__ = [
    "Answer",
    "AnswerError",
    "Client",
    "Command",
    "ContractRefusedError",
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
    "RunContract",
    "SdkError",
    "SettingsError",
    "Starter",
    "StarterKey",
    "Stops",
    "Ticket",
    "ToolError",
    "ToolgateError",
    "Tools",
    "UnreachableError",
]
