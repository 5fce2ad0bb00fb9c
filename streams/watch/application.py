"""The Faust application: its topics and tables, made from toolgate's settings.

What Faust 0.15.3 loses or wedges is not used: its exactly-once, the confluent driver, `take`, more than one task for a
stream. Its web server, leader topic and storage on disk are not needed.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import faust
from yarl import URL

from toolgate.streams.errors import SettingsError
from toolgate.streams.watch.connecting import credentials
from toolgate.streams.watch.transport import Table, Transport

if TYPE_CHECKING:
    from toolgate.streams.settings import Settings

COMMIT_S = 1.0  # what a crash makes the next worker read again
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
    if not brokers:
        raise SettingsError("no broker is named", where="bootstrap_servers", remedy="write host:port")
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
    return app


def source(app: faust.App, settings: Settings, logical: str) -> Any:
    """A topic of the gate, as bytes."""
    return app.topic(settings.topic(logical), key_type=bytes, value_type=bytes, internal=False, acks=True)


def table(app: faust.App, name: str, about: str) -> Any:
    """A table of bytes by bytes; its changelog has the partitions of the prefix."""
    return app.Table(name, key_type=bytes, value_type=bytes, help=about)
