"""The world of a decision: what it may look at besides its case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet


@dataclass(frozen=True, slots=True)
class World:
    """What a decision may look at besides its case: fixed for a batch, named by the decision's digests and ctl."""

    policies: PolicySet
    control: ControlState
    keys: Keyring
    partitions: int = 0  # of the intents; 0 where records come from no topic, and lie nowhere
