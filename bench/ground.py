"""The ground of one measurement: a fresh prefix with its topics, the generated files, and a backlog."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import redis
from confluent_kafka import Producer

from bench import workload
from toolgate.processors import loader
from toolgate.streams import topic_admin, topics
from toolgate.streams.errors import UnreachableError
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.settings import Settings, client_producer_config, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolgate.streams.local import Stack

ROOT = Path(__file__).parents[1]
PARTITIONS = 4
BATCH_SIZE = 1000
DELIVERY_S = 60.0


class Site:
    """A running stack, and the files that every ground shares.

    Args:
        stack: a broker and a Redis.
        directory: an existing folder, for files and logs.
        batch_size: intents of a batch.
        partitions: of each topic that has several.
    """

    def __init__(
        self, stack: Stack, directory: Path, batch_size: int = BATCH_SIZE, partitions: int = PARTITIONS
    ) -> None:
        self.stack = stack
        self.batch_size = batch_size
        self.partitions = partitions
        self.logs = directory / "logs"
        self.files = directory / "files"
        for folder in (self.logs, self.files):
            folder.mkdir(parents=True)
        workload.write_files(self.files)
        self.policy_digest = loader.load(self.files).digest

    def ground(self, name: str) -> Ground:
        """A fresh prefix whose topics exist; its name begins with `name`."""
        settings = load(
            bootstrap_servers=self.stack.bootstrap,
            redis_url=self.stack.redis_url,
            prefix=f"{name}-{secrets.token_hex(3)}",
            partitions=self.partitions,
            batch_size=self.batch_size,
            policies_dir=self.files,
            keys_file=self.files / workload.KEYRING,
            insecure_dev=False,
            metrics_port=0,
            slot=0,
            kafka={},
        )
        topic_admin.apply(topic_admin.connect(settings), settings)
        return Ground(settings, self.policy_digest, self.logs / f"{settings.prefix}.log")


@dataclass(frozen=True, slots=True)
class Ground:
    """One prefix. `log` is for what its contender says."""

    settings: Settings
    policy_digest: str
    log: Path

    def environment(self) -> dict[str, str]:
        """The whole environment of a contender: nothing of ours but what is said here."""
        told = {
            name: getattr(self.settings, name)
            for name in (
                "bootstrap_servers",
                "redis_url",
                "prefix",
                "partitions",
                "batch_size",
                "policies_dir",
                "keys_file",
                "metrics_port",
            )
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
        return (
            kept
            | {f"TOOLGATE_{name.upper()}": str(value) for name, value in told.items()}
            | {
                "PYTHONPATH": str(ROOT),
                "BENCH_POLICY_DIGEST": self.policy_digest,
                "BENCH_STATE": str(self.log.with_suffix(".state")),
            }
        )

    def preload(self, backlog: Sequence[workload.Sent]) -> None:
        """Put intents on the topic and wait until the broker has them all.

        Raises:
            UnreachableError: it did not take them within a minute.
        """
        producer = Producer({**client_producer_config(self.settings), "log_level": 0})
        topic = self.settings.topic(workload.TOPIC)
        for sent in backlog:
            headers = cast("Any", list(sent.headers))
            while True:
                try:
                    producer.produce(topic, sent.value, sent.key, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.05)
        if left := producer.flush(DELIVERY_S):
            raise UnreachableError(
                f"{left} of {len(backlog)} intents were not taken within {DELIVERY_S:.0f} s",
                where=self.settings.bootstrap_servers,
                remedy="look at the broker's log",
            )

    def reader(self) -> KafkaLog:
        """A log of this prefix that reads committed records and asks for offsets; not a member of the group."""
        return KafkaLog(self.settings, lambda _: None)

    def remove(self) -> None:
        """Delete the topics and the ledger, so that the next contender finds what this one found."""
        admin = topic_admin.connect(self.settings)
        futures = admin.delete_topics([self.settings.topic(topic.name) for topic in topics.TOPICS])
        for future in futures.values():
            future.result()
        with redis.Redis.from_url(self.settings.ledger_url) as client:
            for key in client.scan_iter(f"{self.settings.hash_tag}*", count=1000):
                client.unlink(key)
