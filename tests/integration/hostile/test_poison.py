"""One record in a hundred is poison, in a partition under load: none is approved, nothing is lost, nothing stops."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import raw_produce
import verified
from confluent_kafka import Producer
from gate_load import WORKFLOW
from gate_site import Site
from hostile_ground import Ground
from hostile_intents import PARTITIONS, good
from patience import until
from poison import Poison
from raw_produce import RawRecord
from stalls import Stalls

from toolgate.processors.placement import partition_of
from toolgate.streams import topic_admin
from toolgate.streams.settings import client_producer_config, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real

RECORDS, ONE_IN = 3_000, 100
PARTITION = 0
# The promise is five seconds. A shared machine may stand still by itself, so the test only asks that the gate goes on;
# the longest stall is told beside it (`pytest -rP`, `--junitxml`).
GOES_ON_S = 60.0
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  limits: {{max_tool_calls: 30, max_denials: 10000}}
  attempts: {{run: {{max: 1000000, per: 1m}}, agent: {{max: 1000000, per: 1m}}}}
"""


@pytest.fixture
def ground(stack: Stack, tmp_path) -> Iterator[Ground]:
    """A prefix of its own, with one worker that runs, and no budget that ends."""
    settings = load(
        bootstrap_servers=stack.bootstrap,
        redis_url=stack.redis_url,
        prefix="poison",
        partitions=PARTITIONS,
        batch_size=100,
        session_timeout_ms=6000,
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path) as site:
        (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
        made = Ground(site, WORKFLOW)
        site.worker().running()
        yield made


class Stream:
    """Writes into one partition, and knows where each record has come to lie."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.producer = Producer({**client_producer_config(ground.site.settings), "log_level": 0})
        self.places: dict[bool, set[int]] = {True: set(), False: set()}  # whether it is good: offsets

    def name(self) -> str:
        """A new name whose run belongs here."""
        while partition_of(f"run-{(name := self.ground.name())}".encode(), PARTITIONS) != PARTITION:
            pass
        return name

    def write(self, record: RawRecord, *, fine: bool) -> None:
        """A record as a client writes it."""
        settings = self.ground.site.settings
        headers = [(name.decode(), value) for name, value in record.headers]

        def lies(error, message):
            assert error is None, error
            self.places[fine].add(message.offset())

        topic = settings.topic("intents")
        self.producer.produce(topic, record.value, record.key, PARTITION, headers=headers, on_delivery=lies)

    def flush(self) -> None:
        """Until the broker has everything."""
        until(lambda: self.producer.flush(1.0) == 0, "the broker to take the stream")

    def undeliverable(self) -> None:
        """A record that no client can be given."""
        self.flush()
        record = RawRecord(b"x", b"run-x", ((b"\xff\xfe", b"x"),))
        self.places[False].add(self.ground.write_batch("intents", PARTITION, raw_produce.batch(record)))


def test_poison_of_one_per_cent_is_put_aside_and_the_rest_is_decided(ground: Ground, record_property):
    """Each good one is approved once and each poisoned one is not; `toolgate verify` finds nothing wrong."""
    site, stream = ground.site, Stream(ground)
    poison = Poison(ground.signers, Random(7))
    with Stalls(site.committed, lambda: sum(map(len, stream.places.values()))) as stalls:
        for number in range(RECORDS):
            if number % ONE_IN == ONE_IN // 2:
                stream.write(poison.make(stream.name()), fine=False)
            else:
                stream.write(good(ground.signers, stream.name()).record, fine=True)
            stream.producer.poll(0)
            if number in {RECORDS // 3, 2 * RECORDS // 3}:
                stream.undeliverable()
        stream.flush()
        site.rest(GOES_ON_S)
    record_property("longest stall, seconds", round(stalls.longest_s, 2))
    print(f"longest stall: {stalls.longest_s:.2f} s")  # noqa: T201 - for whoever wants to know
    assert len(stream.places[False]) == RECORDS // ONE_IN + 2
    report = verified.report(site.settings)
    assert report.findings.listed() == []
    verdicts = {event.offset: event.verdict for event in site.audit() if event.topic == "intents"}
    assert {verdicts.get(offset) for offset in stream.places[True]} == {"APPROVE"}
    assert {verdicts.get(offset) for offset in stream.places[False]} <= {"QUARANTINE", "DENY"}
    assert site.workers[0].process.poll() is None
