"""What every contender is given: 100 tools, 100 policies, and intents of short runs, made from a number.

The policies have everything a policy of this version can have on the way of a call: four budget scopes (run,
workflow, agent, tenant), calls of a run, a rate and a blast radius. All of it is wide enough that every intent
is approved, so that each one costs each contender its command as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from toolgate.processors.keyring import IntentKey, mac
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Kind
from toolgate.schemas.headers import KID, MAC, Headers, event_headers
from toolgate.schemas.records import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TENANT = "default"
TOOLS = POLICIES = 100
TOOLS_PER_POLICY = 20
CALLS_PER_RUN = 10
RUNS_AT_ONCE = 1000  # an agent waits for an outcome: a batch has about one call of each run that is under way
AGENTS = 25
KEYRING = "keyring.yaml"
SYSTEMS = 5
MICROS = 1_000_000
COST_MICROS = 10_000
RUN_CALLS = RUN_RECORDS = 1000
RUN_USD_MICROS = 100_000_000
SHARED_USD_MICROS = 1_000_000_000_000
TENANT_USD_MICROS = 100_000_000_000_000
TOPIC = "intents"


@dataclass(frozen=True, slots=True)
class Sent:
    """One intent as it goes to the broker."""

    key: bytes
    value: bytes
    headers: Headers


def tool_name(number: int) -> str:
    """The name of a tool, 0 to 99."""
    return f"change_record_{number:03d}"


def workflow_id(number: int) -> str:
    """The name of a workflow, 0 to 99."""
    return f"workflow_{number:03d}"


def system_of(tool: str) -> str:
    """The system of record that a tool changes."""
    return f"system-{int(tool[-3:]) % SYSTEMS}"


def kid(number: int) -> str:
    """The id of the key of a workflow."""
    return f"agents-{number:03d}"


def write_files(directory: Path) -> None:
    """Catalogue, policies and keyring into an existing directory. YAML takes JSON as it is."""
    names = [tool_name(number) for number in range(TOOLS)]
    _write(directory / "tools.yaml", {"tools": [_tool(name) for name in names]})
    folder = directory / "policies"
    folder.mkdir()
    keys = []
    for number in range(POLICIES):
        allowed = [names[(number + n) % TOOLS] for n in range(TOOLS_PER_POLICY)]
        workflow, secret = workflow_id(number), f"{kid(number)}.secret"
        _write(folder / f"{workflow}.yaml", {"policy": _policy(workflow, allowed)})
        (directory / secret).write_text(_secret(number).hex(), encoding="ascii")
        keys.append({"kid": kid(number), "workflow_id": workflow, "secret_file": secret})
    _write(directory / KEYRING, {"intents": keys})


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _tool(name: str) -> dict[str, Any]:
    properties = {
        "record_id": {"type": "string", "pattern": "^REC-[0-9]{6}$"},
        "amount_cents": {"type": "integer", "minimum": -50_000, "maximum": 50_000},
        "reason": {"type": "string", "minLength": 3, "maxLength": 200},
    }
    return {
        "name": name,
        "effect": "write",
        "system": system_of(name),
        "cost": COST_MICROS / MICROS,
        "records": ["record_id"],
        "params": {"properties": properties, "required": [*properties]},
    }


def _policy(workflow: str, allowed: list[str]) -> dict[str, Any]:
    attempts, shared = {"max": 1_000_000, "per": "1s"}, SHARED_USD_MICROS // MICROS
    return {
        "workflow_id": workflow,
        "allowed_tools": allowed,
        "limits": {"max_tool_calls": RUN_CALLS, "max_cost_usd": RUN_USD_MICROS // MICROS},
        "attempts": {"run": attempts, "agent": attempts},
        "budgets": [
            {"scope": "workflow", "max": shared, "window": "1d"},
            {"scope": "agent", "max": shared, "window": "1d"},
            {"scope": "tenant", "max": TENANT_USD_MICROS // MICROS, "window": "1d"},
        ],
        "rates": [{"scope": "run", "max": 1_000_000, "per": "1s"}],
        "blast_radius": [{"scope": "run", "max": RUN_RECORDS, "window": "1h"}],
    }


def intents(count: int, seed: str, calls_per_run: int = CALLS_PER_RUN) -> Iterator[Sent]:
    """Signed intents: runs of `calls_per_run` calls, a thousand at a time, over all workflows and tools.

    Args:
        count: how many.
        seed: goes into every id: intents of two seeds have no run and no id in common.
        calls_per_run: 1 for as many runs as intents.
    """
    codec = Codec(Intent)
    keys = [IntentKey(kid(n), _secret(n), TENANT, workflow_id(n)) for n in range(POLICIES)]
    for number in range(count):
        run = number // (calls_per_run * RUNS_AT_ONCE) * RUNS_AT_ONCE + number % RUNS_AT_ONCE
        intent = _intent(number, run, seed)
        signer = keys[run % POLICIES]
        value, name = codec.encode(intent), intent.run_id.encode()
        headers = event_headers("toolgate.intent.v1", intent.intent_id, f"/agents/{intent.agent_id}")
        proof = ((KID, signer.kid.encode()), (MAC, mac(signer.secret, TOPIC, name, value)))
        yield Sent(name, value, headers + proof)


def _intent(number: int, run: int, seed: str) -> Intent:
    workflow = run % POLICIES
    params = {
        "amount_cents": number % 1000 - 500,
        "reason": f"the customer was charged twice in period {number % 12 + 1}",
        "record_id": f"REC-{number % 1_000_000:06d}",
    }
    return Intent(
        intent_id=f"intent-{seed}-{number:08d}",
        kind=Kind.CALL,
        tenant=TENANT,
        workflow_id=workflow_id(workflow),
        run_id=f"run-{seed}-{run:07d}",
        agent_id=f"agent-{workflow % AGENTS:02d}",
        tool=tool_name((workflow + number // POLICIES % TOOLS_PER_POLICY) % TOOLS),
        params=json.dumps(params, separators=(",", ":"), sort_keys=True),
    )


def _secret(number: int) -> bytes:
    return blake2b(kid(number).encode(), digest_size=32).digest()
