"""One Kafka broker, KRaft, broker and controller in one process."""

from __future__ import annotations

import base64
import subprocess
import uuid
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local import artefacts, ports, startup_cache
from toolgate.streams.local.children import Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What makes a lone broker behave like the cluster that the gate is built for; docker-compose.yml says the
# same, and a test compares them.
BROKER_PROPERTIES: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # A killed broker may register again only when its old session is over: 9 s by default, alone with itself.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
# Serial collector and first compiler tier: up in 2.4 s instead of 3.4 s (JDK 25, 2 cores), 375 MB resident; half of
# that with a startup cache.
JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
_READY_S = 60.0
_PORT_TRIES = 5


class Broker(Child):
    """Kafka with its data under `directory`; the address stays the same over restarts of this object.

    Args:
        directory: its data, its properties file and its log.
        notify: told in a few words what takes time.
        port: try this one first, for an address that survives a restart of the whole stack.
        teach: make a startup cache here when it is stopped.
    """

    def __init__(
        self, directory: Path, notify: Callable[[str], None], port: int = 0, *, teach: Path | None = None
    ) -> None:
        super().__init__(f"Kafka {artefacts.KAFKA_VERSION}", directory / "kafka.log")
        self._directory = directory
        self._data = directory / "kafka"
        self._notify = notify
        self._teach = teach
        self._tool: list[str] = []
        self._server: list[str] = []
        self._started_once = False
        self.port = port if port and ports.is_free(port) else ports.free_port()
        self._controller_port = ports.free_port()

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers a metadata request; after `kill` with the same address and data.

        Raises:
            LocalStackError: a part is missing or it did not come up.
        """
        if not self._server:
            self._find()
        self._notify(f"Starting {self.name}")
        for attempt in range(_PORT_TRIES):
            config = self._configure()
            if not (self._data / "meta.properties").exists():
                self._format(config)
            self.spawn([*self._server, config])
            try:
                self.wait_until(self._answers, _READY_S)
            except LocalStackError:
                # Somebody took a port between our look and the broker's: a first start may choose others.
                if self._started_once or attempt == _PORT_TRIES - 1 or "already in use" not in self.tail(40):
                    self.kill()
                    raise
                self.port, self._controller_port = ports.free_port(), ports.free_port()
            else:
                self._started_once = True
                return

    def _find(self) -> None:
        """What a start runs; looked for by the first one alone."""
        java, class_path = artefacts.java(), artefacts.class_path(self._notify)
        quick = startup_cache.used(java, class_path)
        command = [str(java), *JVM, "-cp", class_path]
        self._tool = [*command, *quick, "kafka.tools.StorageTool"]
        self._server = [
            *command,
            *(startup_cache.taught(self._teach) if self._teach else quick),
            "kafka.Kafka",
        ]

    def _configure(self) -> Path:
        """Write server.properties for the current ports."""
        config = self._directory / "server.properties"
        properties = BROKER_PROPERTIES | {
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self._data),
        }
        config.write_text(
            "".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8"
        )
        return config

    def _format(self, config: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "a")
        command = [*self._tool, "format", "-t", cluster, "-c", str(config)]
        with self.log.open("ab") as output:
            code = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_READY_S
            )
        if code:
            raise self.failed(f"{self.name}: formatting its data folder failed (exit code {code})")

    def _answers(self) -> bool:
        if not ports.accepts(self.port):
            return False
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "socket.timeout.ms": 2000})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False
