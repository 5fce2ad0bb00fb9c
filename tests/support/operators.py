"""The operators and publishers of a universe: what they say, rightly or wrongly, and which policy sets there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import checker

from toolgate.processors.loader import set_digest
from toolgate.processors.policy_store import records
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Control
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from toolgate.streams.log.memory import Broker

VERSION = "model"
POLICY = "policies/w.yaml"


class Operators:
    """Those of one universe.

    Args:
        random: the universe's.
        broker: where they publish.
        first: the files of the set that is in force from the beginning; they have one that denies `look` besides, and
            one that does not load.
        partitions: of the runs that they stop.
    """

    def __init__(self, random: Random, broker: Broker, first: Mapping[str, bytes], partitions: int) -> None:
        self._random = random
        self._broker = broker
        self._partitions = partitions
        second = {
            name: text + b"  denied_tools: [look]\n" if name.startswith("policies/") else text
            for name, text in first.items()
        }
        broken = {**first, POLICY: first[POLICY] + b"  denied: [look]\n"}
        self._files = {set_digest(files): files for files in (first, second, broken)}
        self._local = set_digest(first)
        self._denied = {self._local: frozenset[str](), set_digest(second): frozenset({"look"})}
        self._below: dict[str, int] = {}  # where each published set stands whole
        self._codec = Codec(Control)

    def word(self, number: int) -> Control:
        """What is said next."""
        r = self._random
        if r.random() < 0.4:
            return self._activation(f"c{number}")
        run = f"r{r.randrange(self._partitions)}-{r.randrange(3)}"
        kind, seen = r.choice(("kill", "lift")), self._broker.stable(("control", 0))
        version = r.choice(
            (seen, seen, r.randrange(seen + 1))
        )  # now and then said before the kill that stands
        return Control(f"c{number}", kind, "run", run, "model", ("op",), version=version)

    def _activation(self, control_id: str) -> Control:
        """Of any set: one that does not load, that is not there yet, or that comes too late or too early."""
        r = self._random
        name = r.choice(list(self._files))
        if name not in self._below and r.random() < 0.8:
            for key, value in records(self._files[name]):
                self._broker.append(Output("policies", 0, key, value))
            self._below[name] = self._broker.stable(("policies", 0))
        return Control(
            control_id=control_id,
            kind="activate",
            scope="all",
            value="",
            reason="model",
            issued_by=("op",),
            policy_digest=name,
            version=len(checker.in_force(self.words(), self.sets())) + r.choice((1, 1, 1, 1, 0, 2)),
            policies_end=self._broker.stable(("policies", 0)),
            rollback=r.random() < 0.8,
            checked_by=VERSION,
        )

    def words(self) -> dict[int, Control]:
        """Everything that was said, by offset."""
        return {e.offset: self._codec.decode(e.value) for e in self._broker.visible(("control", 0), 0)}

    def sets(self) -> checker.Sets:
        """The sets that load."""
        return checker.Sets(self._local, self._denied, self._below)
