"""The stage: Kafka, Redis, topics under a fresh prefix, keys, and the gate's workers, while it is open."""

from __future__ import annotations

import json
import os
import secrets
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from toolgate.streams import topic_admin
from toolgate.streams.gate import keys
from toolgate.streams.local import Stack
from toolgate.streams.local.children import Child
from toolgate.streams.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolgate.processors.keyring import ExecutorKey, IntentKey

PARTITIONS_MIN = 4
INTENT_KID, EXECUTOR_KID, EXECUTOR_ID = "demo-agent", "demo-executor", "recorded"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A Kafka and a Redis that run already; the connection settings of the environment hold for them."""

    bootstrap_servers: str
    redis_url: str


class Stage:
    """Everything but agents and executors. Use it as a context manager.

    Args:
        directory: state, keys and logs.
        policies_dir: what the gate decides by.
        workflow: (tenant, workflow_id) whose key is made.
        workers: how many of the gate.
        elsewhere: use these instead of starting a local Kafka and Valkey.
        notify: told in a few words what takes time.
    """

    def __init__(  # noqa: PLR0913
        self,
        directory: Path,
        policies_dir: Path,
        workflow: tuple[str, str],
        *,
        workers: int,
        elsewhere: Elsewhere | None,
        notify: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._policies_dir = policies_dir
        self._workflow = workflow
        self._count = workers
        self._elsewhere = elsewhere
        self._notify = notify
        self._open = ExitStack()
        self._stack: Stack | None = None
        self._workers: list[Child] = []
        self.settings: Settings
        self.intent_key: IntentKey
        self.executor_key: ExecutorKey

    def __enter__(self) -> Self:
        """Start everything; on failure nothing is left.

        Raises:
            LocalStackError, UnreachableError, RefusedError, LoadError: a part does not come up.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            place = self._elsewhere or self._local()
            # A fresh prefix is a ledger and a trust zone of its own: nothing that ran before is in the way.
            prefix = f"demo-{secrets.token_hex(4)}"
            keyring = self._directory / prefix / "keys.yaml"
            # connection settings of another cluster must not reach for the local one
            fixed: dict[str, Any] = {} if self._elsewhere else {"kafka": {}}
            self.settings = load(
                bootstrap_servers=place.bootstrap_servers,
                redis_url=place.redis_url,
                prefix=prefix,
                partitions=max(PARTITIONS_MIN, self._count),
                slot=0,
                keys_file=keyring,
                policies_dir=self._policies_dir,
                insecure_dev=False,
                metrics_port=0,
                **fixed,
            )
            self._notify("Making keys and topics")
            self._make_keys(keyring)
            topic_admin.apply(topic_admin.connect(self.settings), self.settings)
            self._notify("Starting the gate")
            self._start_workers()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def check(self) -> None:
        """Raise LocalStackError when a part has ended by itself."""
        if self._stack is not None:
            self._stack.check()
        for worker in self._workers:
            if not worker.alive:
                raise worker.failed(f"{worker.name} has ended by itself")

    def stop_workers(self) -> None:
        """Stop the gate in order: what is decided is committed, and the ledger is at rest."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _local(self) -> Elsewhere:
        self._stack = self._open.enter_context(Stack(self._directory / "stack", self._notify))
        return Elsewhere(self._stack.bootstrap, self._stack.redis_url)

    def _make_keys(self, keyring: Path) -> None:
        tenant, workflow_id = self._workflow
        keys.new_intent(keyring, INTENT_KID, workflow_id, tenant)
        keys.new_executor(keyring, EXECUTOR_KID, EXECUTOR_ID, ["*"])
        ring = keys.load(keyring)
        self.intent_key = ring.intents[INTENT_KID]
        self.executor_key = ring.executors[EXECUTOR_KID]

    def _start_workers(self) -> None:
        self._open.callback(self.stop_workers)
        for slot in range(self._count):
            worker = Child(f"gate worker {slot}", self._directory / self.settings.prefix / f"gate-{slot}.log")
            # without what the caller's environment says: each worker is told everything here
            env = {name: value for name, value in os.environ.items() if not name.startswith("TOOLGATE_")}
            env |= dict(variables(self.settings)) | {"TOOLGATE_SLOT": str(slot)}
            worker.spawn([sys.executable, "-m", "toolgate.cli", "gate", "--slot", str(slot)], env)
            self._workers.append(worker)


def variables(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings as another process reads them from its environment."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, dict):
            revealed = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in value.items()}
            value = json.dumps(revealed)
        yield f"TOOLGATE_{name.upper()}", str(value)
