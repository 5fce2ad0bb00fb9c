"""A log as it lies on Kafka, in the order of the decisions; nothing is held but what is read at a time.

What no policy decides about is left out: records that could not be read, whose writer was not believed, or that an
operator had stopped. Votes are, too: who was asked then may answer otherwise now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.reasons import Code
from toolgate.replaying.ordering import in_order
from toolgate.replaying.recorded import RecordedReader
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Result, RunContract
from toolgate.whatif.recorded import Happening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolgate.processors.case import Envelope
    from toolgate.replaying.recorded import Recorded
    from toolgate.replaying.records import Records
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import TopicPartition

_TYPES: dict[str, type] = {"intents": Intent, "results": Result, "contracts": RunContract}
_BEYOND_POLICY = frozenset({Code.BAD_IDENTITY.value, Code.KILLED.value})


def happenings(
    records: Records,
    registry: Registry | None = None,
    since_ms: int = 0,
    on_event: Callable[[], None] = lambda: None,
) -> Iterator[Happening]:
    """Intents, results and contracts as the gate decided them.

    Args:
        records: the history.
        registry: where schema ids come from.
        since_ms: leave out what the broker took before; accounts are empty then.
        on_event: called for each event of the audit.

    Raises:
        LostRecordsError: an audit event cannot be read.
    """
    codecs: dict[str, Codec[Any]] = {topic: Codec(kind, registry) for topic, kind in _TYPES.items()}
    cursors = _Cursors(records)
    tenants: dict[tuple[str, str], str] = {}
    partitions = [records.read(("audit", partition)) for partition in records.partitions("audit")]
    for audited in in_order(partitions, RecordedReader(registry)):
        on_event()
        head = audited.head
        if head.topic not in codecs or head.append_time < since_ms or _beyond_policy(audited):
            continue
        envelope = cursors.at((head.topic, head.partition), head.offset)
        if envelope is None:
            continue  # no longer kept
        try:
            record = codecs[head.topic].decode(envelope.value)
        except DecodeError:
            continue
        if isinstance(record, Intent):
            # What it had seen were places of its own log: here every result before it has been seen.
            record = changed(record, results_seen_to=None)
            if head.verdict != Verdict.DENY:
                tenants[record.run_id, record.intent_id] = record.tenant
        # A result names no tenant: it is its command's.
        whose = (
            tenants.get((record.run_id, record.intent_id), "")
            if isinstance(record, Result)
            else record.tenant
        )
        yield Happening(head.append_time, record, whose)


def _beyond_policy(audited: Recorded) -> bool:
    if audited.head.verdict == Verdict.QUARANTINE:
        return True
    return audited.head.verdict == Verdict.DENY and any(
        reason.code in _BEYOND_POLICY for reason in audited.event.reasons
    )


class _Cursors:
    """The inputs, each topic-partition read once and forwards."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._rest: dict[TopicPartition, Iterator[Envelope]] = {}
        self._next: dict[TopicPartition, Envelope | None] = {}

    def at(self, tp: TopicPartition, offset: int) -> Envelope | None:
        """The record at an offset behind all that were asked for before; None where there is none."""
        if tp not in self._rest:
            self._rest[tp] = self._records.read(tp)
            self._next[tp] = next(self._rest[tp], None)
        ahead = self._next[tp]
        while ahead is not None and ahead.offset < offset:
            ahead = next(self._rest[tp], None)
        self._next[tp] = ahead
        return ahead if ahead is not None and ahead.offset == offset else None
