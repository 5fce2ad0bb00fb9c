"""What can go wrong outside a decision, as a person reads it: what happened, where, and what to do.

Every class here has its exit code in `toolgate.cli.exits`. Failures inside the ledger and the log have their
own classes in `toolgate.streams.ports`, because the gate's loop acts on those and nobody reads them.
"""

from __future__ import annotations


class ToolgateError(Exception):
    """Something a person must act on.

    Args:
        what: one sentence that says what happened.
        where: the file, address, topic or setting it is about; empty where `what` already says it.
        remedy: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  do:    {self.remedy}")
        return "\n".join(lines)


class SettingsError(ToolgateError):
    """A setting is missing or has a value that cannot be used."""


class UnreachableError(ToolgateError):
    """Kafka or Redis did not answer within its limit."""


class RefusedError(ToolgateError):
    """Kafka or Redis answers, but is set up in a way that would break a promise."""


class LocalStackError(ToolgateError):
    """The local Kafka or Valkey could not be fetched, started or kept running."""


class OtherLedgerCodeError(ToolgateError):
    """The ledger is run by another version: old and new workers would rebuild it against each other."""


class ClockAheadError(ToolgateError):
    """A record is dated so far ahead that deciding it would expire everything for good."""


class LostRecordsError(ToolgateError):
    """Records that recovery or deciding must have are gone from the log."""


class ControlRefusedError(ToolgateError):
    """An operator's word that would change nothing: who signs may not say it, or it does not follow on what holds."""


class SlotInUseError(ToolgateError):
    """Another process works under the same slot."""
