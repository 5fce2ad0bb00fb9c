"""What was found wrong: which law, at which record, in a sentence."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent

LISTED_MAX = 20


class Law(StrEnum):
    """What must be true of every history. Names are stable: scripts may look for them."""

    READABLE = "readable"  # what only the gate writes can be read
    TOTALITY = "totality"  # one audit event for every input record, and none about nothing
    CONTENT = "content"  # what was decided is what was written
    ORDER = "order"  # seq is a total order without unexplained gaps, and follows the offsets of a partition
    CLOCK = "clock"  # the ledger's clock never runs back, and is never behind the record it decides
    FIRST = "first"  # an id is decided once; whatever repeats it names that decision
    COMMAND = "command"  # a command for each approved call, and no other
    PROPOSAL = "proposal"  # a hold for each HOLD and a draft for each DRAFT, and no other
    HOLD = "hold"  # enough different people approve, in time, what was held; it ends once
    DENIAL = "denial"  # a denial for each DENY, and no other
    OUTCOME = "outcome"  # whoever proved who they are is told, once and rightly; nobody else is
    QUARANTINE = "quarantine"  # what could not be read is kept as it came
    RESERVATION = (
        "reservation"  # an approval reserves once; a result ends that once, and spent + freed = reserved
    )
    CAP = "cap"  # no account is ever over what it was allowed
    CONTROL = "control"  # a control record holds for exactly the decisions above its published seq
    KILL = "kill"  # nothing is approved that a kill, or an order to shadow, covers
    GRANT = "grant"  # what a grant lets through it covers, in time, and people on call are told
    SHADOW = "shadow"  # what is in shadow moves no account and makes nothing
    CONTRACT = "contract"  # a run has one contract at most, from before its first approval, and keeps to it
    LEDGER = "ledger"  # Redis is the fold of the audit, to the integer


@dataclass(frozen=True, slots=True)
class Place:
    """A record's coordinates; `seq` of the decision that it belongs to, None where it has none."""

    topic: str
    partition: int
    offset: int
    seq: int | None = None

    def __str__(self) -> str:
        """`topic[partition]@offset (seq n)`."""
        at = f"{self.topic}[{self.partition}]@{self.offset}"
        return at if self.seq is None else f"{at} (seq {self.seq})"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `place` is None for what is wrong with the ledger as it stands."""

    law: Law
    place: Place | None
    what: str

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "law": self.law.value,
            "place": None if self.place is None else asdict(self.place),
            "what": self.what,
        }


@dataclass(slots=True)
class Findings:
    """Collects what is wrong: all of it is counted, the first of each law are kept."""

    counts: Counter[Law] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, law: Law, place: Place | None, what: str) -> None:
        """One more; of each law as many are kept as can be listed."""
        self.counts[law] += 1
        if self.counts[law] <= LISTED_MAX:
            self.kept.append(Finding(law, place, what))

    def at(self, law: Law, event: AuditEvent, what: str) -> None:
        """One more, about the input record that an audit event decides."""
        self.add(law, Place(event.topic, event.partition, event.offset, event.seq), what)

    def listed(self) -> list[Finding]:
        """The first ones in the ledger's order, those without a seq before them; LISTED_MAX at most."""
        return sorted(self.kept, key=_when)[:LISTED_MAX]


def _when(finding: Finding) -> int:
    if finding.place is None:
        return 1 << 62  # the ledger as it stands comes last
    return finding.place.seq if finding.place.seq is not None else -1
