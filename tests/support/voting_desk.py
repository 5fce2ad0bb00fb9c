"""A desk where people vote: intake, ledger and publisher in memory, one partition of each input."""

from __future__ import annotations

import json
from itertools import count

from nacl.signing import SigningKey

from toolgate.processors.case import Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring, OperatorKey, framed, mac
from toolgate.processors.loader import from_files
from toolgate.processors.voting import HOLD_EXPIRY, carrying
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import (
    AuditEvent,
    Command,
    Control,
    Denial,
    Draft,
    Hold,
    Intent,
    Outcome,
    Pulse,
    Result,
    Tick,
    Vote,
)
from toolgate.sdk.reports import begun
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.proposals import id_of
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.ledger.memory import MemoryLedger, Store
from toolgate.streams.ports import Output, Share

TOOLS = b"""
tools:
  - name: pay
    version: "2"
    effect: write
    records: [id]
    cost: 0.01
    draft: proposal
    params: {properties: {id: {type: string}, cents: {type: integer}}, required: [id, cents]}
"""
POLICY = """
policy:
  workflow_id: w
  allowed_tools: [pay]
  budgets: [{scope: tenant, max: 0.015, window: none}]
  rules:
    - {id: large, tools: [pay], when: params.cents > 500, then: hold, roles: [approver, cfo], because: too large}
    - {id: huge, tools: [pay], when: params.cents > 900, then: draft, because: only proposed}
"""
SECURITY = POLICY.replace("workflow_id: w", "workflow_id: w\n  tier: security_access").replace(
    "when: params.cents > 500", 'when: agent.id != "x" && params.cents > 500'
)
CODECS = {
    "audit": AuditEvent,
    "commands": Command,
    "denials": Denial,
    "drafts": Draft,
    "holds": Hold,
    "outcomes": Outcome,
    "pulse": Pulse,
}
AGENT = IntentKey("k1", b"s" * 32, "default", "w")
EXECUTOR = ExecutorKey("x1", b"x" * 32, "desk-1", ("*",))
PAIRS = {name: SigningKey(name.encode().ljust(32, b".")) for name in ("ann", "bob", "a", "ops", "sam", "eve")}
ROLES = {
    "ann": ({"approver"}, {"cfo"}),
    "bob": ({"approver"}, set()),
    "a": ({"approver"}, set()),
    "ops": ({"operator"}, set()),
    "sam": ({"starter"}, set()),
}
PEOPLE = [
    OperatorKey(kid, bytes(PAIRS[kid].verify_key), frozenset(roles), frozenset(approves))
    for kid, (roles, approves) in ROLES.items()
]
TIME = 1_790_000_000_000
DAY_MS = 86_400_000
TOPICS = ("intents", "results", "votes", "ticks")


