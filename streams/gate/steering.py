"""Steering: what the control topic says, as one worker has read it, position by position.

Every worker reads all of control and applies each record to the ledger; the first to do so fixes the seq
after which it holds. A decision stored by somebody else names the position it was made under, so the states
of all positions are kept: control is short.

An activation is applied only when the policies topic has been read as far as it says: whether its set stands there
whole is then the same for every worker, and the set is at hand before anybody decides under it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Protocol

from toolgate.processors.control_state import ACTIVATE, ControlState
from toolgate.schemas.records import Control
from toolgate.streams.gate.points import PATIENCE, PAUSE
from toolgate.streams.ports import POLICIES, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import Reason
    from toolgate.streams.gate.intake import Intake


class Topics(Protocol):
    """Where control and policies are read."""

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        """See `ports.Log`."""

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        """See `ports.Log`."""


class Applied(Protocol):
    """What control is applied to."""

    def apply_control(self, offset: int, before: int) -> int:
        """See `ports.Ledger`."""


class Steering:
    """The control topic up to `position`, applied to the ledger."""

    def __init__(self, log: Topics, ledger: Applied, intake: Intake) -> None:
        self._log = log
        self._ledger = ledger
        self._intake = intake
        self._positions = [0]
        self._states = [ControlState()]
        self._refused: dict[int, Reason] = {}

    @property
    def position(self) -> int:
        """The ledger's control position when everything read so far is applied."""
        return self._positions[-1]

    @property
    def state(self) -> ControlState:
        """What holds at `position`."""
        return self._states[-1]

    def state_at(self, position: int) -> ControlState:
        """What held when the ledger stood at `position`."""
        return self._states[bisect_right(self._positions, position) - 1]

    def refused(self, offset: int) -> Reason | None:
        """Why the control record at `offset`, which was followed, changed nothing; None when it counts."""
        return self._refused.get(offset)

    def holds_after(self, offset: int) -> int:
        """The seq after which the control record at `offset` holds, as the ledger has it now.

        Asked anew each time: a ledger rebuilt since we applied the record may hold it from another seq on.
        """
        return self._ledger.apply_control(offset, self._positions[bisect_right(self._positions, offset) - 1])

    def follow(self) -> bool:
        """Read control to its end and apply what is new; whether anything was.

        Raises:
            RetryError: the end cannot be learnt: nothing may be approved until it is.
            LedgerError: the ledger did not take a record, or what it needs is not there; nothing of it is remembered.
        """
        envelopes, _ = self._log.tail_control(self.position)
        for envelope in envelopes:
            word, state = self._intake.read(envelope).record, self.state
            if isinstance(word, Control):
                if fault := self._fault(envelope, word):
                    self._refused[envelope.offset] = fault
                else:
                    state = state.apply(word, envelope.offset)
            # Applied whatever it says: a position is the same for all only if every record moves it.
            self._ledger.apply_control(envelope.offset, self.position)
            self._positions.append(envelope.offset + 1)
            self._states.append(state)
        return bool(envelopes)

    def _fault(self, envelope: Envelope, word: Control) -> Reason | None:
        """Why a record changes nothing. Nobody is made to wait by one that its writer may not write."""
        if fault := self._intake.control_fault(envelope, word, self.state):
            return fault
        if word.kind == ACTIVATE:
            self._read_policies(word.policies_end)
        return self._intake.set_fault(word)

    def _read_policies(self, end: int) -> None:
        store = self._intake.store
        if store.end < end:
            for envelope in self._log.read(POLICIES, {0: store.end}):
                store.take(envelope)
        if store.end < end:
            raise UnavailableError(f"policies are read up to {store.end}, not {end}")

    def reach(self, position: int) -> Iterator[str]:
        """Follow control until `position`, with pauses: what others know already, the topic may show us a moment later.

        Raises:
            UnavailableError: the topic does not show it.
        """
        for _ in range(PATIENCE):
            if self.position >= position:
                return
            if not self.follow():
                yield PAUSE
        raise UnavailableError(f"control is read up to {self.position}, not {position}")
