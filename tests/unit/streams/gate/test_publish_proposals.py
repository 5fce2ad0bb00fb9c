"""Holds, drafts and shadow: what is published of what is not approved and not refused."""

from __future__ import annotations

import json

import pytest

from toolgate.processors.case import Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.loader import from_files
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import AuditEvent, Denial, Draft, Hold, Intent, Outcome, Pulse
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.ledger.memory import MemoryLedger, Store
from toolgate.streams.ports import Share

TOOLS = b"""
tools:
  - name: pay
    version: "2"
    effect: write
    records: [id]
    cost: 0.01
    draft: propose
    redact: [iban]
    params: {properties: {id: {type: string}, cents: {type: integer}, iban: {type: string}}, required: [id, cents]}
  - {name: propose, effect: write, records: [], params: {properties: {}}}
"""
HEAD = """
policy:
  workflow_id: w
  allowed_tools: [pay]
"""
LARGE = "{id: large, tools: [pay], when: params.cents > 500, because: too large"
CODECS = {
    "audit": AuditEvent,
    "denials": Denial,
    "drafts": Draft,
    "holds": Hold,
    "outcomes": Outcome,
    "pulse": Pulse,
}
KEY = IntentKey("k1", b"s" * 32, "default", "w")
TIME = 1_790_000_000_000


class Site:
    """A ledger in memory with one partition of intents, and a publisher."""

    def __init__(self, policy: str) -> None:
        self.ledger = MemoryLedger(Store())
        self.ledger.standing()
        self.ledger.claim("g")
        self.ledger.wipe("g")
        self.ledger.finish("g", 0, 0, {}, {("intents", 3): 0})
        self.ledger.standing()
        self.epoch = self.ledger.take(("intents", 3), 0, self.ledger.owner(("intents", 3)))
        policies = from_files({"tools.yaml": TOOLS, "policy.yaml": policy.encode()})
        self.intake = Intake(policies, Keyring.of([KEY]))
        self.publisher, self.rollups = Publisher("t"), Rollups()
        self.offset = 0

    def ask(self, **fields) -> dict[str, object]:
        """The records that one intent makes, by topic; the key is needed to be believed."""
        params = json.dumps({"cents": 700, "iban": "XX-1", "id": "INV-1"}, separators=(",", ":"))
        values = {
            "intent_id": f"i{self.offset}",
            "kind": "call",
            "tenant": "default",
            "workflow_id": "w",
            "run_id": "r",
            "agent_id": "a",
            "tool": "pay",
            "params": params,
            **fields,
        }
        if values["kind"] != "call":
            values |= {"tool": "", "params": "{}"}
        value = Codec(Intent).encode(Intent(**values))
        headers = ((KID, b"k1"), (MAC, mac(KEY.secret, "intents", b"r", value)))
        at = self.offset
        self.offset += 1
        item = self.intake.item(
            self.intake.read(Envelope("intents", 3, at, TIME, b"r", value, headers)), ControlState()
        )
        share = Share("intents", 3, self.epoch, 0, at, at + 1, (item.ask,))
        reply = self.ledger.decide(0, [share])
        made = self.publisher.outputs([(item, reply.decisions[0][0])], reply, {}, self.rollups)
        return {
            output.topic: Codec(CODECS[output.topic]).decode(output.value)
            if output.topic in CODECS
            else output
            for output in made
        }

    def accounts(self) -> dict[str, object]:
        """What the ledger holds beside its clock and the ids that were used."""
        state = self.ledger.dump()
        return {name: state[name] for name in ("accounts", "reservations")}


def codes(record) -> list[str]:
    """Its reason codes."""
    return [reason.code for reason in record.reasons]


def test_a_hold_is_published_with_everything_that_people_need():
    """Who asks for what and why, what may be seen of it, who may decide and until when; the body by its place."""
    site = Site(f"{HEAD}  rules: [{LARGE}, then: hold, roles: [cfo]}}]\n")
    made = site.ask()
    assert made.keys() == {"holds", "outcomes", "audit"}
    hold, outcome, event = made["holds"], made["outcomes"], made["audit"]
    assert (hold.hold_id, hold.state, hold.seq, hold.intent_id) == ("3-0", "open", 1, "i0")
    assert (hold.tool, hold.tool_version, hold.cost_micros, hold.records) == ("pay", "2", 10_000, ("INV-1",))
    assert (hold.approvals_needed, hold.roles, hold.expires_at) == (1, ("cfo",), TIME + 86_400_000)
    asked = {"cents": 700, "iban": "[redacted]", "id": "INV-1"}
    assert json.loads(hold.diff) == {
        name: {"asked": value, "now": None, "from": ""} for name, value in asked.items()
    }
    assert (hold.inverse, hold.earlier) == ("", "")
    assert (hold.body_topic, hold.body_partition, hold.body_offset) == ("intents", 3, 0)
    assert hold.digest == outcome.digest == event.digest
    assert hold.policy_digest == event.policy_digest
    assert codes(hold) == codes(event) == ["HELD_BY_RULE"]
    assert [(reason.asked, reason.limit, reason.distance) for reason in hold.reasons] == [(700, 500, 200)]
    assert (outcome.verdict, outcome.codes, outcome.retryable) == ("HOLD", ("HELD_BY_RULE",), False)
    assert (outcome.hold_id, outcome.command_id) == ("3-0", "")
    assert json.loads(outcome.repair) == {"do": "ask", "hold_id": "3-0"}
    assert (event.verdict, event.first, event.command_id, event.would_have) == ("HOLD", True, "", "")


