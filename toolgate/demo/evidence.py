"""Evidence: everything that a prefix holds after the runs, read back from Kafka and Redis themselves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Command, Denial, Reason, Result
from toolgate.streams.errors import UnreachableError
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import LogError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.streams.ports import TopicPartition
    from toolgate.streams.settings import Settings

T = TypeVar("T")
INPUTS = ("intents", "results")
REST_S = 120.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was written. `inputs` has the offsets of every record that the gate was to decide on."""

    inputs: dict[TopicPartition, tuple[int, ...]]
    audit: tuple[AuditEvent, ...]  # in the order of seq
    commands: tuple[Command, ...]
    results: tuple[Result, ...]  # those of one command in the order they were written
    denials: tuple[Denial, ...]
    held: int
    drafts: int
    quarantined: int
    ledger: dict[str, Any]

    @property
    def intents(self) -> int:
        """How many intents there are."""
        return sum(len(offsets) for (topic, _), offsets in self.inputs.items() if topic == "intents")

    def reasons(self) -> dict[str, tuple[Reason, ...]]:
        """Why each intent was not approved, by its id."""
        return {event.intent_id: event.reasons for event in self.decisions() if event.first}

    def decisions(self) -> list[AuditEvent]:
        """The audit events about intents."""
        return [event for event in self.audit if event.topic == "intents"]


def await_rest(settings: Settings, check: Callable[[], None], limit_s: float = REST_S) -> None:
    """Wait until the gate has committed every input record that is there now.

    Raises:
        UnreachableError: it has not within `limit_s`; names the partitions that are behind.
        Exception: whatever `check` raises.
    """
    log = _log(settings)
    try:
        # Behind the last record: a partition's own end may lie further, behind the marker of a transaction.
        ends: dict[TopicPartition, int] = {}
        for envelope in (envelope for topic in INPUTS for envelope in log.read(topic)):
            ends[envelope.topic, envelope.partition] = envelope.offset + 1
        deadline = time.monotonic() + limit_s
        while True:
            check()
            committed = log.committed(ends)
            behind = {tp: end for tp, end in ends.items() if committed.get(tp, 0) < end}
            if not behind:
                return
            if time.monotonic() > deadline:
                places = ", ".join(f"{t}[{p}] {committed.get((t, p), 0)}/{e}" for (t, p), e in behind.items())
                raise UnreachableError(
                    f"the gate has not decided everything within {limit_s:g} s: {places}",
                    where=settings.prefix,
                    remedy="look into the workers' logs",
                )
            time.sleep(_LOOK_S)
    except LogError as error:
        raise UnreachableError(str(error), where=settings.bootstrap_servers) from error
    finally:
        log.close()


def gather(settings: Settings) -> Evidence:
    """Read everything; the ledger must be at rest.

    Raises:
        UnreachableError: Kafka or Redis does not answer.
        DecodeError: a record that only the gate or an executor writes cannot be read.
    """
    log, ledger = _log(settings), RedisLedger(settings.ledger_url, settings.prefix)
    try:
        offsets: dict[TopicPartition, list[int]] = {}
        for topic in INPUTS:
            for envelope in log.read(topic):
                offsets.setdefault((topic, envelope.partition), []).append(envelope.offset)
        return Evidence(
            inputs={tp: tuple(found) for tp, found in offsets.items()},
            audit=tuple(sorted(_records(log, "audit", AuditEvent), key=lambda event: event.seq)),
            commands=tuple(_records(log, "commands", Command)),
            results=tuple(_records(log, "results", Result)),
            denials=tuple(_records(log, "denials", Denial)),
            held=_count(log, "holds"),
            drafts=_count(log, "drafts"),
            quarantined=_count(log, "quarantine"),
            ledger=ledger.dump(),
        )
    except LogError as error:
        raise UnreachableError(str(error), where=settings.bootstrap_servers) from error
    finally:
        ledger.close()
        log.close()


def _log(settings: Settings) -> KafkaLog:
    return KafkaLog(settings, on_revoke=lambda _: None)


def _records(log: KafkaLog, topic: str, record: type[T]) -> list[T]:
    codec = Codec(record)
    return [codec.decode(envelope.value) for envelope in log.read(topic)]


def _count(log: KafkaLog, topic: str) -> int:
    return sum(1 for _ in log.read(topic))
