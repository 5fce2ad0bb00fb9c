"""Where hostile input is tried: a site whose records are written by hand, and what became of each of them."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import checker
import raw_produce
from hostile_intents import Signers, Written, good
from hostile_words import Approved
from nacl.signing import SigningKey
from patience import until

from toolgate.schemas.codec import body_digest
from toolgate.schemas.records import Command
from toolgate.streams.gate import keys
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.ports import INPUTS
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from gate_site import Site

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import AuditEvent

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass
class Seen:
    """What lies on the output topics, by the place of the input that it came from."""

    audit: dict[Place, list[AuditEvent]]
    quarantine: dict[str, list[Envelope]]
    commands: set[str]

    def event(self, place: Place) -> AuditEvent:
        """The one audit event of an input."""
        [event] = self.audit[place]
        return event

    def put_aside(self, place: Place) -> list[Envelope]:
        """The quarantined records of an input."""
        return self.quarantine.get("-".join(map(str, place)), [])


@dataclass
class Ground:
    """A site with a few keys more, and the records written on it so far."""

    site: Site
    workflow: str
    signers: Signers = field(init=False)
    people: dict[str, SigningKey] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        ring = self.site.folder / "keyring.yaml"
        keys.new_intent(ring, "ghost-1", "ghost_v1")
        for kid, role in (
            ("ann-1", "operator"),
            ("bob-1", "operator"),
            ("watch-1", "watch"),
            ("pub-1", "publisher"),
            ("start-1", "starter"),
        ):
            self.people[kid] = SigningKey(keys.read_secret(keys.new_operator(ring, kid, [role])))
        self.signers = Signers(self.site.agents, keys.load(ring).intents["ghost-1"], self.site.desk)

    def name(self) -> str:
        """An id that was not used before."""
        self.number += 1
        return f"n{self.number}"

    def write(self, topic: str, written: Written) -> Place:
        """Write a record; where it lies."""
        return (
            topic,
            written.partition,
            self.write_batch(topic, written.partition, raw_produce.batch(written.record)),
        )

    def write_batch(self, topic: str, partition: int, batch: bytes) -> int:
        """Write a batch that the broker takes; the offset of its first record."""
        settings = self.site.settings
        answer = raw_produce.produce(settings.bootstrap_servers, settings.topic(topic), partition, batch)
        assert answer.error == raw_produce.NONE, f"the broker refused it: {answer.error}"
        return answer.offset

    def good(self, partition: int) -> Place:
        """Write a good intent into this partition."""
        while (made := good(self.signers, self.name())).partition != partition:
            pass
        return self.write("intents", made)

    def approved(self) -> Approved:
        """A new command: write a good intent; that it is approved is for the test to see."""
        name = self.name()
        made = good(self.signers, name)
        _, partition, offset = self.write("intents", made)
        return Approved(f"{partition}-{offset}", name, body_digest(made.record.value or b""), partition)

    def again(self, approved: Approved) -> Written:
        """Another call of the same run."""
        return good(self.signers, self.name(), run_id=f"run-{approved.name}")

    def ends(self) -> dict[tuple[str, int], int]:
        """Behind the last record of each input."""
        partitions = self.site.settings.partitions
        places = [(name, p) for name in INPUTS for p in range(BY_NAME[name].partitions(partitions))]
        return {tp: self.site.end(tp) for tp in places}

    def seen(self) -> Seen:
        """Everything as it is, once all inputs are decided."""
        self.site.rest()
        audit: dict[Place, list[AuditEvent]] = defaultdict(list)
        ends = self.ends()

        def whole() -> bool:  # markers are written shortly after a commit's answer
            audit.clear()
            for event in self.site.audit():
                audit[event.topic, event.partition, event.offset].append(event)
            return len(audit) >= sum(ends.values())

        until(whole, lambda: f"an event for each of {sum(ends.values())} inputs; there are {len(audit)}")
        aside: dict[str, list[Envelope]] = defaultdict(list)
        for envelope in self.site.envelopes("quarantine"):
            aside[dict(envelope.headers)["tg-source"].decode()].append(envelope)
        return Seen(audit, aside, {one.command_id for one in self.site.read("commands", Command)})

    def violations(self) -> list[str]:
        """What the checker finds wrong; every offset is an input, since nobody wrote in transactions."""
        site = self.site
        ledger = RedisLedger(site.settings.ledger_url, site.settings.prefix)
        try:
            dump = ledger.dump()
        finally:
            ledger.close()
        inputs = {tp: range(end) for tp, end in self.ends().items()}
        return checker.violations(site.audit(), site.read("commands", Command), inputs, dump)

    def holds(self) -> list[str]:
        """What is wrong at rest, given time to become nothing: markers are written shortly after a commit's answer."""
        found: list[str] = []

        def fine() -> bool:
            found[:] = self.violations()
            return not found

        with suppress(AssertionError):
            until(fine, "a history that holds", 10)
        return found