def test_without_roles_approvers_decide():
    """The role that every set of operators has."""
    assert Site(f"{HEAD}  rules: [{LARGE}, then: hold}}]\n").ask()["holds"].roles == ("approver",)


def test_a_hold_says_what_the_policy_asks_of_approvals():
    """How many people of which roles, and until when: never longer than the agent itself waits."""
    terms = "  approvals: [{tools: [pay], approvers: 2, roles: [lead, cfo], expires: 4h}]\n"
    hold = Site(HEAD + terms).ask()["holds"]
    assert (hold.approvals_needed, hold.roles, hold.expires_at) == (2, ("lead", "cfo"), TIME + 14_400_000)
    assert [(reason.code, reason.rule) for reason in hold.reasons] == [("HELD_BY_RULE", "approvals[0]")]
    assert Site(HEAD + terms).ask(ttl_ms=5_000)["holds"].expires_at == TIME + 5_000


def test_a_hold_takes_its_attempt_and_its_place_and_nothing_else():
    """It is no denial, and reserves nothing; that it waits stands among what its run remembers."""
    site = Site(f"{HEAD}  limits: {{max_tool_calls: 1}}\n  rules: [{LARGE}, then: hold}}]\n")
    event = site.ask()["audit"]
    assert [op.op for op in event.ops] == ["rate", "rate", "remember"]
    assert site.accounts()["reservations"] == {}
    assert not any("denials" in name or "calls" in name for name in site.accounts()["accounts"])


def test_a_draft_is_published_once_with_its_twin():
    """However often the intent comes: one first decision, one draft, no command."""
    site = Site(f"{HEAD}  mode: draft_only\n")
    made = site.ask(intent_id="i")
    assert made.keys() == {"drafts", "outcomes", "audit"}
    draft = made["drafts"]
    assert (draft.draft_id, draft.state, draft.tool, draft.twin) == ("3-0", "open", "pay", "propose")
    assert (draft.body_topic, draft.body_partition, draft.body_offset) == ("intents", 3, 0)
    assert codes(draft) == ["DRAFTED"]
    outcome = made["outcomes"]
    assert (outcome.verdict, outcome.codes, outcome.repair) == ("DRAFT", ("DRAFTED",), "")
    again = site.ask(intent_id="i")
    assert again.keys() == {"audit"}
    assert (again["audit"].verdict, again["audit"].first_seq) == ("DUPLICATE", 1)


@pytest.mark.parametrize("then", ["hold", "draft"])
def test_a_dry_run_says_so_and_leaves_nothing_for_people(then):
    """The verdict that it would get, and its id stays free."""
    site = Site(f"{HEAD}  rules: [{LARGE}, then: {then}}}]\n")
    made = site.ask(intent_id="i", dry_run=True)
    assert made.keys() == {"outcomes", "audit"}
    assert (made["outcomes"].verdict, made["outcomes"].dry_run) == (then.upper(), True)
    assert made["outcomes"].hold_id == ""
    assert made["audit"].first is False
    assert site.ask(intent_id="i")["audit"].verdict == then.upper()


def test_what_has_no_room_is_denied_and_keeps_its_hold_among_the_reasons():
    """All reasons are told, the most severe first; nobody is asked to decide."""
    site = Site(f"{HEAD}  limits: {{max_cost_usd: 0.001}}\n  rules: [{LARGE}, then: hold}}]\n")
    made = site.ask()
    assert made.keys() == {"denials", "outcomes", "audit"}
    assert codes(made["denials"]) == ["BUDGET_EXCEEDED", "HELD_BY_RULE"]
    assert "denials" in " ".join(site.accounts()["accounts"])


def test_shadow_records_what_would_have_been_and_moves_nothing():
    """The agent hears that nothing was decided; the audit has the verdict and its reasons."""
    rules = f"  rules: [{LARGE}}}]\n"
    site = Site(f"{HEAD}  mode: shadow\n{rules}")
    before = site.accounts()
    small = site.ask(params='{"cents":7,"id":"INV-1"}')
    large = site.ask()
    for made, would, shadow in ((small, "APPROVE", []), (large, "DENY", ["RULE_DENIED"])):
        assert made.keys() == {"outcomes", "audit"}
        outcome, event = made["outcomes"], made["audit"]
        assert (outcome.verdict, outcome.codes, outcome.repair) == ("RECORDED", ("SHADOWED",), "")
        assert (event.verdict, event.would_have, event.first) == ("RECORDED", would, True)
        assert (codes(event), [reason.code for reason in event.shadow_reasons]) == (["SHADOWED"], shadow)
        assert (event.ops, event.command_id) == ((), "")
    assert site.accounts() == before


