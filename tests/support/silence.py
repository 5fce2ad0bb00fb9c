"""What a worker of the model reports, to nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Silence:
    """A report that nobody reads."""

    decided: int = 0
    states: list[str] = field(default_factory=list)

    def batch(self, decided: Any, shares: Any) -> None:
        """Count; a batch is of something."""
        assert decided
        self.decided += len(decided)

    def joined(self, partitions: Any, gen: str) -> None:
        """Nothing."""

    def policies(self, policies: Any) -> None:
        """Nothing."""

    def state(self, name: str, detail: str) -> None:
        """Remember."""
        self.states.append(name)
