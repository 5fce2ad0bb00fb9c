"""Rules alone, beside a yardstick: 100 rules, five of which are about the call's tool, with facts; and Cedar's.

Of many short rounds the least counts: what is more than that is other work on the machine. The yardstick is a fixed
piece of plain Python in the same rounds, so figures of two machines can be compared by it.
"""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import rulebook
from toolgate.processors.rules import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.processors.case import Case

RULES = 100
TOOLS = RULES // rulebook.RULES_PER_TOOL
CASES, PART = 2_000, 25
_CEDAR = (
    "context.params.amount_cents > 50000",
    'context.booking.cabin == "basic" && context.params.cabin != "basic"',
    'context.person.level != "gold" && context.params.bags > 2',
    "context.left_cents < context.params.amount_cents",
    'context.params.reason like "*test*" || !(["basic", "economy", "business"].contains(context.params.cabin))',
)


@dataclass(frozen=True, slots=True)
class Alone:
    """Microseconds a decision, the least and the median of all rounds, and of one step of the yardstick."""

    least_us: float
    median_us: float
    yard_us: float

    @property
    def per_s(self) -> float:
        """Decisions a second of one core, at the least."""
        return 1e6 / self.least_us

    @property
    def yards(self) -> float:
        """A decision in steps of the yardstick."""
        return self.least_us / self.yard_us


def of_rules(rounds: int, *, macro: bool) -> Alone:
    """The rules processor: facts are read from their texts anew for each decision, as they come from the ledger."""
    world = rulebook.world(1, RULES, macro=macro)
    cases = [rulebook.prepared(world, one) for one in rulebook.cases(world, CASES, 1, TOOLS)]
    assert not any(rules(case, world).reasons for case in cases), "a rule holds"
    return _measured(lambda case: rules(case, world), cases, rounds)


def of_cedar(rounds: int) -> Alone:
    """The same rules as Cedar policies, asked through cedarpy with policies and entities parsed beforehand.

    Cedar knows no facts: they are in the request's context, already as values, which it is given for free.
    """
    import cedarpy  # noqa: PLC0415 - only where it is measured

    policies = cedarpy.PolicySet.from_str(_cedar_text())
    entities = cedarpy.Entities.from_json_str("[]")
    world = rulebook.world(1, RULES)
    requests = [_request(one) for one in rulebook.cases(world, CASES, 1, TOOLS)]

    def ask(request: dict[str, Any]) -> Any:
        return cedarpy.is_authorized(request, policies, entities)

    assert all(ask(one).decision == cedarpy.Decision.Allow for one in requests), "a policy forbids"
    return _measured(ask, requests, rounds)


def _cedar_text() -> str:
    forbids = [
        f'forbid (principal, action == Action::"{rulebook.tool_name(place // rulebook.RULES_PER_TOOL)}", resource)'
        f" when {{ {_CEDAR[place % rulebook.RULES_PER_TOOL]} }};"
        for place in range(RULES)
    ]
    return "\n".join(("permit (principal, action, resource);", *forbids))


def _request(case: Case) -> dict[str, Any]:
    return {
        "principal": f'Agent::"{case.intent.agent_id}"',
        "action": f'Action::"{case.intent.tool}"',
        "resource": 'System::"desk"',
        "context": {
            "params": json.loads(case.intent.params),
            "booking": {"cabin": "economy"},
            "person": {"level": "silver"},
            "left_cents": 100_000,
        },
    }


def _measured(decide: Callable[[Any], Any], given: Sequence[Any], rounds: int) -> Alone:
    gc.collect()
    gc.freeze()
    spent, yards = [], []
    for _ in range(rounds):
        for start in range(0, len(given), PART):
            part = given[start : start + PART]
            since = time.perf_counter_ns()
            for one in part:
                decide(one)
            spent.append((time.perf_counter_ns() - since) / len(part) / 1000)
            yards.append(_yard())
    gc.unfreeze()
    spent.sort()
    return Alone(spent[0], spent[len(spent) // 2], min(yards))


def _yard() -> float:
    """Microseconds of one step: a text, a tuple and an entry of a dict."""
    steps, made = 1_000, dict[str, tuple[int, int]]()
    since = time.perf_counter_ns()
    for number in range(steps):
        made[str(number)] = (number, number + 1)
    return (time.perf_counter_ns() - since) / steps / 1000
