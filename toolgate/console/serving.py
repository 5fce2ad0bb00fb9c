"""Serving: the console of a prefix, until it is stopped."""

from __future__ import annotations

import signal
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from toolgate.console.app import application
from toolgate.console.attempts import Attempts
from toolgate.console.desk import KafkaDesk
from toolgate.console.halves import Proposals
from toolgate.console.sessions import Sessions
from toolgate.console.site import Site
from toolgate.console.tailing import Tailing
from toolgate.console.users import LocalUsers
from toolgate.console.views import Views, now_ms
from toolgate.processors.names import names_this_machine
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.console.hub import Hub
    from toolgate.processors.keyring import Keyring
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

_LEAVE_S = 2  # open event streams are cut after that when it stops
REQUESTS_MAX = 400  # at a time


@dataclass(frozen=True, slots=True)
class Where:
    """Where the console listens, and how browsers reach it."""

    host: str
    port: int
    names: tuple[str, ...]  # host names that browsers may use
    proxies: str = ""  # addresses of proxies whose word on the client's address and on https counts


def bound(where: Where) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        SettingsError: it cannot.
    """
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    try:
        return socket.create_server((where.host, where.port), family=family)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen: {getattr(error, 'strerror', None) or error}",
            where=f"{where.host}:{where.port}",
            remedy="name another --host or --port",
        ) from None


def open_to_others(where: Where) -> str:
    """A warning where it listens for other machines and no proxy is named; else ""."""
    if names_this_machine(where.host) or where.proxies:
        return ""
    return (
        f"warning: {where.host} listens for other machines and no --proxy is named: without TLS whoever is on the way "
        "reads passwords"
    )


class _Server(uvicorn.Server):
    """Ends the streams of open pages first when it stops: each of them would go on for ever."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._hub.end()
        await super().shutdown(sockets)


def serve(  # noqa: PLR0913, PLR0917 - the parts of a console
    settings: Settings,
    keyring: Keyring,
    registry: Registry,
    users: Path,
    where: Where,
    listening: socket.socket,
    *,
    idle_s: float,
    recent_ms: int,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: where Kafka is and which prefix.
        keyring: the operators' public keys.
        registry: where schema ids come from.
        users: the file of local users.
        where: how browsers reach it.
        listening: from `bound`.
        idle_s: how long a session lasts in which nothing is done.
        recent_ms: how old denials and decisions may be that are read at the start.

    Raises:
        UnreachableError, RetryError: Kafka does not answer.
    """
    views = Views(registry)
    desk = KafkaDesk(settings, keyring, registry)
    site = Site(
        views,
        desk,
        LocalUsers(users, keyring),
        Sessions(time.monotonic, idle_s),
        Attempts(time.monotonic),
        Proposals(time.monotonic),
        now_ms,
    )
    views.changed = site.hub.publish
    config = uvicorn.Config(
        application(site, where.names),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(where.proxies),
        forwarded_allow_ips=where.proxies or None,
        timeout_graceful_shutdown=_LEAVE_S,
        limit_concurrency=REQUESTS_MAX,
        h11_max_incomplete_event_size=32 * 1024,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server handles them while it runs, and raises them again when it is done: then all is said.
        signal.signal(number, lambda _number, _frame: None)
    try:
        with Tailing(settings, views, recent_ms):
            _Server(config, site.hub).run([listening])
    finally:
        desk.close()
