"""The world of a decision: what it may look at besides its case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.frozen import frozen

if TYPE_CHECKING:
    from toolgate.processors.control_state import ControlState, Order
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet, WorkflowPolicy


@frozen
class World:
    """What a decision may look at besides its case: fixed for a batch, named by the decision's digests and ctl."""

    policies: PolicySet
    control: ControlState
    keys: Keyring
    partitions: int = 0  # of the intents; 0 where records come from no topic, and lie nowhere

    def mode(self, policy: WorkflowPolicy, run_id: str, *, besides: str = "") -> tuple[str, Order | None]:
        """The mode that holds for a run, and the order that made it so; None where the policy says it.

        With `besides` the one that would hold if nobody had said that mode.
        """
        return self.control.mode(policy.tenant, policy.workflow_id, run_id, policy.mode, besides=besides)
