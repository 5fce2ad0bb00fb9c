"""Saying an operator's word, and waiting until it holds: what `kill`, `lift`, `grant` and `revoke` have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.cli import signing
from toolgate.inspection.search import Readers
from toolgate.review import orders
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolgate.processors.control_state import ControlState
    from toolgate.schemas.records import Control
    from toolgate.streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Saying:
    """Who says a word, why, and how long is waited for its audit."""

    signers: list[str]  # key ids; their private keys lie beside the keyring
    reason: str
    timeout_s: float
    keys_file: Path
    settings: Settings

    def say(self, word_of: Callable[[ControlState], Control]) -> orders.Held:
        """Say a word that depends on how things stand; it holds when its audit event is committed.

        Raises:
            SettingsError: nobody signs.
            LoadError: a key of those who sign is not at hand.
            ControlRefusedError: it changes nothing.
            RetryError: it stands, and its audit event does not in time. It holds as soon as a gate reads it.
        """
        if not self.signers:
            raise SettingsError("nobody signs", where="arguments", remedy="name a key: --as KID")
        settings, private = self.settings, signing.load(self.keys_file, self.signers)
        registry = schema_ids.registry(settings)
        with Readers(settings) as readers, signing.operating(settings, self.keys_file) as operating:
            word = word_of(operating.standing())
            return orders.said(lambda: operating.say(word, private), readers, registry, self.timeout_s)