class Desk:
    """A ledger in memory, a partition of each input, and who may vote."""

    def __init__(self, policy: str = POLICY, tools: bytes = TOOLS) -> None:
        self.ledger = MemoryLedger(Store())
        self.ledger.standing()
        self.ledger.claim("g")
        self.ledger.wipe("g")
        self.ledger.finish("g", 0, 0, {}, {(topic, 3): 0 for topic in TOPICS})
        self.ledger.standing()
        self.epochs = {t: self.ledger.take((t, 3), 0, self.ledger.owner((t, 3))) for t in TOPICS}
        self.policies = from_files({"tools.yaml": tools, "policy.yaml": policy.encode()})
        self.keys = Keyring.of([AGENT, EXECUTOR, *PEOPLE])
        self.intake = Intake(self.policies, self.keys)
        self.publisher, self.rollups = Publisher("t"), Rollups()
        self.offsets = {topic: count() for topic in TOPICS}
        self.words = count()
        self.control = ControlState()
        self.now = TIME
        self.wanted = Envelope("intents", 3, 0, 0, b"r", b"")

    def ask(self, cents: int = 700, **fields) -> dict[str, object]:
        """What one call makes."""
        self.wanted = self.wanted_of("r", cents, **fields)
        return self.decide(self.wanted)

    def wanted_of(self, run_id: str, cents: int = 700, **fields) -> Envelope:
        """A call of a run, as it lies on its topic."""
        values = {
            "intent_id": "i0",
            "kind": "call",
            "tenant": "default",
            "workflow_id": "w",
            "run_id": run_id,
            "agent_id": "a",
            "tool": "pay",
            "params": json.dumps({"cents": cents, "id": "INV-1"}, separators=(",", ":")),
            **fields,
        }
        value = Codec(Intent).encode(Intent(**values))
        key = run_id.encode()
        headers = ((KID, b"k1"), (MAC, mac(AGENT.secret, "intents", key, value)))
        return Envelope("intents", 3, next(self.offsets["intents"]), self.now, key, value, headers)

    def vote(self, hold, kid: str = "ann", signed_by: str = "", **fields) -> dict[str, object]:
        """What one vote makes."""
        values = {
            "vote_id": f"v-{kid}-{fields.get('choice', 'approve')}",
            "hold_id": id_of(hold),
            "run_id": "r",
            "approver": kid,
            "choice": "approve",
            "digest": hold.digest,
            "policy_digest": hold.policy_digest,
            **carrying(self.wanted),
            **fields,
        }
        return self.say(Vote(**values), signed_by or kid)

    def say(self, vote: Vote, kid: str) -> dict[str, object]:
        """What a signed vote makes."""
        value = Codec(Vote).encode(vote)
        signature = PAIRS[kid].sign(framed("votes", b"r", value)).signature
        headers = ((KID, kid.encode()), (MAC, signature))
        return self.decide(Envelope("votes", 3, next(self.offsets["votes"]), self.now, b"r", value, headers))

    def result(self, command: Command, status: str, **fields) -> AuditEvent:
        """What the audit says of what an executor says."""
        result = changed(begun(command, "desk-1"), status=status, **fields)
        value = Codec(Result).encode(result)
        headers = ((KID, b"x1"), (MAC, mac(EXECUTOR.secret, "results", b"r", value)))
        at = next(self.offsets["results"])
        return self.decide(Envelope("results", 3, at, self.now, b"r", value, headers))["audit"]

    def release(self, command: Command, kid: str = "ops", **fields) -> AuditEvent:
        """What the audit says of a word on what happened."""
        values = {
            "vote_id": f"v-{next(self.words)}",
            "hold_id": command.command_id,
            "run_id": "r",
            "approver": kid,
            "choice": "release",
            "digest": command.digest,
            "policy_digest": command.policy_digest,
            "tenant": command.tenant,
            "workflow_id": command.workflow_id,
            "tool": command.tool,
            "happened": True,
            **fields,
        }
        return self.say(Vote(**values), kid)["audit"]

    def tick(self, hold, what: str = HOLD_EXPIRY) -> dict[str, object]:
        """What a tick makes."""
        value = Codec(Tick).encode(Tick("r", what, hold.hold_id, hold.expires_at))
        return self.decide(Envelope("ticks", 3, next(self.offsets["ticks"]), self.now, b"r", value))

    def decide(self, envelope: Envelope) -> dict[str, object]:
        """The records of one input, by topic."""
        reading = self.intake.read(envelope)
        look = self.ledger.look(*self.intake.wants([reading], self.control))
        item = self.intake.item(reading, self.control, look)
        at = envelope.offset
        share = Share(envelope.topic, 3, self.epochs[envelope.topic], 0, at, at + 1, (item.ask,))
        reply = self.ledger.decide(self.control.position, [share])
        decision = reply.decisions[0][0]
        # Whoever publishes it later, by what the run remembers then, publishes the same.
        again = self.intake.item(reading, self.control, self.look_again(reading), decision.given)
        assert again == item or envelope.topic == "results"  # of these only the stored decision counts
        made = self.publisher.outputs([(item, decision)], reply, {}, self.rollups)
        return {output.topic: Codec(CODECS[output.topic]).decode(output.value) for output in made}

    def decide_all(self, envelopes: list[Envelope]) -> list[Output]:
        """The records that calls make which come in one batch."""
        items = [self.intake.item(self.intake.read(one), self.control) for one in envelopes]
        start, end = envelopes[0].offset, envelopes[-1].offset + 1
        asks = tuple(item.ask for item in items)
        reply = self.ledger.decide(
            self.control.position, [Share("intents", 3, self.epochs["intents"], 0, start, end, asks)]
        )
        pairs = list(zip(items, reply.decisions[0], strict=True))
        return self.publisher.outputs(pairs, reply, {}, self.rollups)

    def pulses(self) -> list[Pulse]:
        """What all of it so far came to, by workflow and version."""
        return [Codec(Pulse).decode(one.value) for one in self.publisher.pulses(self.rollups)]

    def look_again(self, reading):
        """What the run remembers once it is decided."""
        return self.ledger.look(*self.intake.wants([reading], self.control))

    def switch(self, **fields) -> None:
        """An operator's word holds from now on."""
        word = Control(
            **{
                "control_id": "c",
                "scope": "all",
                "value": "",
                "reason": "",
                "issued_by": ("ops",),
                **fields,
            }
        )
        self.ledger.apply_control(self.control.position, self.control.position)
        self.control = self.control.apply(word, self.control.position)


def canonical(value: object) -> str:
    """JSON as an agent sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def waiting(desk: Desk) -> list[str]:
    """What waits, by what the run remembers."""
    facts = desk.ledger.look(["r"], []).facts.get("r", {})
    return [name.partition("\x1f")[2] for name in facts if name.startswith("~hold")]
