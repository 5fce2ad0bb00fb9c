"""Says in the log whose records are not believed: their writers hear nothing, so a person has to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from toolgate.processors.reasons import Code
from toolgate.schemas.headers import kid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.streams.gate.items import Item

EVERY_S = 60.0
KIDS_MAX = 1000  # anybody who may write a topic may claim any number of ids
KID_CHARS = 64
DETAIL_CHARS = 200
_log = structlog.get_logger("toolgate.gate")


class Unbelieved:
    """Warns of records whose writer is not proven, at most once a minute for each key id that they claim.

    While as many ids as `KIDS_MAX` were told of within a minute, no others are told.

    Args:
        clock: seconds that never run back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}  # when each was told of last

    def batch(self, items: Iterable[Item]) -> None:
        """These were decided."""
        now = self._clock()
        self._told = {kid: told_s for kid, told_s in self._told.items() if now - told_s < EVERY_S}
        for item in items:
            why = _why(item)
            if why is None:
                continue
            kid = _claimed(item)
            if kid not in self._told and len(self._told) < KIDS_MAX:
                self._told[kid] = now
                topic = item.reading.envelope.topic
                _log.warning("a writer is not believed", claimed_kid=kid, topic=topic, detail=why)


def _why(item: Item) -> str | None:
    reasons = [item.refused] if item.refused else item.case.reasons if item.case else []
    return next(
        (reason.because[:DETAIL_CHARS] for reason in reasons if reason.code == Code.BAD_IDENTITY), None
    )


def _claimed(item: Item) -> str:
    """The key id in the headers, or "": shortened, and of printable ASCII alone."""
    claimed = kid_of(item.reading.envelope.headers)[:KID_CHARS]
    return "".join(c if c.isprintable() else "\ufffd" for c in claimed)
