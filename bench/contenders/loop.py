"""The bare loop of a transactional contender: read a batch, write its outputs and offsets in one transaction.

It uses the gate's own log, so the clients' settings are the gate's.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from bench.workload import TOPIC
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.streams.ports import Output

POLL_S = 0.1


def run(outputs: Callable[[Sequence[Envelope]], Iterable[Output]]) -> None:
    """Until SIGTERM. Settings come from the environment; a failure ends the process."""
    settings = load()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    log = KafkaLog(settings, lambda _: None, inputs=(TOPIC,))
    log.open(settings.slot)
    generation = 0
    while not stopping:
        envelopes = log.poll(settings.batch_size, POLL_S)
        assignment = log.assignment()
        if assignment.generation != generation:
            generation = assignment.generation
            committed = log.committed(assignment.partitions)
            for tp in assignment.partitions:
                log.seek(tp, committed.get(tp, 0))
        elif envelopes:
            offsets = {(TOPIC, envelope.partition): envelope.offset + 1 for envelope in envelopes}
            for _ in log.transact(outputs(envelopes), offsets, assignment):
                pass
    log.close()
