"""Policies with many rules, and calls of runs that have read what the rules look at: for speed without a broker.

Rules are of five shapes, one of each for every tool: a limit, a fact, a fact over two hops, a sum over rows, a text.
No rule holds for any call, so that each call meets all rules of its tool and takes all its claims.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolgate.processors.case import Case, Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.loader import from_files
from toolgate.processors.remembering import remembered
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Kind
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RULES_PER_TOOL = 5
CALLS_PER_RUN = 10
TENANT, AGENT, SECRET = "default", "agent-00", b"0123456789abcdef"
TOPIC = "intents"
_WHEN = (
    "params.amount_cents > 50000",
    'facts.booking[params.booking_id].cabin == "basic" && params.cabin != "basic"',
    'facts.person[facts.booking[params.booking_id].owner].level != "gold" && params.bags > 2',
    "sum(facts.card[params.cards].left_cents) < params.amount_cents",
    'params.reason.contains("test") || !(params.cabin in ["basic", "economy", "business"])',
)
_WHEN_ALONE = (
    "params.amount_cents > 50000",
    'params.cabin == "first"',
    "params.bags > 2 && params.amount_cents > 9000",
    "size(params.cards) > 9",
    'params.reason.contains("test") || !(params.cabin in ["basic", "economy", "business"])',
)
MACRO = "params.legs.exists(one, one.price_cents > 900000)"
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}


def tool_name(number: int) -> str:
    """The name of a tool."""
    return f"change_booking_{number:04d}"


def workflow_id(number: int) -> str:
    """The name of a workflow."""
    return f"desk_{number:05d}"


def world(workflows: int, rules: int, *, macro: bool = False, facts: bool = True) -> World:
    """Workflows, each with a policy of so many rules, five for each of its tools.

    Args:
        workflows: how many.
        rules: of each policy; a multiple of five.
        macro: whether the fifth rule of a tool goes over the elements of a list, which is CEL's work.
        facts: whether rules look at facts; else all five are about parameters.
    """
    tools = [_tool(number) for number in range(max(rules // RULES_PER_TOOL, 1))]
    files: dict[str, Any] = {"tools.yaml": {"tools": [*_READERS, *tools]}}
    shapes = _WHEN if facts else _WHEN_ALONE
    shapes = (*shapes[:-1], MACRO) if macro else shapes
    for number in range(workflows):
        files[f"policies/{workflow_id(number)}.yaml"] = {"policy": _policy(number, rules, shapes)}
    keys = [IntentKey(f"k{number}", SECRET, TENANT, workflow_id(number)) for number in range(workflows)]
    loaded = from_files({name: json.dumps(content).encode() for name, content in files.items()})
    return World(loaded, ControlState(), Keyring.of(keys))


def cases(found: World, count: int, workflows: int, tools: int) -> Iterator[Case]:
    """Signed calls of runs of ten calls, over all workflows and tools. Each has facts of its own, as from a ledger."""
    codec = Codec(Intent)
    for number in range(count):
        run = number // CALLS_PER_RUN
        intent = _intent(number, run, run % workflows, number % tools)
        value, key = codec.encode(intent), intent.run_id.encode()
        headers = ((KID, f"k{run % workflows}".encode()), (MAC, mac(SECRET, TOPIC, key, value)))
        envelope = Envelope(TOPIC, 0, number, 1_790_000_000_000 + number, key, value, headers)
        facts = {_own(name): _own(text) for name, text in _facts(found, run).items()}
        yield Case(envelope, intent, f"{number:032x}", facts=facts)


def prepared(found: World, one: Case) -> Case:
    """The case as the rules meet it: with its policy and its parameters."""
    intent = one.intent
    policy = found.policies.for_workflow(intent.tenant, intent.workflow_id)
    return changed(one, policy=policy, params=json.loads(intent.params))


def _own(text: str) -> str:
    """An equal text that is another object: every batch reads its facts anew."""
    return text.encode().decode()


def _tool(number: int) -> dict[str, Any]:
    leg = {"type": "object", "required": ["code", "price_cents"]}
    properties = {
        "booking_id": _TEXT,
        "amount_cents": _NUMBER,
        "bags": _NUMBER,
        "cabin": _TEXT,
        "reason": _TEXT,
        "cards": {"type": "array", "items": _TEXT},
        "legs": {"type": "array", "items": {**leg, "properties": {"code": _TEXT, "price_cents": _NUMBER}}},
    }
    return {
        "name": tool_name(number),
        "effect": "write",
        "cost": 0.01,
        "records": ["booking_id"],
        "params": {"properties": properties, "required": [*properties]},
    }


_CARDS = {
    "type": "object",
    "additionalProperties": {
        "properties": {"id": _TEXT, "left_cents": _NUMBER},
        "required": ["id", "left_cents"],
    },
}
_READERS: list[dict[str, Any]] = [
    {
        "name": "get_booking",
        "effect": "read",
        "records": [],
        "params": {"properties": {"id": _TEXT}, "required": ["id"]},
        "result": {"properties": {"cabin": _TEXT, "owner": _TEXT, "paid_cents": _NUMBER}},
        "remember": [
            {
                "fact": "booking",
                "key": "params.id",
                "trusted": True,
                "fields": {name: f"result.{name}" for name in ("cabin", "owner", "paid_cents")},
            }
        ],
    },
    {
        "name": "get_person",
        "effect": "read",
        "records": [],
        "params": {"properties": {"id": _TEXT}, "required": ["id"]},
        "result": {"properties": {"level": _TEXT, "cards": _CARDS}},
        "remember": [
            {"fact": "person", "key": "params.id", "trusted": True, "fields": {"level": "result.level"}},
            {
                "fact": "card",
                "each": "result.cards",
                "key": "each.id",
                "trusted": True,
                "fields": {"left_cents": "each.left_cents"},
            },
        ],
    },
]


def _policy(number: int, rules: int, shapes: Sequence[str]) -> dict[str, Any]:
    tools = [tool_name(place) for place in range(max(rules // RULES_PER_TOOL, 1))]
    return {
        "workflow_id": workflow_id(number),
        "allowed_tools": [*tools, "get_booking", "get_person"],
        "limits": {"max_tool_calls": 1_000_000, "max_cost_usd": 1_000_000},
        "rules": [
            {
                "id": f"rule_{place:05d}",
                "tools": [tools[place // RULES_PER_TOOL]],
                "because": "the desk may not do this by itself",
                "when": shapes[place % RULES_PER_TOOL],
            }
            for place in range(rules)
        ],
    }


def _intent(number: int, run: int, workflow: int, tool: int) -> Intent:
    params = {
        "amount_cents": number % 10_000,
        "bags": number % 3,
        "booking_id": f"B-{run}",
        "cabin": "economy",
        "cards": [f"C-{run}-1", f"C-{run}-2"],
        "legs": [{"code": "HAT001", "price_cents": 12_000}, {"code": "HAT002", "price_cents": 9_900}],
        "reason": f"the customer changed the plan for period {number % 12 + 1}",
    }
    return Intent(
        intent_id=f"intent-{number:08d}",
        kind=Kind.CALL,
        tenant=TENANT,
        workflow_id=workflow_id(workflow),
        run_id=f"run-{run:07d}",
        agent_id=AGENT,
        tool=tool_name(tool),
        params=json.dumps(params, separators=(",", ":"), sort_keys=True),
    )


def _facts(found: World, run: int) -> Mapping[str, str]:
    tools, person = found.policies.tools, f"P-{run}"
    booking = {"cabin": "economy", "owner": person, "paid_cents": 21_900}
    cards = {name: {"id": name, "left_cents": 50_000} for name in (f"C-{run}-{n}" for n in (1, 2, 3))}
    told = {
        **remembered(tools["get_booking"].remember, {"id": f"B-{run}"}, booking, 1),
        **remembered(tools["get_person"].remember, {"id": person}, {"level": "silver", "cards": cards}, 2),
    }
    return {name: text for name, (text, _trusted) in told.items()}
