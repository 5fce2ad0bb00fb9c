"""A history of the small universe that can be changed, record by record, before it is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.inspection.decoding import RECORD_TYPES
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Op
from toolgate.verification.history import TOPICS
from toolgate.verification.judging import judge
from toolgate.verification.loading import Loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from universe import Universe

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.judging import Report


def at(event: AuditEvent) -> str:
    """An event's coordinates."""
    return f"{event.topic}[{event.partition}]@{event.offset} (seq {event.seq})"


def started(event: AuditEvent) -> bool:
    """A result that only says that its command has begun: nothing comes of it."""
    return event.note == "started"


def approved(event: AuditEvent) -> bool:
    """An approval that makes a command."""
    return event.verdict == "APPROVE" and not event.dry_run


def with_op(event: AuditEvent, name: str, change: Callable[[Any], Any]) -> tuple[Op, ...]:
    """The event's operations, with the args of the first of a name changed."""
    i = next(i for i, op in enumerate(event.ops) if op.op == name)
    return (*event.ops[:i], Op(name, change(event.ops[i].args)), *event.ops[i + 1 :])


class Past:
    """What lies on the topics of a universe."""

    def __init__(self, universe: Universe) -> None:
        broker = universe.broker
        self.as_of_ms = broker.now_ms
        self.partitions = [tp for tp in broker.log if tp[0] in TOPICS]
        self.envelopes = [one for tp in self.partitions for one in broker.visible(tp, 0)]
        self._codecs: dict[str, Codec[Any]] = {
            topic: Codec(RECORD_TYPES[topic]) for topic in TOPICS if topic in RECORD_TYPES
        }

    def events(self, meant: Callable[[AuditEvent], bool] = lambda _: True) -> list[AuditEvent]:
        """Audit events in the order of seq."""
        found = [self.record(one) for one in self.envelopes if one.topic == "audit"]
        return sorted(filter(meant, found), key=lambda event: event.seq)

    def event(self, meant: Callable[[AuditEvent], bool]) -> AuditEvent:
        """The one in the middle of those that are meant."""
        found = self.events(meant)
        assert found, "no such event in this history"
        return found[len(found) // 2]

    def record(self, envelope: Envelope) -> Any:
        """What an envelope says."""
        return self._codecs[envelope.topic].decode(envelope.value)

    def place(self, topic: str, seq: int) -> int:
        """Where in `envelopes` the record of a seq on a topic of the gate's lies."""
        return next(i for i, e in enumerate(self.envelopes) if e.topic == topic and self.record(e).seq == seq)

    def change(self, topic: str, seq: int, /, **fields: Any) -> None:
        """Change fields of a record."""
        i = self.place(topic, seq)
        record = changed(self.record(self.envelopes[i]), **fields)
        self.envelopes[i] = changed(self.envelopes[i], value=self._codecs[topic].encode(record))

    def drop(self, topic: str, seq: int) -> None:
        """Take a record away."""
        del self.envelopes[self.place(topic, seq)]

    def repeat(self, topic: str, seq: int, /, **fields: Any) -> None:
        """Write a record once more at the end of its partition, with other fields."""
        one = self.envelopes[self.place(topic, seq)]
        offset = 1 + max(e.offset for e in self.envelopes if (e.topic, e.partition) == (topic, one.partition))
        value = self._codecs[topic].encode(changed(self.record(one), **fields))
        self.envelopes.append(changed(one, offset=offset, value=value))

    def report(self) -> Report:
        """What verification says of it."""
        loader = Loader(self.as_of_ms)
        for tp in self.partitions:
            loader.history.whole(*tp)
        for envelope in self.envelopes:
            loader.take(envelope)
        return judge(loader.history)

    def wrong(self) -> dict[str, list[str]]:
        """The places that are found wrong, by law."""
        found: dict[str, list[str]] = {}
        for finding in self.report().findings.listed():
            found.setdefault(finding.law.value, []).append(str(finding.place))
        return found
