"""The bare copy: each intent's bytes once to another topic, in transactions. What Kafka costs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contenders import loop
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.processors.case import Envelope


def copies(envelopes: Sequence[Envelope]) -> Iterator[Output]:
    """One record for each intent, as it is."""
    for envelope in envelopes:
        yield Output("commands", envelope.partition, envelope.key, envelope.value, envelope.headers)


if __name__ == "__main__":
    loop.run(copies)
