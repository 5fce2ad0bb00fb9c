"""Load for a gate under test: signed intents, results for some of them, and repetitions."""

from __future__ import annotations

import json
import random
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from patience import until

from toolgate.processors.keyring import mac
from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent, Result
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from gate_site import Site

    from toolgate.processors.keyring import ExecutorKey, IntentKey

WORKFLOW = "desk_v1"


class Load:
    """Signed intents of a few runs, results for some of them, and repetitions."""

    def __init__(self, site: Site, seed: int, pace_s: float = 0.01) -> None:
        self._site = site
        self._random = random.Random(seed)
        self._seed = seed
        self._pace_s = pace_s
        self._producer = Producer({**client_producer_config(site.settings), "log_level": 0})
        self._intents, self._results = Codec(Intent), Codec(Result)
        self._last: Intent | None = None
        self._ending = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failed = ""

    def some(self) -> None:
        """One more intent."""
        self.sent += 1
        choice = self._random.random()
        if self._last is not None and choice < 0.05:
            self._send(self._last)
            return
        run = f"run-{self._seed}-{self.sent // 60}-{self._random.randrange(4)}"
        tool = "pay" if choice < 0.4 else "nothing" if choice > 0.97 else "look"
        self._last = Intent(
            intent_id=f"i-{self._seed}-{self.sent}",
            kind="call",
            tenant="default",
            workflow_id=WORKFLOW,
            run_id=run,
            agent_id="ann",
            tool=tool,
            params=json.dumps({"id": f"r{self._random.randrange(15)}"}, separators=(",", ":")),
        )
        self._send(self._last, answer=choice < 0.6)

    def flush(self) -> None:
        """Wait until the broker has everything, answers to answers too."""
        until(lambda: self._producer.flush(1.0) == 0, "the broker to take the load")
        assert not self.failed, self.failed

    def start(self) -> None:
        """Send in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the background sending, and wait until the broker has what was sent."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
            self.flush()

    def _run(self) -> None:
        while not self._ending.wait(self._pace_s):
            for _ in range(4):
                self.some()
            self._producer.poll(0)

    def _send(self, intent: Intent, *, answer: bool = False) -> None:
        value = self._intents.encode(intent)

        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                self.failed = error.str()
            elif answer:
                self._answer(intent, value, message.partition(), message.offset())

        self._produce("intents", intent.run_id, value, self._site.agents, delivered)
        self._producer.poll(0)

    def _answer(self, intent: Intent, value: bytes, partition: int, offset: int) -> None:
        """A result as an executor would send it, if the intent was approved."""
        result = Result(
            command_id=f"{partition}-{offset}",
            intent_id=intent.intent_id,
            run_id=intent.run_id,
            tool=intent.tool,
            digest=body_digest(value),
            status=self._random.choice(["ok", "ok", "error", "void"]),
            executor_id="desk",
            actual_cost_micros=self._random.choice([None, 0, 900, 5_000, 20_000]),
        )
        self._produce("results", intent.run_id, self._results.encode(result), self._site.desk, None)

    def _produce(
        self, topic: str, run: str, value: bytes, key: IntentKey | ExecutorKey, delivered: Any
    ) -> None:
        name = run.encode()
        signature = mac(key.secret, topic, name, value)
        self._producer.produce(
            self._site.settings.topic(topic),
            value,
            name,
            headers=[(KID, key.kid.encode()), (MAC, signature)],
            on_delivery=delivered,
        )
