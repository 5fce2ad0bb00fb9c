"""Saying an operator's word, and waiting until it holds: what `kill`, `lift`, `grant` and `revoke` have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.cli import connection, signing
from toolgate.inspection.awaiting import awaited
from toolgate.inspection.search import Readers
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Control
from toolgate.streams.errors import SettingsError
from toolgate.streams.ports import CONTROL, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolgate.processors.control_state import ControlState
    from toolgate.streams.settings import Settings

AUDIT = "audit"


class Held(NamedTuple):
    """A word that holds: its offset on the control topic, and the seq after which it does."""

    offset: int
    after: int


@dataclass(frozen=True, slots=True)
class Saying:
    """Who says a word, why, and how long is waited for its audit."""

    signers: list[str]  # key ids; their private keys lie beside the keyring
    reason: str
    timeout_s: float
    keys_file: Path
    settings: Settings

    def say(self, kind: str, scope: str, value: str, rest: Callable[[ControlState], dict[str, Any]]) -> Held:
        """Say a word whose further fields depend on how things stand; it holds when its audit event is committed.

        Raises:
            SettingsError: nobody signs.
            LoadError: a key of those who sign is not at hand.
            ControlRefusedError: it changes nothing.
            RetryError: it stands, and its audit event does not in time. It holds as soon as a gate reads it.
        """
        if not self.signers:
            raise SettingsError("nobody signs", where="arguments", remedy="name a key: --as KID")
        settings, private = self.settings, signing.load(self.keys_file, self.signers)
        with Readers(settings) as readers, signing.operating(settings, self.keys_file) as operating:
            word = Control(
                control_id=signing.control_id(kind),
                kind=kind,
                scope=scope,
                value=value,
                reason=self.reason,
                issued_by=tuple(self.signers),
                **rest(operating.standing()),
            )
            since = readers(AUDIT).span(0)[1]
            offset = operating.say(word, private)
            return Held(offset, self._after(readers, since, offset))

    def _after(self, readers: Readers, since: int, offset: int) -> int:
        event = awaited(
            readers(AUDIT),
            {0: since},
            Codec(AuditEvent, connection.registry(self.settings)),
            lambda event: (event.topic, event.offset) == (CONTROL, offset) and event.after is not None,
            self.timeout_s,
        )
        if event is not None and event.after is not None:
            return event.after
        raise RetryError(
            f"control record {offset} stands and is not audited in {self.timeout_s:g} s: does a gate run? It will hold "
            "as soon as one reads it, and executors keep to it already"
        )
