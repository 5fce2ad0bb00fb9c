"""One call under one rule, judged by the whole chain: the ground of the corpus for conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.facts import fact_name
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.loader import from_files
from toolgate.processors.world import World
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = IntentKey("k1", b"0123456789abcdef", "default", "w")
NOW_MS = 1_774_947_600_000  # 2026-03-31T09:00:00Z
TOOLS = """
tools:
  - name: read_order
    effect: read
    records: []
    params: {properties: {order_id: {type: string}}, required: [order_id]}
    result: {properties: {paid: {type: integer}, owner: {type: string}}}
    remember:
      - {fact: order, key: params.order_id, trusted: true, fields: {paid: result.paid, owner: result.owner}}
  - name: refund
    effect: write
    records: [order_id]
    params:
      properties:
        order_id: {type: string}
        kind: {enum: [full, part]}
        cents: {type: integer}
        rate: {type: number}
        usd: {type: string}
        day: {type: string}
        ids: {type: array, items: {type: [integer, "null"]}}
        lines:
          type: array
          items: {properties: {sku: {type: string}, usd: {type: string}}, required: [sku, usd]}
        note: {type: [string, "null"]}
      required: [order_id, kind, cents]
"""
POLICY = """
policy:
  workflow_id: w
  allowed_tools: [read_order, refund]
  tables: {cap: {full: 50000, part: 5000}, rank: [part, full]}
  rules:
    - id: r
      tools: [refund]
      because: not so
      when: >-
        WHEN
"""
CLOSED = "registry: {rows: [X-1, VOID]}\n"


def world_of(when: str) -> World:
    """The world under a policy of one rule. Raises LoadError."""
    texts = {
        "tools.yaml": TOOLS,
        "policy.yaml": POLICY.replace("WHEN", when),
        "registries/closed.yaml": CLOSED,
    }
    policies = from_files({name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()})
    return World(policies, ControlState(), Keyring.of([KEY]))


def judged(world: World, params: str, told: Mapping[str, str]) -> Case:
    """A signed refund with these parameters; `told` has, by order, the text that the ledger keeps of its fact."""
    intent = Intent("i1", "call", "default", "w", "r1", "a1", "refund", params=params)
    value = params.encode("utf-8", "surrogatepass")
    headers = ((KID, KEY.kid.encode()), (MAC, mac(KEY.secret, "intents", b"r1", value)))
    case = Case(Envelope("intents", 0, 7, NOW_MS, b"r1", value, headers), intent, "d" * 32)
    facts = {fact_name("order", order, "read_order#0"): text for order, text in told.items()}
    return judge(changed(case, facts=facts), world)
