"""Random policies, calls, and ways to make a policy tighter: none of them may turn a refusal into an approval.

A policy set is plain data, as its files have it, so that a way to tighten it is a few lines.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.world import World
from toolgate.schemas.enums import Kind
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent
from toolgate.streams.ledger.memory import MemoryLedger, Store
from toolgate.streams.ports import Ask, Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

HOME = ("intents", 0)
NAMES = ("look", "pay", "send", "close")
IDS = ("A-1", "A-2", "A-3", "A-4")
TIMES = {"attempts": {"run": {"max": 1_000_000, "per": "1s"}, "agent": {"max": 1_000_000, "per": "1s"}}}
BUDGETS = [
    {"scope": scope, "window": window, "unit": unit}
    for scope in ("run", "workflow", "agent", "tenant", "tool", "system")
    for window in ("none", "1h", "1d")
    for unit in ("usd", "calls", "records")
    if (scope, window, unit) != ("run", "none", "usd")  # limits.max_cost_usd has this account
]
RADII = [
    {"scope": scope, "window": window} for scope in ("run", "workflow", "tenant") for window in ("none", "1h")
]
RATES = [{"scope": scope, "per": per} for scope in ("run", "agent", "tenant", "tool") for per in ("1s", "1m")]
CONDITIONS = [
    "params.n > 5",
    "params.n + 1 < 3 || params.id == 'A-1'",
    "!(params.id in ['A-2', 'A-3']) && params.n >= 2",
    "has(params.note) && size(params.note) > 2",
    "has(params.note) ? params.note.startsWith('a') : params.n == 7",
    "params.n * 9007199254740991 * 1000 > 5",  # cannot be evaluated for most, which opens nothing either
    "params.n > 8 || params.n * 9007199254740991 * 1000 > 5",
    "now > timestamp('1970-01-01T00:10:00Z')",
    "intent.reason == ''",
]
PERMITS = [
    "permit (principal, action, resource);",
    'permit (principal, action, resource) when { resource.effect == "read" };',
    "permit (principal, action, resource) when { context.params.n < 8 };",
    'permit (principal, action, resource) unless { context.params.id == "A-1" };',
]
FORBIDS = [
    "forbid (principal, action, resource) when { context.params.n > 6 };",
    'forbid (principal, action, resource) when { context.params.id == "A-4" };',
    'forbid (principal, action, resource) when { resource.effect == "irreversible" };',
    "forbid (principal, action, resource) when { context.params.n * 9007199254740991 * 1000 > 5 };",
    "forbid (principal, action, resource) unless { context.params has note };",
]


@dataclass
class Written:
    """A policy set as its files have it; `extra_cost` is what calls declare beyond what they would."""

    tools: dict[str, dict[str, Any]]
    policy: dict[str, Any]
    cedar: list[str] = field(default_factory=list)
    extra_cost: int = 0

    def loaded(self) -> World:
        """The world of it."""
        policy = self.policy | ({"cedar": "w.cedar"} if self.cedar else {})
        files = {
            "tools.yaml": json.dumps({"tools": list(self.tools.values())}).encode(),
            "policy.yaml": json.dumps({"policy": policy}).encode(),
        }
        if self.cedar:
            files["w.cedar"] = "\n".join(self.cedar).encode()
        return World(from_files(files), ControlState(), Keyring.insecure())


def written(random: Random) -> Written:
    """A policy set that lets some calls pass and refuses others."""
    tools = {
        name: {
            "name": name,
            "effect": effect,
            "system": system,
            "cost": random.choice(["0", "0.01", "0.05"]),
            "records": ["id"],
            "params": {
                "properties": {
                    "id": {"enum": list(IDS)},
                    "n": {"type": "integer", "minimum": 0, "maximum": 9},
                    "note": {"type": "string"},
                },
                "required": ["id", "n"],
            },
        }
        for name, effect, system in zip(
            NAMES, ("read", "write", "write", "irreversible"), ("bank", "bank", "mail", "bank"), strict=True
        )
    }
    policy: dict[str, Any] = {
        "workflow_id": "w",
        "allowed_tools": [*random.sample(NAMES, random.randint(2, 4))],
        "denied_tools": random.sample(NAMES, random.choice([0, 0, 1])),
        "limits": {
            "max_tool_calls": random.randint(2, 20),
            "max_cost_usd": random.choice(["0.02", "0.10", "1"]),
            "max_denials": random.randint(3, 30),
        },
        "budgets": [
            one | {"max": random.randint(1, 8)} for one in random.sample(BUDGETS, random.randint(0, 3))
        ],
        "blast_radius": [
            one | {"max": random.randint(1, 4)} for one in random.sample(RADII, random.randint(0, 2))
        ],
        "rates": [one | {"max": random.randint(2, 5)} for one in random.sample(RATES, random.randint(0, 2))],
        **TIMES,
    }
    found = Written(tools, policy)
    if random.random() < 0.6:
        for _ in range(random.randint(1, 2)):
            add_rule(random, found)
    if random.random() < 0.5:
        found.cedar = random.sample(PERMITS, random.randint(1, 3)) + random.sample(
            FORBIDS, random.randint(0, 2)
        )
    return found


# --- ways to tighten: each changes what it is given, or says by False that there is nothing to change ---


def remove_tool(random: Random, found: Written) -> bool:
    """An allowed tool less."""
    allowed = found.policy["allowed_tools"]
    if len(allowed) == 1:
        return False
    allowed.remove(random.choice(allowed))
    return True


def deny_tool(random: Random, found: Written) -> bool:
    """A denied tool more."""
    found.policy["denied_tools"].append(random.choice(NAMES))
    return True


def read_only(random: Random, found: Written) -> bool:
    """Nothing may be changed."""
    found.policy["mode"] = "read_only"
    return True


def lower_limit(random: Random, found: Written) -> bool:
    """A limit of each run lower."""
    limits = found.policy["limits"]
    name = random.choice(list(limits))
    limits[name] = "0.01" if name == "max_cost_usd" else random.randint(1, limits[name])
    return True


def lower_cap(random: Random, found: Written) -> bool:
    """A budget or blast radius lower."""
    caps = found.policy["budgets"] + found.policy["blast_radius"]
    if not caps:
        return False
    cap = random.choice(caps)
    cap["max"] = random.randint(0, cap["max"])
    return True


def lower_burst(random: Random, found: Written) -> bool:
    """Fewer calls at once; fewer a period would move the clock that both are measured with."""
    if not found.policy["rates"]:
        return False
    rate = random.choice(found.policy["rates"])
    rate["burst"] = random.randint(1, rate["max"])
    return True


def _add(random: Random, found: Written, block: str, pool: list[dict[str, Any]], most: int) -> bool:
    there = [{key: one[key] for key in pool[0]} for one in found.policy[block]]
    found.policy[block].append(
        random.choice([one for one in pool if one not in there]) | {"max": random.randint(1, most)}
    )
    return True


def add_budget(random: Random, found: Written) -> bool:
    """A budget more."""
    return _add(random, found, "budgets", BUDGETS, 8)


def add_radius(random: Random, found: Written) -> bool:
    """A blast radius more."""
    return _add(random, found, "blast_radius", RADII, 4)


def add_rate(random: Random, found: Written) -> bool:
    """A rate more."""
    return _add(random, found, "rates", RATES, 2)


def add_rule(random: Random, found: Written) -> bool:
    """A rule more."""
    there = found.policy.setdefault("rules", [])
    then = random.choice(["deny", "deny", "hold"])
    there.append({"id": f"r{len(there)}", "when": random.choice(CONDITIONS), "then": then, "because": "b"})
    return True


def widen_rule(random: Random, found: Written) -> bool:
    """A rule that holds for more."""
    if not found.policy.get("rules"):
        return False
    rule = random.choice(found.policy["rules"])
    both = random.sample([rule["when"], random.choice(CONDITIONS)], 2)
    rule["when"] = f"({both[0]}) || ({both[1]})"
    return True


def ask_people(random: Random, found: Written) -> bool:
    """Calls more that wait for people, or more people for those that a rule holds."""
    entry: dict[str, Any] = {"approvers": random.randint(1, 8), "expires": random.choice(["1m", "4h", "24h"])}
    holding = [rule["id"] for rule in found.policy.get("rules", ()) if rule.get("then") == "hold"]
    if holding and random.random() < 0.3:
        entry["rules"] = random.sample(holding, 1)
    else:
        entry["tools"] = [random.choice(found.policy["allowed_tools"])]
    found.policy.setdefault("approvals", []).append(entry)
    return True


def add_forbid(random: Random, found: Written) -> bool:
    """A Cedar forbid more; where there was no Cedar file, one that permits everything else."""
    found.cedar = [*(found.cedar or PERMITS[:1]), random.choice(FORBIDS)]
    return True


def remove_permit(random: Random, found: Written) -> bool:
    """A Cedar permit less."""
    permits = [one for one in found.cedar if one.startswith("permit")]
    if len(permits) < 2:
        return False
    found.cedar.remove(random.choice(permits))
    return True


def raise_price(random: Random, found: Written) -> bool:
    """What a tool costs by the catalogue, higher."""
    tool = found.tools[random.choice(NAMES)]
    tool["cost"] = str(Decimal(tool["cost"]) + Decimal(random.choice(["0.01", "0.5"])))
    return True


def raise_declared(random: Random, found: Written) -> bool:
    """What the agent says that its call costs, higher."""
    found.extra_cost = random.choice([1, 20_000, 2_000_000])
    return True


def narrow_schema(random: Random, found: Written) -> bool:
    """A parameter that may have fewer values."""
    properties = found.tools[random.choice(NAMES)]["params"]["properties"]
    properties["n"]["maximum"] = random.randint(0, 8)
    return True


WAYS: tuple[Callable[[Random, Written], bool], ...] = (
    remove_tool, deny_tool, read_only, lower_limit, lower_cap, lower_burst, add_budget, add_radius, add_rate,
    add_rule, widen_rule, ask_people, add_forbid, remove_permit, raise_price, raise_declared, narrow_schema,
)  # fmt: skip


def tightened(random: Random, found: Written) -> tuple[str, Written]:
    """The policy set made tighter in one way, and the name of the way."""
    while True:
        way, made = random.choice(WAYS), deepcopy(found)
        if way(random, made):
            return way.__name__, made


def intents(random: Random, count: int) -> Iterator[tuple[int, Intent]]:
    """Intents of a few runs and agents, with their times; now and then model spend, or the end of a run."""
    time_ms = random.choice([0, 500_000])
    for number in range(count):
        time_ms += random.choice([0, 0, 1, 300, 20_000, 3_600_000])
        run = random.choice(("r1", "r2"))
        kind = random.choices((Kind.CALL, Kind.USAGE, Kind.FINISH), (95, 4, 1))[0]
        call, spent = kind == Kind.CALL, random.choice([None, 0, 5_000, 30_000])
        params: dict[str, Any] = {"id": random.choice(IDS), "n": random.randint(0, 9)}
        if random.random() < 0.4:
            params["note"] = random.choice(["", "a", "abc"])
        yield (
            time_ms,
            Intent(
                intent_id=f"i{number}",
                kind=kind,
                tenant="default",
                workflow_id="w",
                run_id=run,
                agent_id="a1" if run == "r1" else random.choice(("a1", "a2")),
                tool=random.choice(NAMES) if call else "",
                params=json.dumps(params) if call else "{}",
                declared_cost_micros=spent if call else (spent or 0) if kind == Kind.USAGE else None,
                run_outcome="succeeded" if kind == Kind.FINISH else None,
            ),
        )


def asked(world: World, intent: Intent, time_ms: int, offset: int, extra_cost: int = 0) -> Ask:
    """What the chain asks of the ledger."""
    if extra_cost and intent.kind == Kind.CALL:
        intent = changed(intent, declared_cost_micros=(intent.declared_cost_micros or 0) + extra_cost)
    envelope = Envelope("intents", 0, offset, time_ms, intent.run_id.encode(), b"")
    case = judge(Case(envelope, intent, f"d{offset}"), world)
    return Ask(
        offset=offset,
        time_ms=time_ms,
        verdict=case.verdict.value,
        intent_id=intent.intent_id,
        claims=case.claims,
        always=case.always,
        on_deny=case.on_deny,
        reserve=case.reserve,
    )


def ledger() -> MemoryLedger:
    """A fresh one, of one partition."""
    made = MemoryLedger(Store())
    made.standing()
    made.claim("g")
    made.wipe("g")
    made.finish("g", 0, 0, {}, {HOME: 0})
    made.standing()
    made.take(HOME, 0, made.owner(HOME))
    return made


def opened(random: Random, ways: int, calls: int) -> tuple[list[str], int, int]:
    """A random policy, tightened in so many ways, and so many calls: what was opened, what was approved and refused.

    Every call meets the accounts as the policy left them: dry runs ask what each tighter one would say, then the
    call is decided. (Two histories could not be compared: who spends less on one call has more for the next.)
    """
    loose = written(random)
    tight = [tightened(random, loose) for _ in range(ways)]
    world, worlds = loose.loaded(), [one.loaded() for _, one in tight]
    accounts, faults, offset, approved, refused = ledger(), [], 0, 0, 0
    for time_ms, intent in intents(random, calls):
        probes = [
            changed(
                asked(other, intent, time_ms, offset + place, one.extra_cost),
                dry_run=True,
                intent_id="",  # else all but the first were duplicates
                always=(),  # which are taken even then
            )
            for place, (other, (_, one)) in enumerate(zip(worlds, tight, strict=True))
        ]
        asks = (*probes, asked(world, intent, time_ms, offset + ways))
        reply = accounts.decide(0, [Share(*HOME, 1, offset, offset, offset + len(asks), asks)])
        offset += len(asks)
        *answers, decided = reply.decisions[0]
        approved += decided.verdict == "APPROVE"
        refused += decided.verdict != "APPROVE"
        faults += [
            f"{name} opened {intent.intent_id}"
            for (name, _), answer in zip(tight, answers, strict=True)
            if answer.verdict == "APPROVE" and decided.verdict != "APPROVE"
        ]
    return faults, approved, refused
