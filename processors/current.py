"""Current: what stands now where a call would change something, as the catalogue's `current` says.

A parameter is compared with one field of a fact, by a path as conditions have them:
`cents: facts.invoice[params.id].cents`. Nothing is compared by like names: whoever approves a call must not be shown
a value that only looks as if it were the one that changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_syntax import ConditionError
from toolgate.processors.condition_text import compile_path
from toolgate.processors.facts import concerning, rows_of, tables_of
from toolgate.processors.functions import UnfitError
from toolgate.processors.slots import Missing, facts_in, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.processors.condition_types import Type
    from toolgate.processors.facts import FactKind
    from toolgate.processors.slots import Slot

CURRENT_MAX = 32  # parameters of a tool that are compared
FACTS = "facts"
UNTRUSTED = " (untrusted)"


@dataclass(frozen=True, slots=True)
class Current:
    """One parameter, and the path of what stands there now."""

    param: str
    slot: Slot  # of the root `facts`
    kinds: tuple[FactKind, ...]  # that it looks at, also to find the row

    @property
    def source(self) -> str:
        """The fact and its field, as people read them: `invoice.cents`; and whether nothing vouches for it."""
        field = ".".join(step for step in self.slot.path if step.isidentifier())
        return field if all(kind.trusted for kind in self.kinds) else field + UNTRUSTED


def compile_current(param: str, text: str, params: Type, kinds: Mapping[str, FactKind]) -> Current:
    """Check one comparison against the tool's parameters and the facts there are.

    Raises:
        ConditionError: it is no path into a row of a fact, or there is no such parameter, fact or field.
    """
    slot, _ = compile_path(text, {"params": params, FACTS: tables_of(kinds)})
    if slot.root != FACTS or not slot.inputs:
        hint = "write facts.<fact>[params.<parameter>].<field>"
        raise ConditionError(0, "what stands now is a field of a fact", hint)
    return Current(param, slot, tuple(kinds[name] for name in dict.fromkeys(facts_in([slot]))))


def now_of(
    currents: Iterable[Current], params: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, Any]:
    """By parameter of the call, what stands there now; a parameter of which nothing is known is left out.

    Args:
        currents: of the tool.
        params: of the call.
        texts: what the run remembers, as the ledger keeps it.
    """
    asked = [one for one in currents if one.param in params]
    kinds = {kind.name: kind for one in asked for kind in one.kinds}
    # By name, as the ledger keeps what rules are judged by: it gives them in any order, and one result may tell two.
    known = dict(sorted(concerning(texts, kinds).items()))
    roots = {"params": params, FACTS: rows_of(known, kinds)}
    found = {one.param: _value(one.slot, roots) for one in asked}
    return {param: value for param, value in found.items() if value is not None}


def _value(slot: Slot, roots: Mapping[str, Any]) -> Any:
    try:
        value = value_of(slot, roots)
    except UnfitError:
        return None
    return None if isinstance(value, Missing) else value
