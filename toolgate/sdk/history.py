"""History: what the results of one partition say of its commands, and what is therefore left to do.

Pure. A command has its effect at most once because STARTED is committed together with the command's offset,
before the effect: whoever comes later reads STARTED and knows that the effect may have happened.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from toolgate.schemas.enums import ResultStatus

if TYPE_CHECKING:
    from toolgate.schemas.records import Command, Result

Key = tuple[str, str]


def key_of(record: Command | Result) -> Key:
    """What tells commands apart: as at the gate, a result is a command's only if id and digest agree."""
    return record.command_id, record.digest


class Progress(StrEnum):
    """How far a command came, by the results about it."""

    NEW = "new"
    STARTED = "started"
    ENDED = "ended"


class Todo(StrEnum):
    """What is left to do about a command."""

    RUN = "run"  # STARTED and the offset in one transaction, then the effect
    RUN_AGAIN = "run again"  # its STARTED stands
    VOID = "void"  # END: it was never begun and must not be
    UNKNOWN = "unknown"  # END: its effect may have happened
    NOTHING = "nothing"


class History:
    """The fold of one partition's results; the first end of a command is the one that counts.

    Args:
        since_ms: it is complete for commands that were approved then or later; nothing can be said of others.
    """

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._open: dict[Key, Result] = {}
        self._ended: set[Key] = set()

    def __len__(self) -> int:
        return len(self._open) + len(self._ended)

    def add(self, result: Result) -> None:
        """The next result, in the order of the log."""
        key = key_of(result)
        if key in self._ended:
            return
        if result.status == ResultStatus.STARTED:
            self._open.setdefault(key, result)
        else:
            self._open.pop(key, None)
            self._ended.add(key)

    def progress(self, command: Command) -> Progress:
        """How far a command came."""
        key = key_of(command)
        if key in self._ended:
            return Progress.ENDED
        return Progress.STARTED if key in self._open else Progress.NEW

    def covers(self, command: Command) -> bool:
        """Whether a command of which nothing was read has not been begun."""
        return command.approved_at >= self.since_ms

    def open(self) -> list[Result]:
        """STARTED of commands without an end, oldest first."""
        return list(self._open.values())


def todo(history: History, command: Command, refusal: str) -> Todo:
    """What is left to do about a command.

    Args:
        history: of its partition.
        command: which one.
        refusal: why it must not begin now (expired, killed), or "".
    """
    match history.progress(command):
        case Progress.ENDED:
            return Todo.NOTHING
        case Progress.STARTED:
            return Todo.RUN_AGAIN if command.idempotent and not refusal else Todo.UNKNOWN
        case _ if not history.covers(command):
            return Todo.NOTHING  # it may have been run: not to say anything is all that is certainly true
        case _:
            return Todo.VOID if refusal else Todo.RUN
