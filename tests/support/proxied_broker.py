"""A broker with a second listener that is reached through a proxy, whatever the clients learn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.streams.local import ports
from toolgate.streams.local.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class ProxiedBroker(Broker):
    """Besides its usual listener one on `behind`, which it advertises as `proxy_port`.

    Args:
        directory: as Broker has it.
        notify: as Broker has it.
    """

    def __init__(self, directory: Path, notify: Callable[[str], None]) -> None:
        super().__init__(directory, notify)
        self.behind = ports.free_port()
        self.proxy_port = ports.free_port()

    def _configure(self) -> Path:
        config = super()._configure()
        lines = config.read_text(encoding="utf-8").splitlines()
        config.write_text("\n".join(map(self._with_listener, lines)) + "\n", encoding="utf-8")
        return config

    def _with_listener(self, line: str) -> str:
        match line.partition("=")[0]:
            case "listeners":
                return f"{line},PROXIED://127.0.0.1:{self.behind}"
            case "advertised.listeners":
                return f"{line},PROXIED://127.0.0.1:{self.proxy_port}"
            case "listener.security.protocol.map":
                return f"{line},PROXIED:PLAINTEXT"
        return line
