"""`python -m toolgate.streams.local`: prepare this machine for brokers that are started often.

Fetches Kafka where it is not there yet, and lets one broker learn its start (see startup_cache.py): about ten seconds,
once. Tests start many brokers; nothing else needs it, and everything that starts one uses it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local import artefacts, startup_cache
from toolgate.streams.local.broker import JVM, Broker

_FOLDER = "startup-"
_LIMIT_S = 30.0
_DUMP_S = 120.0  # a busy machine takes long to write what was learnt


def prepare() -> bool:
    """Make the startup cache of this machine's Java and Kafka where there is none that it takes; whether there is one.

    Raises:
        LocalStackError: a part is missing or the broker did not come up.
    """
    with artefacts.locked("startup-cache"):
        java, class_path = artefacts.java(), artefacts.class_path(_say)
        target = startup_cache.place(java, class_path)
        if target is None:
            return False
        for left in target.parent.glob(f"{_FOLDER}*"):  # of whoever was killed here
            shutil.rmtree(left, ignore_errors=True)
        if target.exists() and startup_cache.taken(java, JVM, class_path, target):
            return True
        _say("Preparing Kafka for quick starts (ten seconds or twenty, only this once)")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_FOLDER) as folder:
            _learn(Path(folder), learnt := Path(folder) / "learnt.aot")
            whole = startup_cache.taken(java, JVM, class_path, learnt)
            if whole:
                learnt.replace(target)
        return whole


def _learn(folder: Path, target: Path) -> None:
    broker = Broker(folder, _say, teach=target)
    broker.start()
    try:
        _use(broker.bootstrap)
    finally:
        broker.stop(_DUMP_S)


def _use(bootstrap: str) -> None:
    """A topic, a transaction and a group: what a gate asks of a broker first."""
    server: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
    admin = AdminClient(server)
    admin.create_topics([NewTopic("some", 4)])["some"].result(_LIMIT_S)
    producer = Producer(server | {"transactional.id": "one"})
    producer.init_transactions(_LIMIT_S)
    producer.begin_transaction()
    producer.produce("some", b"one")
    producer.commit_transaction(_LIMIT_S)
    consumer = Consumer(server | {"group.id": "one", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe(["some"])
        if consumer.poll(_LIMIT_S) is not None:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201


def main() -> int:
    """Exit codes: 0 done, or this Java cannot; 1 a part is missing or the broker did not come up."""
    try:
        ready = prepare()
    except (LocalStackError, KafkaException, OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    if not ready:
        _say("This Java keeps nothing of its starts (version 25 does): brokers start as without it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
