"""Shown: what people see of a call that waits: what is asked beside what stands now, how to undo it, what came before.

What is known of the world is looked up once, when the call is judged, and kept with its decision: whoever publishes it
later publishes the same. What the policy or the tool redacts is hidden on both sides of a comparison. Nothing here is
larger than its bound, so the record of what waits is never too large for its topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.capture import HIDDEN, hidden, redacted
from toolgate.processors.current import now_of
from toolgate.processors.facts import sources_of
from toolgate.processors.paths import values_at
from toolgate.processors.rule_sheets import may_be_shown
from toolgate.processors.slots import Slot
from toolgate.schemas.strict_json import JsonError, dumps_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.case import Case

EARLIER_MAX = 8  # calls of the run, the last ones
TOLD_MAX = 4  # facts that one of them told
VALUE_BYTES_MAX, VALUE_DEPTH_MAX = 2_048, 24
# With `earlier`, which has less than 8 KiB, no more than what an audit event captures (processors/size.py).
DIFF_BYTES_MAX, INVERSE_BYTES_MAX = 40 * 1024, 16 * 1024


def known_of(case: Case, texts: Mapping[str, str]) -> dict[str, Any]:
    """What is known when a call comes to wait: `now` by parameter, and `earlier`, as plain JSON data.

    Args:
        case: as the chain has judged it.
        texts: what its run remembers, as the ledger keeps it.
    """
    if case.tool is None or case.params is None:
        return {}
    now = now_of(case.tool.current, case.params, texts)
    return {
        "now": {param: _small(value) for param, value in now.items()},
        "earlier": _earlier(texts),
    }


def diff_of(case: Case) -> str:
    """A JSON object: by parameter `{"asked": value, "now": value, "from": "<fact>.<field>"}`.

    `now` is null where nothing is known, and `from` "" where the catalogue compares the parameter with nothing; it ends
    with ` (untrusted)` where no system of record vouches for the fact. A value of more than 2,048 bytes is told by its
    size; an object of more than 40 KiB has one entry, `*`, that tells its own.
    """
    hides = hidden(case)
    currents = {one.param: one for one in case.tool.current} if case.tool else {}
    now = case.known.get("now", {})
    rows: dict[str, Any] = {}
    for param, value in redacted(case.params or {}, hides).items():
        current, stands = currents.get(param), now.get(param)
        whole = Slot("params", (param,), current.slot.type) if current else None
        if current and whole and not (may_be_shown(whole, hides) and may_be_shown(current.slot, hides)):
            stands = HIDDEN
        rows[param] = {"asked": _small(value), "now": stands, "from": current.source if current else ""}
    text = dumps_canonical(rows)
    size = len(text.encode())
    if size > DIFF_BYTES_MAX:
        return dumps_canonical({"*": {"asked": _of_size(size), "now": None, "from": ""}})
    return text


def inverse_of(case: Case) -> str:
    """The call that undoes this one, `{"tool": name, "params": {…}}`; "" where the catalogue names none.

    A parameter of several values is a list; one that the call does not have is left out. Over 16 KiB: `params` is {}.
    """
    if case.tool is None or case.tool.inverse is None:
        return ""
    tool, mapping = case.tool.inverse
    shown = redacted(case.params or {}, hidden(case))
    found = {name: values_at(shown, path) for name, path in mapping}
    params = {
        name: _small(values[0] if len(values) == 1 else values) for name, values in found.items() if values
    }
    text = dumps_canonical({"tool": tool, "params": params})
    return text if len(text.encode()) <= INVERSE_BYTES_MAX else dumps_canonical({"tool": tool, "params": {}})


def earlier_of(case: Case) -> str:
    """The run's last calls that have told something, the earliest first, as a JSON list; "" where none is known.

    Each is `{"tool": name, "result": offset, "told": [kinds of facts]}`: it has landed, and its result lies at that
    offset of the run's partition.
    """
    earlier = case.known.get("earlier")
    return dumps_canonical(earlier) if earlier else ""


def _earlier(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    told: dict[tuple[int, str], set[str]] = {}
    for offset, tool, fact in sources_of(texts):
        told.setdefault((offset, tool), set()).add(fact)
    return [
        {"tool": tool, "result": offset, "told": sorted(told[offset, tool])[:TOLD_MAX]}
        for offset, tool in sorted(told)[-EARLIER_MAX:]
    ]


def _small(value: Any) -> Any:
    """A value as it is shown: what is too large, or has no JSON, by a word that says so."""
    try:
        size = len(dumps_canonical(value, max_depth=VALUE_DEPTH_MAX).encode())
    except JsonError:
        return "[not shown]"
    return value if size <= VALUE_BYTES_MAX else _of_size(size)


def _of_size(size: int) -> str:
    return f"[{size:,} bytes]"
