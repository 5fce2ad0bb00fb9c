"""The echo: decodes each intent, writes its command and its audit event, in transactions; asks nobody."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bench.contenders import loop
from bench.twin import Twin
from toolgate import __version__
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.processors.case import Envelope


class Echo:
    """Numbers what it makes, as the ledger numbers decisions."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._seq = 0

    def outputs(self, envelopes: Sequence[Envelope]) -> Iterator[Output]:
        """A command and an audit event for each intent."""
        for envelope in envelopes:
            self._seq += 1
            partition, key = envelope.partition, envelope.key
            made = self._twin.make(
                partition, envelope.offset, envelope.time_ms, envelope.value, envelope.headers, self._seq
            )
            yield Output("commands", partition, key, made.command, made.command_headers)
            yield Output("audit", partition, key, made.audit, made.audit_headers)


if __name__ == "__main__":
    loop.run(Echo(Twin(os.environ["BENCH_POLICY_DIGEST"], __version__)).outputs)
