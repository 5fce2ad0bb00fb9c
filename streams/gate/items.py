"""Items: what an input record says, and what is asked of the ledger about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import Control, Intent, Result, RunContract, Tick, Vote

if TYPE_CHECKING:
    from toolgate.processors.case import Case, Envelope
    from toolgate.processors.holds import OpenHold
    from toolgate.schemas.records import Reason
    from toolgate.streams.ports import Ask

Record = Intent | Result | RunContract | Vote | Tick | Control

# What lies on each of `ports.INPUTS`.
RECORDS: dict[str, type[Record]] = {
    "intents": Intent,
    "results": Result,
    "contracts": RunContract,
    "votes": Vote,
    "ticks": Tick,
    "control": Control,
}


@frozen
class Reading:
    """A record as far as it could be read. `problem` is (code, detail) of what could not; it is quarantined."""

    envelope: Envelope
    record: Record | None = None
    schema_id: int = 0
    digest: str = ""
    problem: tuple[str, str] | None = None
    unseen: bool = False  # an intent that names results which are not there


@frozen
class Item:
    """A reading, and what is asked of the ledger about it.

    `case` is the judged intent: the record itself, or the one that a last vote is about. `refused` is why another input
    does not count. `hold` is what a vote or a tick is about, `voter` whose vote it is, once that is proven, and `after`
    the hold after it: None for one that it ends.
    """

    reading: Reading
    ask: Ask
    case: Case | None = None
    refused: Reason | None = None
    hold: OpenHold | None = None
    voter: str = ""
    after: OpenHold | None = None
