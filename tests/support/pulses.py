"""Pulses for tests of the watch: rollups of one workflow, nothing in them but what is given."""

from __future__ import annotations

from toolgate.schemas.records import Pulse

BEGIN_MS = 1_699_999_200_000  # a full hour
_COUNTS = ("intents", "approved", "denied", "held", "drafted", "quarantined", "duplicates", "cost_micros")


def pulse(clk: int = BEGIN_MS, workflow: str = "desk", version: str = "v1", **fields: object) -> Pulse:
    """One rollup; all counts are 0 unless given."""
    told: dict[str, object] = {"codes": {}, "tools": {}, **dict.fromkeys(_COUNTS, 0), **fields}
    return Pulse(
        tenant="default",
        workflow_id=workflow,
        partition_set="0",
        clk=clk,
        policy_digest=version,
        **told,
    )
