"""The small universe with operators who order modes, canaries among them, now and then with a word that is too old."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import universe

from toolgate.schemas.records import Control
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

RATES: Mapping[str, float] = MappingProxyType({"order": 0.02, "intent": 0.2})
TARGETS = (("all", ""), ("workflow", "w"), ("workflow", "default/w"), ("tenant", "another"))
LOOSE = ("enforce", "enforce", "enforce", "draft_only", "canary:50%", "canary:80%")
MODES = (*LOOSE, *LOOSE, "read_only", "shadow", "canary:20%")


class Ordered(universe.Universe):
    """Workers, broker and ledger of one seed; most orders follow on what stands, so that they count."""

    def __init__(self, seed: int, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.said: dict[tuple[str, str], int] = dict.fromkeys(TARGETS, 0)

    def order(self) -> None:
        """Operators order a mode, with its figures; one in four in no sight of what stands."""
        r = self.random
        self.made += 1
        target = r.choice(TARGETS)
        version = self.said[target] + 1 if r.random() < 0.75 else r.randrange(9)
        mode = r.choice(MODES)
        word = Control(
            control_id=f"m{self.made}",
            kind="mode",
            scope=target[0],
            value=target[1],
            reason="model",
            issued_by=("op",),
            mode=mode,
            version=version,
            evidence='{"n":1}',
        )
        self.said[target] += version == self.said[target] + 1 or mode == "shadow"
        self.send(Output("control", 0, b"order", self.codecs[Control].encode(word)))
