"""Looking at a cluster: all that is known of it put together, for a page, a report or a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.inspection.decoding import as_time
from toolgate.nearmiss.bodies import body_of, shown
from toolgate.nearmiss.changes import change_as_json, changes, why_none
from toolgate.nearmiss.memory import candidates, got_through
from toolgate.nearmiss.misses import FAR
from toolgate.nearmiss.shapes import shapes
from toolgate.processors.amounts import usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.nearmiss.approvals import Approvals
    from toolgate.nearmiss.bodies import Place
    from toolgate.nearmiss.changes import Change
    from toolgate.nearmiss.clusters import Cluster, Ranked
    from toolgate.nearmiss.memory import Through, Way
    from toolgate.nearmiss.misses import Miss
    from toolgate.nearmiss.shapes import Shape
    from toolgate.nearmiss.windows import Tally
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.records import Intent

CANDIDATES_MAX = 100  # approvals whose intents are read, of a cluster
_SCORE_PER_MICRO = 1_000_000
CENT = 10_000


@dataclass(frozen=True, slots=True)
class Example:
    """One denial; `params`: JSON without what the policy hides, "" where it was not read or is not kept."""

    miss: Miss
    params: str


@dataclass(frozen=True, slots=True)
class Told:
    """A cluster with what follows from it. `why_none` says why there are no changes; "" where there are."""

    ranked: Ranked
    system: str
    changes: tuple[Change, ...]
    why_none: str
    through: tuple[Through, ...]
    shapes: tuple[tuple[Shape, int], ...]
    examples: tuple[Example, ...]

    @property
    def cluster(self) -> Cluster:
        """The cluster itself."""
        return self.ranked.cluster

    @property
    def score_micros(self) -> int:
        """Its rank: dollars at stake weighted by how near they were, in micro-dollars."""
        return self.ranked.this.score // _SCORE_PER_MICRO

    @property
    def rank(self) -> str:
        """The same for people, to the cent where it is more than one."""
        return usd(self.score_micros // CENT * CENT or self.score_micros)

    @property
    def nearness(self) -> float | None:
        """How near its nearest denial was, as a share of the limit; None where no figure tells."""
        near = self.cluster.nearest
        return None if near is None or near.nearness == FAR else near.nearness

    def ways(self) -> list[tuple[Way, int]]:
        """How its examples got through, and how many each way."""
        found: dict[Way, int] = {}
        for one in self.through:
            found[one.way] = found.get(one.way, 0) + 1
        return [*found.items()]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        cluster, effect = self.cluster, self.cluster.effect
        return {
            "id": cluster.id,
            "tenant": effect.tenant,
            "workflow": effect.workflow_id,
            "tool": effect.tool,
            "system": self.system,
            "reasons": [
                {"code": one.code, "rule": one.rule, "scope": one.scope, "unit": one.unit, "limit": one.limit}
                for one in cluster.reasons()
            ],
            "shape": {"records": effect.records, "amounts": list(effect.amounts)},
            "score_micros": self.score_micros,
            "nearness": self.nearness,
            "window": _tally(self.ranked.this),
            "before": _tally(self.ranked.before),
            "first": as_time(cluster.first_ms),
            "last": as_time(cluster.last_ms),
            "changes": [change_as_json(one) for one in self.changes],
            "no_change": self.why_none,
            "through": [
                {
                    "way": one.way,
                    "intent_id": one.intent_id,
                    "scope": one.scope,
                    "tools": list(one.tools),
                    "commands": list(one.commands),
                    "after_ms": one.after_ms,
                }
                for one in self.through
            ],
            "parameters": [{"shape": dict(shape), "denials": count} for shape, count in self.shapes],
            "examples": [_example(one) for one in self.examples],
        }


def places(ranked: Ranked, approvals: Approvals, most: int) -> list[Place]:
    """Where the intents lie that are worth reading: of a cluster's examples, and of what may have got through."""
    examples = ranked.cluster.shown()[:most]
    beside = candidates([one.denial for one in examples], approvals, CANDIDATES_MAX)
    return [*((one.denial.partition, one.denial.offset) for one in examples), *(one.place for one in beside)]


def told(
    ranked: Ranked,
    approvals: Approvals,
    policies: PolicySet | None,
    bodies: Mapping[Place, Intent],
    most: int,
) -> Told:
    """What is known of a cluster.

    Args:
        ranked: the cluster.
        approvals: what got through.
        policies: the set that its newest denial was decided under; None: parameters stay hidden, systems unknown.
        bodies: intents by their places; what is missing is told without.
        most: how many examples are looked at.
    """
    cluster = ranked.cluster
    examples = cluster.shown()[:most]
    denials = [one.denial for one in examples]
    kept = {
        place: shown(bodies[place], policies)
        for one in denials
        if (place := (one.partition, one.offset)) in bodies
    }
    read = {place: body for place, one in bodies.items() if policies and (body := body_of(one, policies))}
    tools = policies.tools if policies else {}
    tool = tools.get(cluster.effect.tool)
    return Told(
        ranked,
        tool.system if tool else "",
        tuple(changes(cluster)),
        why_none(cluster),
        tuple(got_through(denials, approvals, tools, read)),
        tuple(shapes(kept.values())) if policies else (),
        tuple(Example(one, _params(kept, one, policies)) for one in examples),
    )


def _params(kept: Mapping[Place, Intent], one: Miss, policies: PolicySet | None) -> str:
    found = kept.get((one.denial.partition, one.denial.offset))
    return found.params if found is not None and policies is not None else ""


def _tally(tally: Tally) -> dict[str, int]:
    return {"denials": tally.count, "money_micros": tally.money_micros, "records": tally.records}


def _example(one: Example) -> dict[str, Any]:
    denial = one.miss.denial
    return {
        "intent_id": denial.intent_id,
        "tenant": denial.tenant,
        "workflow": denial.workflow_id,
        "tool": denial.tool,
        "run_id": denial.run_id,
        "agent_id": denial.agent_id,
        "partition": denial.partition,
        "offset": denial.offset,
        "seq": denial.seq,
        "time": as_time(one.miss.time_ms),
        "cost_micros": denial.cost_micros,
        "records": list(denial.records),
        "nearness": None if one.miss.nearness == FAR else one.miss.nearness,
        "because": [reason.because for reason in denial.reasons],
        "params": one.params,
    }
