"""Control as the record has it: which state held at which position, and after which seq each record held."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from toolgate.streams.gate.steering import Steering
from toolgate.streams.ports import CONTROL, POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.replaying.recorded import Head, Recorded
    from toolgate.replaying.records import Records
    from toolgate.schemas.records import Reason
    from toolgate.streams.gate.intake import Intake


class _Whole:
    """The topics as the steering reads them, and a ledger that every record is applied to."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        found = [one for one in self._records.read((CONTROL, 0)) if one.offset >= position]
        return found, found[-1].offset + 1 if found else position

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        begin = (start or {}).get(0, 0)
        return (one for one in self._records.read((topic, 0)) if one.offset >= begin)

    def apply_control(self, offset: int, before: int) -> int:  # noqa: ARG002 - see `steering.Applied`
        return 0


class Controlled:
    """The control topic, read whole: it is short. The policy sets of its activations lie in the intake's store.

    Raises:
        UnavailableError: the policies topic is shorter than an activation says.
    """

    def __init__(self, records: Records, intake: Intake) -> None:
        whole = _Whole(records)
        for envelope in whole.read(POLICIES):
            intake.store.take(envelope)
        self._steering = Steering(whole, whole, intake)
        self._steering.follow()
        self._positions = [0, *(one.offset + 1 for one in whole.tail_control(0)[0])]
        self._risen = [(0, 0, 0)]  # (ctl, seq before its first decision, seq of that), ascending
        self._last = 0

    def see(self, event: Head) -> int:
        """The control position that the next event can have been decided under: its own, unless that is impossible."""
        known = self._positions[bisect_right(self._positions, max(event.ctl, 0)) - 1]
        ctl = max(known, self._risen[-1][0])
        if ctl > self._risen[-1][0]:
            self._risen.append((ctl, self._last, event.seq))
        self._last = event.seq
        return ctl

    def state_at(self, ctl: int) -> ControlState:
        """What held at a position."""
        return self._steering.state_at(ctl)

    def refused(self, offset: int) -> Reason | None:
        """Why a control record changed nothing."""
        return self._steering.refused(offset)

    def after(self, recorded: Recorded) -> dict[int, int]:
        """By the offset of this control record the seq after which it held: as recorded, if the decisions fit that."""
        offset = recorded.head.offset
        if recorded.head.topic != CONTROL:
            return {}
        later = next((one for one in self._risen if one[0] > offset), None)
        if later is None:
            return {}
        _, before, first = later
        said = recorded.event.after
        return {offset: before if said is None else min(max(said, before), first - 1)}