@pytest.mark.parametrize(
    ("fields", "would"),
    [
        ({}, "DENY"),
        ({"dry_run": True}, "DENY"),
        ({"kind": "usage", "declared_cost_micros": 5}, "RECORDED"),
        ({"kind": "finish", "run_outcome": "succeeded"}, "RECORDED"),
    ],
)
def test_in_shadow_the_ledger_says_what_it_would_have_refused(fields, would):
    """Claims are looked at; reports would have been recorded, and are not charged or counted either."""
    site = Site(f"{HEAD}  mode: shadow\n  limits: {{max_cost_usd: 0.001}}\n")
    before = site.accounts()
    event = site.ask(**fields)["audit"]
    assert (event.verdict, event.would_have) == ("RECORDED", would)
    shadow = [(reason.code, reason.distance) for reason in event.shadow_reasons]
    assert shadow == ([("BUDGET_EXCEEDED", 9_000)] if would == "DENY" else [])
    assert site.accounts() == before


def test_an_id_is_used_in_shadow_too():
    """Sent again it is a duplicate, and with other content a conflict, as everywhere."""
    site = Site(f"{HEAD}  mode: shadow\n")
    site.ask(intent_id="i")
    assert site.ask(intent_id="i")["audit"].verdict == "DUPLICATE"
    other = site.ask(intent_id="i", tool="propose", params="{}")["audit"]
    assert (other.verdict, codes(other), other.would_have) == ("DENY", ["ID_CONFLICT"], "")


def test_a_rule_in_shadow_is_told_beside_the_verdict_that_stands():
    """The command is made, and the audit shows that it would not have been."""
    site = Site(f"{HEAD}  rules: [{LARGE}, mode: shadow}}]\n")
    made = site.ask()
    assert made.keys() == {"commands", "outcomes", "audit"}
    event = made["audit"]
    assert (event.verdict, event.would_have, event.reasons) == ("APPROVE", "DENY", ())
    assert [(reason.code, reason.distance) for reason in event.shadow_reasons] == [("RULE_DENIED", 200)]
    assert made["outcomes"].codes == ()
    plain = site.ask(params='{"cents":7,"id":"INV-1"}')["audit"]
    assert (plain.verdict, plain.would_have, plain.shadow_reasons) == ("APPROVE", "", ())


def test_a_rule_in_shadow_leaves_a_denial_of_the_ledger_alone():
    """What would have been is the more severe of the two."""
    rule = f"  rules: [{LARGE}, then: hold, mode: shadow}}]\n"
    event = Site(f"{HEAD}  limits: {{max_cost_usd: 0.001}}\n{rule}").ask()["audit"]
    assert (event.verdict, event.would_have, codes(event)) == ("DENY", "DENY", ["BUDGET_EXCEEDED"])
    assert [reason.code for reason in event.shadow_reasons] == ["HELD_BY_RULE"]


def test_the_pulse_counts_holds_drafts_and_shadow():
    """Each under its own name; what is in shadow is among the intents and under its code."""
    hold, draft = (
        f"{LARGE}, then: hold}}",
        LARGE.replace("500", "5").replace("large,", "some,") + ", then: draft}",
    )
    site = Site(f"{HEAD}  rules: [{hold}, {draft}]\n")
    site.ask()
    site.ask(params='{"cents":7,"id":"INV-1"}')
    site.ask(params='{"cents":1,"id":"INV-1"}')
    (output,) = site.publisher.pulses(site.rollups)
    pulse = Codec(Pulse).decode(output.value)
    assert (pulse.intents, pulse.approved, pulse.held, pulse.drafted, pulse.denied) == (3, 1, 1, 1, 0)
    assert pulse.codes == {"HELD_BY_RULE": 1, "DRAFTED": 2}
    assert pulse.cost_micros == 10_000
    shadow = Site(f"{HEAD}  mode: shadow\n")
    shadow.ask()
    (output,) = shadow.publisher.pulses(shadow.rollups)
    pulse = Codec(Pulse).decode(output.value)
    assert (pulse.intents, pulse.approved, pulse.codes, pulse.cost_micros) == (1, 0, {"SHADOWED": 1}, 0)
    assert pulse.would_have == {"APPROVE": 1}


def test_two_people_decide_in_the_highest_tier():
    """And every write is held, whether a rule says so or not."""
    rule = "rules: [{id: who, when: 'agent.id == \"mallory\"', because: not hers}]"
    hold = Site(f"{HEAD}  tier: security_access\n  {rule}\n").ask()["holds"]
    assert (hold.approvals_needed, [reason.rule for reason in hold.reasons]) == (2, ["tier"])
    assert hold.reasons[0].because == "tier security_access holds every write, and pay is write"
