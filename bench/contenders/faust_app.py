"""A naive Faust application: decode an event, count it in Redis, write two records; one event at a time."""

from __future__ import annotations

import os

import faust
from redis.asyncio import Redis

from bench.twin import Twin
from bench.workload import TOPIC
from toolgate import __version__
from toolgate.streams.settings import load

settings = load()
app = faust.App(
    settings.group_id,
    broker=f"kafka://{settings.bootstrap_servers}",
    value_serializer="raw",
    consumer_auto_offset_reset="earliest",
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    datadir=os.environ["BENCH_STATE"],
)
intents = app.topic(settings.topic(TOPIC), key_type=bytes, value_type=bytes)
commands = app.topic(settings.topic("commands"), key_type=bytes, value_type=bytes)
audits = app.topic(settings.topic("audit"), key_type=bytes, value_type=bytes)
redis = Redis.from_url(settings.ledger_url)
twin = Twin(os.environ["BENCH_POLICY_DIGEST"], __version__)


@app.agent(intents)
async def decide(stream: faust.StreamT[bytes]) -> None:
    """Count, then write the command and the audit event beside the intent."""
    async for event in stream.events():
        message = event.message
        seq = await redis.hincrby(settings.hash_tag, "seq", 1)
        headers = message.headers.items() if isinstance(message.headers, dict) else message.headers
        time_ms = int(message.timestamp * 1000)
        made = twin.make(message.partition, message.offset, time_ms, event.value, headers, seq)
        await commands.send(key=message.key, value=made.command, headers=list(made.command_headers))
        await audits.send(key=message.key, value=made.audit, headers=list(made.audit_headers))


if __name__ == "__main__":
    app.main()
