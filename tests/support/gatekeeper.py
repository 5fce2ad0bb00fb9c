"""A few lines in the gate's place: approves what the tests of the SDK send."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command, Intent, Outcome
from toolgate.streams.log.messages import envelope
from toolgate.streams.settings import listener_config

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope

WAIT_S = 30.0


class Gatekeeper:
    """Approves every intent, one after the other, without a transaction; denies the tool `never`.

    Calls of the tool `note` are idempotent. Commands live for `ttl_ms`.
    """

    def __init__(self, settings, ttl_ms: int = 900_000) -> None:
        self._settings = settings
        self._ttl_ms = ttl_ms
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.intents: list[Envelope] = []

    def _run(self) -> None:
        name = self._settings.topic("intents")
        consumer = Consumer(listener_config(self._settings))
        consumer.assign([TopicPartition(name, p, 0) for p in range(self._settings.partitions)])
        producer = Producer({"bootstrap.servers": self._settings.bootstrap_servers})
        while not self._stopping.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error():
                continue
            self.intents.append(envelope(message, "intents"))
            self._decide(producer, self.intents[-1])
        producer.flush(WAIT_S)
        consumer.close()

    def _decide(self, producer: Producer, of: Envelope) -> None:
        intent, _, digest = Codec(Intent).read(of.value)
        approved = intent.tool != "never"
        command_id = f"{of.partition}-{of.offset}" if approved else ""
        verdict = "APPROVE" if approved else "DENY"
        outcome = Outcome(intent.intent_id, digest, of.offset, verdict, command_id=command_id)
        command = Command(
            command_id, intent.intent_id, of.offset, 0, intent.tenant, intent.workflow_id, intent.run_id,
            intent.agent_id, intent.tool, "1", intent.params, digest, "", intent.tool == "note", of.time_ms,
            of.time_ms + self._ttl_ms, 0,
        )  # fmt: skip
        topics = self._settings.topic
        if approved:
            producer.produce(topics("commands"), Codec(Command).encode(command), of.key, of.partition)
        producer.produce(topics("outcomes"), Codec(Outcome).encode(outcome), of.key, of.partition)
        producer.flush(WAIT_S)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
