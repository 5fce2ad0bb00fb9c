"""Effects: what a denied call would have done, told coarsely enough that calls which want the same fall together.

Everything here is at hand in the denial itself, so the same denials have the same cluster wherever they are folded: on
the command line, in the console, tomorrow. Parameters are not: `shapes.py` tells those of a cluster's examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from toolgate.processors.amounts import MICROS_PER_USD, USD_MICROS, amount, usd
from toolgate.processors.reasons import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import Denial

_ID_BYTES = 6
_FEW = {0: "none", 1: "1"}
_UNPROVEN = frozenset({Code.BAD_IDENTITY, Code.UNKNOWN_WORKFLOW, Code.BAD_INTENT})
COUNTED = frozenset({"", "calls", "records", "ms", "bytes", "denials"})  # units in which nothing is moved


@dataclass(frozen=True, slots=True)
class Effect:
    """What denials have in common that are one cluster.

    `reasons`: code and rule of each reason, in the denial's order. `records` and `amounts` are classes, for people. A
    name is "" where nobody vouches for it: of an agent that was not believed, or of a tool that there is not.
    """

    tenant: str
    workflow_id: str
    tool: str
    reasons: tuple[tuple[str, str], ...]
    records: str
    amounts: tuple[str, ...]

    @property
    def id(self) -> str:
        """The cluster's id: twelve hexadecimal digits of what it is, so it stays the same for ever."""
        parts = (self.tenant, self.workflow_id, self.tool, self.records, *self.amounts)
        flat = (*parts, *(part for reason in self.reasons for part in reason))
        text = "".join(f"{len(part)}:{part}," for part in flat)
        return blake2b(text.encode(), digest_size=_ID_BYTES).hexdigest()

    @property
    def touches(self) -> str:
        """The class of records for people: "no records", "1 record", "2 to 9 records"."""
        return {"none": "no records", "1": "1 record"}.get(self.records, f"{self.records} records")


def effect_of(denial: Denial) -> Effect:
    """The effect of a denied call.

    Names that nobody vouches for are in none: else whoever may write intents could make clusters without end, until
    those that matter were forgotten.
    """
    codes = {reason.code for reason in denial.reasons}
    proven = codes.isdisjoint(_UNPROVEN)
    return Effect(
        denial.tenant if proven else "",
        denial.workflow_id if proven else "",
        denial.tool if proven and Code.TOOL_UNKNOWN not in codes else "",
        tuple(dict.fromkeys((reason.code, reason.rule) for reason in denial.reasons)),
        records_class(len(denial.records)),
        tuple(amount_class(value, unit) for unit, value in sorted(amounts_of(denial).items())),
    )


def amounts_of(denial: Denial) -> dict[str, int]:
    """What the call would have moved, by unit: its cost, and what its reasons name in other units than counts."""
    found = {USD_MICROS: denial.cost_micros} if denial.cost_micros else {}
    for reason in denial.reasons:
        if reason.unit not in COUNTED and reason.asked:
            found[reason.unit] = max(found.get(reason.unit, 0), reason.asked)
    return found


def records_class(count: int) -> str:
    """How many records, coarsely: none, 1, 2 to 9, 10 to 99, ..."""
    return _FEW.get(count) or ("2 to 9" if count < 10 else _decade(count, "{:,}".format))


def amount_class(value: int, unit: str) -> str:
    """How much, coarsely: by powers of ten of the unit, of money from one cent on."""
    if unit != USD_MICROS:
        return f"{_decade(value, '{:,}'.format)} {unit}"
    cents = value * 100 // MICROS_PER_USD
    if cents < 1:
        return f"below {usd(MICROS_PER_USD // 100)}"
    return _decade(cents, lambda bound: amount(bound * MICROS_PER_USD // 100, USD_MICROS))


def _decade(value: int, shown: Callable[[int], str]) -> str:
    """The power of ten that a whole number lies in: 37 is "10 to 99"."""
    begin = 10 ** (len(str(abs(value))) - 1)
    return f"{shown(begin)} to {shown(begin * 10 - 1)}"
