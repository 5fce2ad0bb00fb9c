"""Clusters as people read them on a terminal: a table of all, and everything about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.cli import tables
from toolgate.cli.wording import about, because, safe
from toolgate.inspection.decoding import as_time
from toolgate.nearmiss.effects import COUNTED
from toolgate.processors.amounts import amount, usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolgate.nearmiss.looking import Example, Told

_PARAMS_CHARS = 400
_RECORDS_SHOWN = 5
UNPROVEN = "(whatever)"  # of a name that nobody vouches for: the examples have what was written


def table(found: Iterable[Told]) -> None:
    """One line for each cluster."""
    columns = (
        "cluster",
        "denials",
        "before",
        "nearest",
        "at stake",
        "tool",
        "why",
        "would let through",
        "got through",
    )
    tables.show(columns, map(_row, found))


def whole(one: Told) -> Iterator[str]:
    """All that is known of a cluster, line by line."""
    cluster, effect = one.cluster, one.cluster.effect
    yield f"cluster    {cluster.id}"
    whose = f"by {safe(effect.workflow_id) or UNPROVEN} of {safe(effect.tenant) or UNPROVEN}"
    yield f"effect     {safe(effect.tool) or UNPROVEN}{_of(one.system)} {whose}"
    yield f"           touches {effect.touches}" + "".join(f", {safe(each)}" for each in effect.amounts)
    for reason in cluster.reasons():
        yield f"refused    {because(reason)}"
    yield f"denials    {_denials(one)}, the last at {as_time(cluster.last_ms)}"
    yield f"nearest    {near(one)}"
    yield f"at stake   {usd(one.ranked.this.money_micros)}, {amount(one.ranked.this.records, 'records')}"
    yield f"rank       {one.rank}: what was at stake, weighted by how near it was"
    for number, change in enumerate(one.changes, 1):
        yield f"change {number}   {safe(str(change))}"
    if one.why_none:
        yield f"change     none: {one.why_none}"
    for way in one.through:
        how = f"{way.way}, by {', '.join(map(safe, way.tools))} in the same {way.scope}"
        when = f"{about(way.after_ms)} later: command {', '.join(way.commands)}"
        yield f"through    {safe(way.intent_id)}: {how}, {when}"
    for shape, count in one.shapes:
        told = ", ".join(f"{safe(name)}: {kind}" for name, kind in shape) or "no parameters"
        yield f"shape      {count:,} of the examples with {told}"
    for example in one.examples:
        yield from _example(example)


def near(one: Told) -> str:
    """How near the nearest was."""
    return "no figure" if one.nearness is None else f"{one.nearness * 100:,.1f} % over"


def _row(one: Told) -> tuple[str, ...]:
    effect = one.cluster.effect
    why = "; ".join(f"{code} {rule}".rstrip() for code, rule in effect.reasons)
    best = next((str(change) for change in one.changes), "")
    return (
        one.cluster.id,
        f"{one.ranked.this.count:,}",
        f"{one.ranked.before.count:,}",
        near(one),
        f"{usd(one.ranked.this.money_micros)}, {amount(one.ranked.this.records, 'records')}",
        safe(effect.tool) or UNPROVEN,
        safe(why),
        safe(best),
        ", ".join(f"{count} x {way}" for way, count in one.ways()),
    )


def _example(example: Example) -> Iterator[str]:
    miss, denial = example.miss, example.miss.denial
    whose = f"{safe(denial.tool)} run {safe(denial.run_id)} agent {safe(denial.agent_id)}"
    yield f"example    {as_time(miss.time_ms)} {safe(denial.intent_id)} {whose}"
    moved = [
        safe(amount(one.asked, one.unit)) for one in denial.reasons if one.asked and one.unit not in COUNTED
    ]
    said = "; ".join(map(because, denial.reasons))
    yield f"           {said}" + (f" (asked {', '.join(moved)})" if moved else "")
    if denial.records:
        more = len(denial.records) - _RECORDS_SHOWN
        named = ", ".join(map(safe, denial.records[:_RECORDS_SHOWN])) + (
            f" and {more} more" if more > 0 else ""
        )
        yield f"           touches {named}"
    if example.params:
        yield f"           parameters {safe(example.params, _PARAMS_CHARS)}"


def _denials(one: Told) -> str:
    this, before = one.ranked.this.count, one.ranked.before.count
    return f"{this:,} in this window, {before:,} in the one before it"


def _of(system: str) -> str:
    return f" of {safe(system)}" if system else ""
