"""Histories to be replayed: made by a small universe, changed afterwards, and decided again.

As a program: replays the history that it is given on stdin and prints the outcome.
"""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from operators import VERSION
from universe_policies import compiled

from toolgate.processors.keyring import Keyring
from toolgate.processors.policy_store import PolicyStore
from toolgate.replaying.outcome import Outcome, outcome
from toolgate.replaying.redeciding import Replay
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent
from toolgate.streams.gate.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from universe import Universe

    from toolgate.processors.case import Envelope
    from toolgate.streams.ports import TopicPartition

QUIET: Mapping[str, float] = MappingProxyType({"fault": 0.0})
_CODEC = Codec(AuditEvent)


@dataclass
class Kept:
    """A history taken out of its universe: what lies in each topic-partition, and the policies beside the workers."""

    log: dict[TopicPartition, list[Envelope]]
    files: Mapping[str, bytes]
    begin: int = 0
    seq_max: int | None = None  # the last one that was committed when the records were opened

    def partitions(self, topic: str) -> Sequence[int]:
        """See `Records`."""
        return [partition for name, partition in self.log if name == topic]

    def first(self, tp: TopicPartition) -> int:
        """See `Records`."""
        return self.begin if tp == ("intents", 0) else 0

    def end(self, tp: TopicPartition) -> int:
        """See `Records`."""
        early = [
            one.offset
            for one in self.log[tp]
            if self.seq_max is None or tp[0] != "audit" or _CODEC.decode(one.value).seq <= self.seq_max
        ]
        return max(early, default=-1) + 1

    def read(self, tp: TopicPartition) -> Iterator[Envelope]:
        """See `Records`."""
        return iter(self.log[tp])

    def events(self) -> list[AuditEvent]:
        """The audit in the order of seq."""
        audit = [one for tp, found in self.log.items() if tp[0] == "audit" for one in found]
        return sorted((_CODEC.decode(one.value) for one in audit), key=lambda event: event.seq)

    def change(self, seq: int, change: Callable[[AuditEvent], AuditEvent | None]) -> None:
        """Write another audit event in the place of that seq's, or none."""
        for tp, found in self.log.items():
            for place, envelope in enumerate(found):
                if tp[0] != "audit" or (event := _CODEC.decode(envelope.value)).seq != seq:
                    continue
                made = change(event)
                if made is None:
                    del found[place]
                else:
                    found[place] = changed(envelope, value=_CODEC.encode(made))
                return
        raise AssertionError(f"no event has seq {seq}")

    def replay(self, files: Mapping[str, bytes] | None = None) -> Outcome:
        """Decide it again, under these files or its own; under none where there are none."""
        chosen = self.files if files is None else files
        local = compiled(chosen) if chosen else None
        return outcome(Replay(self, Intake(local, Keyring.insecure(), store=PolicyStore(VERSION, compiled))))


def kept(universe: Universe, files: Mapping[str, bytes]) -> Kept:
    """The history of a universe that has come to rest."""
    return Kept({tp: list(universe.broker.visible(tp, 0)) for tp in universe.broker.log}, files)


def lived(
    universe: Universe,
    files: Mapping[str, bytes],
    steps: int = 1000,
    rates: Mapping[str, float] = MappingProxyType({}),
) -> Kept:
    """Let a universe live, come to rest, and keep its history."""
    universe.live(steps, rates)
    assert universe.rest()
    return kept(universe, files)


def main() -> None:
    """Replay a history from stdin."""
    history: Any = pickle.load(sys.stdin.buffer)  # noqa: S301 - the test's own
    print(json.dumps(history.replay().as_json()))  # noqa: T201


if __name__ == "__main__":
    import replays  # under the name that the history was pickled with

    replays.main()
