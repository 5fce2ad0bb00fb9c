"""A Quix Streams application with exactly-once: decode an event, count it in Redis, write two records."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from quixstreams import Application, message_context
from redis import Redis

from bench.twin import Made, Twin
from bench.workload import TOPIC
from toolgate import __version__
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from toolgate.streams.settings import Settings


def application(settings: Settings, policy_digest: str) -> Application:
    """The application on the topics of a prefix; transactions of as many events as the gate's batches."""
    app = Application(
        broker_address=settings.bootstrap_servers,
        consumer_group=settings.group_id,
        processing_guarantee="exactly-once",
        commit_every=settings.batch_size,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        state_dir=os.environ["BENCH_STATE"],
        loglevel="WARNING",
    )
    raw = {"key_serializer": "bytes", "value_serializer": "bytes"}
    commands = app.topic(settings.topic("commands"), **raw)
    audits = app.topic(settings.topic("audit"), **raw)
    redis = Redis.from_url(settings.ledger_url)
    twin = Twin(policy_digest, __version__)

    def decide(value: bytes, _key: object, time_ms: int, headers: list[tuple[str, bytes]]) -> Made:
        seq = int(redis.hincrby(settings.hash_tag, "seq", 1))
        at = message_context()
        return twin.make(at.partition, at.offset, time_ms, value, headers, seq)

    intents = app.topic(settings.topic(TOPIC), key_deserializer="bytes", value_deserializer="bytes")
    made = app.dataframe(intents).apply(decide, metadata=True)
    command = made.set_headers(lambda made, *_: list(made.command_headers))
    command.apply(lambda made: made.command).to_topic(commands)
    audit = made.set_headers(lambda made, *_: list(made.audit_headers))
    audit.apply(lambda made: made.audit).to_topic(audits)
    return app


if __name__ == "__main__":
    application(load(), os.environ["BENCH_POLICY_DIGEST"]).run()
