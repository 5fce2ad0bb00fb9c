"""The Faust application: its topics and tables, made from toolgate's settings.

What Faust 0.15.3 loses or wedges is not used: its exactly-once, the confluent driver, `take`, more than one task for a
stream, standby tables. Its web server, leader topic and storage on disk are not needed.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import faust
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]
from yarl import URL

from toolgate.streams import topic_admin
from toolgate.streams.watch.connecting import credentials
from toolgate.streams.watch.transport import Table, Transport

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from toolgate.streams.settings import Settings

COMMIT_S = 1.0  # what a crash makes the next worker read again
FIGURES, RUNS, OPEN = "figures", "runs", "open"  # the tables
# A row is written again and again: what is over is to be gone long before a segment of a gigabyte is full, for whoever
# reads them all at a start.
_CHANGELOG = {
    "cleanup.policy": "compact",
    "segment.bytes": "67108864",
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.2",
    "unclean.leader.election.enable": "false",
}
BY_GATE = frozenset({"pulse", "denials"})  # nobody else may write there
SOURCES = ("pulse", "denials", "results", "reviews")


def app_id(settings: Settings) -> str:
    """The application's name: its consumer group, and the prefix of its changelog topics."""
    return f"{settings.prefix}-watch"


def make(settings: Settings) -> faust.App:
    """The application of a prefix, without agents.

    Raises:
        SettingsError: it cannot connect as `settings.kafka` says.
    """
    brokers = ";".join(f"kafka://{address.strip()}" for address in settings.bootstrap_servers.split(","))
    app = faust.App(
        app_id(settings),
        broker=brokers,
        broker_credentials=credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1_000,
        broker_heartbeat_interval=settings.session_timeout_ms / 3_000,
        broker_request_timeout=30.0,
        broker_commit_interval=COMMIT_S,
        # A record whose agent failed is read again by the next worker.
        stream_ack_exceptions=False,
        stream_ack_cancelled_tasks=False,
        stream_wait_empty=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4_194_304,
        producer_acks=-1,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        # Tables lie in memory: whoever takes a partition over reads its changelog from the beginning, whatever it has
        # read before as a standby, and has Faust drop half of it, for it goes on behind what the standby had.
        table_standby_replicas=0,
        topic_partitions=settings.partitions,
        topic_replication_factor=max(1, settings.replication_factor),
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        datadir=tempfile.gettempdir(),
        Table=Table,
    )
    urls = [URL(one) for one in brokers.split(";")]
    app.transport = Transport(urls, app)
    # `faust worker` sets web_enabled anew: it would listen on every address of the machine, for anybody.
    app.boot_strategy.enable_web = False
    return app


def source(app: faust.App, settings: Settings, logical: str) -> Any:
    """A topic of the gate, as bytes."""
    return app.topic(settings.topic(logical), key_type=bytes, value_type=bytes, internal=False, acks=True)


def table(app: faust.App, name: str, about: str) -> Any:
    """A table of bytes by bytes; its changelog has the partitions of the prefix."""
    return app.Table(name, key_type=bytes, value_type=bytes, help=about)


def create_changelogs(admin: AdminClient, settings: Settings) -> None:
    """Create the topics that tables are rebuilt from, where they are not there; replicated as those of the prefix.

    Faust would, but cannot ask for the cluster's default: with one replica each, a broker that is lost takes with it
    what no offset leads back to.

    Raises:
        RefusedError: they may not be created.
        UnreachableError: Kafka does not answer.
    """
    least = settings.min_insync_replicas
    config = _CHANGELOG if least is None else _CHANGELOG | {"min.insync.replicas": str(least)}
    new = [
        NewTopic(
            f"{app_id(settings)}-{name}-changelog",
            num_partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            config=config,
        )
        for name in (FIGURES, RUNS, OPEN)
    ]
    topic_admin.create(admin, settings, new)
