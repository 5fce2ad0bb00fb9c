"""Samples: completed commands that were drawn for people to look at, and what they found. A fold of alerts and reviews.

What is drawn says the watch; whoever looks may also judge a command that was not, and it counts for its workflow,
not in what is said of all completed work.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.inspection.stretches import records, whole
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.enums import AlertKind
from toolgate.schemas.records import Alert, Command, Review
from toolgate.schemas.strict_json import JsonError, loads_strict
from toolgate.sdk.wire import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.inspection.search import Readers
    from toolgate.schemas.registry import Registry

ALERTS, REVIEWS, COMMANDS = "alerts", "reviews", "commands"
_EVIDENCE_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A command to look at. `evidence`: tool, status, policy digest, when it was approved, and the share drawn."""

    command_id: str
    tenant: str
    workflow_id: str
    run_id: str
    drawn_ms: int
    evidence: dict[str, Any]
    reviews: tuple[Review, ...] = ()

    @property
    def open(self) -> bool:
        """Whether nobody has said anything of it yet."""
        return not self.reviews


def read(readers: Readers, registry: Registry | None = None) -> list[Sample]:
    """Every sample that alerts still tell of, the one drawn first at the beginning.

    Raises:
        UnreachableError: Kafka does not answer.
        RetryError: the Schema Registry does not say what a record is.
    """
    found: dict[str, list[Review]] = {}
    for review in _read(readers, REVIEWS, Codec(Review, registry)):
        found.setdefault(review.command_id, []).append(review)
    drawn: dict[str, Sample] = {}
    for alert in _read(readers, ALERTS, Codec(Alert, registry)):
        if alert.kind == AlertKind.SAMPLE:
            drawn.setdefault(
                alert.subject,
                Sample(
                    alert.subject,
                    alert.tenant,
                    alert.workflow_id,
                    alert.run_id,
                    alert.clk,
                    _evidence(alert),
                    tuple(found.get(alert.subject, ())),
                ),
            )
    return sorted(drawn.values(), key=lambda one: (one.drawn_ms, one.command_id))


def command(readers: Readers, command_id: str, registry: Registry | None = None) -> Command | None:
    """A command by its id, as it was approved; None where it is no longer kept."""
    partition = command_id.partition("-")[0]
    if not partition.isdecimal():
        return None
    codec = Codec(Command, registry)
    stretches = {place: span for place, span in whole(readers(COMMANDS)).items() if place == int(partition)}
    for envelope in records(readers(COMMANDS), stretches):
        with suppress(DecodeError):
            one = decode(codec, envelope)
            if one.command_id == command_id:
                return one
    return None


def _read(readers: Readers, topic: str, codec: Codec[Any]) -> Iterator[Any]:
    for envelope in records(readers(topic), whole(readers(topic))):
        with suppress(DecodeError):
            yield decode(codec, envelope)


def _evidence(alert: Alert) -> dict[str, Any]:
    try:
        found = loads_strict(alert.evidence, max_bytes=_EVIDENCE_BYTES_MAX)
    except JsonError:
        return {}
    return dict(found)
