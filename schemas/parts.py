"""Parts: what stands inside records, and is the value of no topic."""

from __future__ import annotations

from typing import Any

from toolgate.schemas.frozen import frozen


@frozen
class Reason:
    """One reason of a verdict. `distance` is how far the intent was from being allowed, in `unit`."""

    code: str  # processors.reasons.Code
    rule: str = ""  # the policy's own name for what spoke: rule id, "limits.max_cost_usd", "budgets[0]"
    because: str = ""  # for people: one sentence with the values used
    scope: str = ""  # "run", "workflow", "agent", "tenant", "tool", "system" or ""
    unit: str = ""  # "usd_micros", "calls", "records", "ms" or a unit of the catalogue
    asked: int | None = None
    limit: int | None = None
    distance: int | None = None


@frozen
class Op:
    """One change of the ledger; the fold of these in seq order is the ledger's state."""

    op: str  # branch of the Avro union: reserve, settle, spend, rate, window, count, own, remember
    args: tuple[Any, ...]  # in the order of the branch's fields


@frozen
class Balance:
    """An account after the decision, for people: folding it would count charges that may never commit."""

    account: str
    unit: str
    used: int
    max: int


@frozen
class Visible:
    """Gives of inputs of this topic-partition below `offset` became available (ledger.md, the audit event)."""

    topic: str
    partition: int
    offset: int
