"""What the exit codes of `toolgate` mean, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes: stable, never reused. Scripts and supervisors may act on them."""

    OK = 0
    STOPPED = 1  # the user broke it off
    USAGE = 2  # wrong arguments, or a setting that is missing or unusable
    UNREACHABLE = 3  # Kafka, Redis or the schema registry does not answer
    REFUSED = 4  # Kafka or Redis is set up in a way that would break a promise
    CODE_MISMATCH = 5  # the ledger runs other scripts than this version has
    LOCAL_STACK = 6  # the local Kafka or Valkey could not be fetched, started or kept running
    FILES = 7  # a policy, catalogue, key or schema file is faulty
    CLOCK = 8  # a record is dated too far ahead of this machine's clock
    LOST_RECORDS = 9  # records that the gate must have are gone from Kafka
    DIFFERENCE = 10  # a check ran to its end and found a difference
    SLOT_IN_USE = 11  # another process took this slot: it has fenced this one
    INTERNAL = 70  # a fault of toolgate itself


# By name and not by class: an error's module is loaded when the error is there, and `--version` needs none.
_BY_ERROR: dict[str, Exit] = {
    "toolgate.streams.errors.SettingsError": Exit.USAGE,
    "toolgate.streams.errors.UnreachableError": Exit.UNREACHABLE,
    "toolgate.streams.errors.RefusedError": Exit.REFUSED,
    "toolgate.streams.errors.LocalStackError": Exit.LOCAL_STACK,
    "toolgate.streams.errors.OtherLedgerCodeError": Exit.CODE_MISMATCH,
    "toolgate.streams.errors.ClockAheadError": Exit.CLOCK,
    "toolgate.streams.errors.LostRecordsError": Exit.LOST_RECORDS,
    "toolgate.streams.errors.SlotInUseError": Exit.SLOT_IN_USE,
    "toolgate.streams.ports.UnavailableError": Exit.UNREACHABLE,
    "toolgate.streams.ports.CodeMismatchError": Exit.CODE_MISMATCH,
    "toolgate.streams.ports.RetryError": Exit.UNREACHABLE,
    "toolgate.streams.ports.FatalError": Exit.UNREACHABLE,
    "toolgate.schemas.registry.RegistryError": Exit.UNREACHABLE,
    "toolgate.processors.problems.LoadError": Exit.FILES,
}


def exit_for(error: BaseException) -> Exit:
    """The code that this error ends with; INTERNAL for one that nobody has foreseen."""
    for cls in type(error).__mro__:
        found = _BY_ERROR.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found
    return Exit.INTERNAL
