"""Votes and ticks through intake, ledger and publisher: what ends a hold, what does not, and who is told."""

from __future__ import annotations

from collections import Counter

import pytest
from voting_desk import AGENT, DAY_MS, PEOPLE, POLICY, SECURITY, TIME, Desk, waiting

from toolgate.processors.case import Approved, Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.claims import FACT_BYTES_MAX
from toolgate.processors.holds import OpenHold, kept
from toolgate.processors.keyring import Keyring
from toolgate.processors.voting import HOLD_EXPIRY
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Tick
from toolgate.streams.gate.intake import Intake


def test_one_approval_makes_the_command():
    """In one atom: the hold is over, the money is taken, the command is there, agent and people are told."""
    desk = Desk()
    hold = desk.ask()["holds"]
    assert waiting(desk) == ["3-0"]
    made = desk.vote(hold, "ann", comment="paid in March as well")
    assert made.keys() == {"commands", "holds", "outcomes", "audit"}
    command, told, outcome, event = made["commands"], made["holds"], made["outcomes"], made["audit"]
    assert (command.command_id, command.intent_id, command.digest) == ("3-0", "i0", hold.digest)
    assert (outcome.intent_id, outcome.verdict, outcome.command_id, outcome.hold_id) == (
        "i0",
        "APPROVE",
        "3-0",
        "3-0",
    )
    assert (told.state, told.approvals, told.voter, told.comment) == (
        "approved",
        ("ann",),
        "ann",
        "paid in March as well",
    )
    assert (event.topic, event.verdict, event.note, event.command_id) == (
        "votes",
        "APPROVE",
        "approved",
        "3-0",
    )
    assert (event.intent_id, event.kid, event.first) == ("vote/v-ann-approve", "ann", True)
    assert [op.op for op in event.ops] == ["own", "remember", "reserve"] or "reserve" in {
        op.op for op in event.ops
    }
    assert waiting(desk) == []


def test_two_people_where_two_are_needed():
    """The first is counted, and the same one again is not."""
    desk = Desk(SECURITY)
    hold = desk.ask()["holds"]
    assert hold.approvals_needed == 2
    first = desk.vote(hold, "ann")
    assert first.keys() == {"holds", "audit"}
    assert (first["audit"].verdict, first["audit"].note) == ("RECORDED", "counted")
    assert (first["holds"].state, first["holds"].approvals) == ("open", ("ann",))
    again = desk.vote(hold, "ann", vote_id="v2")
    assert (again["audit"].note, again["holds"].refused) == ("refused", "key ann has approved it already")
    made = desk.vote(hold, "bob")
    assert (made["audit"].note, made["holds"].approvals) == ("approved", ("ann", "bob"))
    assert "commands" in made


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kid": "a"}, "nobody decides about what they have asked for"),
        ({"kid": "bob", "signed_by": "ann"}, ""),
        ({"kid": "ops"}, ""),
        ({"kid": "sam"}, ""),
        ({"kid": "eve"}, ""),
        ({"digest": "0" * 32}, "digest differs"),
        ({"policy_digest": "0" * 32}, "policy_digest differs"),
        ({"intent": ""}, "does not carry the intent that waits"),
        ({"intent": "%%"}, "does not carry the intent that waits"),
        ({"intent_mac": "zz"}, "does not carry the intent that waits"),
        ({"intent_mac": "00" * 16}, "not signed with a key of its workflow that holds now"),
        ({"choice": "maybe"}, "choice 'maybe' is none of"),
        ({"choice": "withdraw"}, ""),
        ({"comment": "x" * 1001}, "its comment has 1,001 characters"),
        ({"vote_id": ""}, "vote_id"),
    ],
    ids=str,
)
def test_a_vote_that_does_not_count_changes_nothing(fields, told):
    """Self, forged, without the role, about something else: the hold waits on; strangers are not even answered."""
    desk = Desk()
    hold = desk.ask()["holds"]
    before = desk.ledger.dump()["accounts"]
    made = desk.vote(hold, **fields)
    assert (made["audit"].verdict, made["audit"].note, made["audit"].ops) == ("RECORDED", "refused", ())
    assert made.keys() == ({"holds", "audit"} if told else {"audit"})
    if told:
        assert told in made["holds"].refused
        assert (made["holds"].state, made["holds"].approvals) == ("open", ())
    assert desk.ledger.dump()["accounts"] == before
    assert desk.vote(hold, "bob", vote_id="good")["audit"].note == "approved"


def test_a_role_that_the_rule_does_not_name():
    """An approver of something else."""
    desk = Desk(POLICY.replace("roles: [approver, cfo]", "roles: [cfo]"))
    hold = desk.ask()["holds"]
    assert "none of the roles cfo" in desk.vote(hold, "bob")["holds"].refused
    assert desk.vote(hold, "ann")["audit"].note == "approved"


def test_a_vote_that_comes_again():
    """Once is once; another word under its id is refused, and the hold waits on."""
    desk = Desk(SECURITY)
    hold = desk.ask()["holds"]
    desk.vote(hold, "ann")
    again = desk.vote(hold, "ann")
    assert again["audit"].note == "refused"
    made = desk.vote(hold, "bob", vote_id="v-ann-approve")
    assert (made["audit"].verdict, made["audit"].note) == ("RECORDED", "refused")
    assert made.keys() == {"holds", "audit"}
    assert waiting(desk) == ["3-0"]
    assert desk.vote(hold, "bob")["audit"].note == "approved"
    late = desk.vote(hold, "bob")
    assert (late.keys(), late["audit"].note) == ({"audit"}, "refused")


@pytest.mark.parametrize(
    ("kid", "choice", "state", "code"),
    [
        ("ann", "reject", "rejected", "HOLD_REJECTED"),
        ("sam", "withdraw", "withdrawn", "HOLD_WITHDRAWN"),
    ],
)
def test_a_hold_ends_without_its_call(kid, choice, state, code):
    """Once; the agent is told."""
    desk = Desk()
    hold = desk.ask()["holds"]
    made = desk.vote(hold, kid, choice=choice, intent="")
    assert made.keys() == {"holds", "outcomes", "audit"}
    assert (made["audit"].verdict, made["audit"].note, made["holds"].state) == ("RECORDED", state, state)
    assert (made["outcomes"].intent_id, made["outcomes"].verdict) == ("i0", "DENY")
    assert (made["outcomes"].codes, made["outcomes"].hold_id) == ((code,), "3-0")
    assert waiting(desk) == []
    assert desk.vote(hold, "bob")["audit"].note == "refused"


def test_a_hold_that_expires_is_ended_by_a_tick():
    """Not before its time, and once; a vote that comes too late is none."""
    desk = Desk()
    hold = desk.ask()["holds"]
    desk.now = hold.expires_at - 1
    early = desk.tick(hold)
    assert (early.keys(), early["audit"].note) == ({"audit"}, "refused")
    desk.now = hold.expires_at
    assert desk.tick(hold, "lunch")["audit"].note == "refused"
    made = desk.tick(hold)
    assert (made["audit"].note, made["holds"].state, made["outcomes"].codes) == (
        "expired",
        "expired",
        ("HOLD_EXPIRED",),
    )
    assert waiting(desk) == []
    assert desk.tick(hold)["audit"].note == "refused"
    assert desk.vote(hold)["audit"].note == "refused"


@pytest.mark.parametrize(
    ("kid", "policy", "note"), [("ann", POLICY, "expired"), ("ann", SECURITY, "refused")]
)
def test_a_vote_after_the_time_to_decide(kid, policy, note):
    """The ledger's clock decides: one that is not the last changes nothing, the last ends the hold unapproved."""
    desk = Desk(policy)
    hold = desk.ask()["holds"]
    desk.now = hold.expires_at + 1
    made = desk.vote(hold, kid)
    assert (made["audit"].note, "commands" in made) == (note, False)
    assert made["holds"].state == ("expired" if note == "expired" else "open")


def test_a_call_lives_no_longer_than_its_agent_wants():
    """ttl_ms counts for people as well."""
    desk = Desk()
    hold = desk.ask(ttl_ms=60_000)["holds"]
    assert hold.expires_at == TIME + 60_000


def test_room_that_is_gone_when_people_approve():
    """The call is judged again: two holds, money for one."""
    desk = Desk()
    first = desk.ask()["holds"]
    wanted = desk.wanted
    second = desk.ask(intent_id="i1")["holds"]
    assert desk.vote(second, "ann", vote_id="v1")["audit"].note == "approved"
    desk.wanted = wanted
    made = desk.vote(first, "ann", vote_id="v2")
    assert made.keys() == {"denials", "holds", "outcomes", "audit"}
    assert (made["audit"].verdict, made["audit"].note, made["holds"].state) == ("DENY", "denied", "denied")
    assert [reason.code for reason in made["denials"].reasons] == ["BUDGET_EXCEEDED"]
    assert (made["outcomes"].intent_id, made["outcomes"].codes) == ("i0", ("BUDGET_EXCEEDED",))
    assert waiting(desk) == []


def test_a_kill_that_came_meanwhile():
    """What is stopped is not approved by anybody."""
    desk = Desk()
    hold = desk.ask()["holds"]
    desk.switch(kind="kill")
    made = desk.vote(hold)
    assert (made["audit"].note, made["outcomes"].codes) == ("denied", ("KILLED",))


def test_in_shadow_nobody_can_approve():
    """Nothing is commanded there: the hold waits on."""
    desk = Desk()
    hold = desk.ask()["holds"]
    desk.switch(kind="mode", mode="shadow")
    made = desk.vote(hold)
    assert (made["audit"].note, made["holds"].state) == ("refused", "open")
    assert "shadow" in made["holds"].refused


def test_who_approved_a_hold_has_not_approved_a_draft():
    """Writes were ordered to become drafts meanwhile: the hold waits on."""
    desk = Desk()
    hold = desk.ask()["holds"]
    desk.switch(kind="mode", mode="draft_only")
    made = desk.vote(hold)
    assert (made["audit"].note, made["holds"].state) == ("refused", "open")
    assert "would become a draft" in made["holds"].refused


@pytest.mark.parametrize(
    ("approvers", "roles", "verdict"),
    [
        (2, {"approver", "cfo"}, Verdict.APPROVE),
        (1, {"approver", "cfo"}, Verdict.HOLD),
        (2, {"approver"}, Verdict.HOLD),
    ],
)
def test_the_rules_of_now_say_how_many_must_approve(approvers, roles, verdict):
    """What held the call then may ask for fewer people, or others, than what holds it now."""
    desk = Desk(SECURITY)
    desk.ask()
    reading = desk.intake.read(desk.wanted)
    approved = Approved(Verdict.HOLD, approvers, frozenset(roles))
    case = Case(desk.wanted, reading.record, reading.digest, approved=approved)
    assert judge(case, World(desk.policies, desk.control, desk.keys)).verdict == verdict


def test_a_key_that_was_taken_away_approves_nothing_any_more():
    """Two are needed, and one of the two is no approver now."""
    desk = Desk(SECURITY)
    hold = desk.ask()["holds"]
    desk.vote(hold, "ann")
    desk.intake = Intake(desk.policies, Keyring.of([AGENT, *(key for key in PEOPLE if key.kid != "ann")]))
    made = desk.vote(hold, "bob")
    assert (made["audit"].note, made["holds"].approvals) == ("counted", ("bob",))


@pytest.mark.parametrize(("partition", "key"), [(2, b"r"), (3, b"other"), (3, None)])
def test_a_tick_that_is_astray_ends_nothing(partition, key):
    """It would be decided out of its run's order, and told where nobody reads."""
    desk = Desk()
    hold = desk.ask()["holds"]
    value = Codec(Tick).encode(Tick("r", HOLD_EXPIRY, hold.hold_id, hold.expires_at))
    reading = desk.intake.read(Envelope("ticks", partition, 0, hold.expires_at, key, value))
    item = desk.intake.item(reading, desk.control, desk.ledger.look(["r"], []))
    assert (item.ask.verdict, item.hold) == ("RECORDED", None)
    assert item.refused is not None


def test_a_draft_is_promoted_as_a_hold_is_approved():
    """One by one, by the same people; also where the mode makes drafts of all."""
    desk = Desk(POLICY.replace("    - {id: large", "    - {id: never").replace("cents > 500", "cents > 5000"))
    draft = desk.ask(950)["drafts"]
    assert (draft.approvals_needed, draft.roles, draft.expires_at) == (1, ("approver", "cfo"), TIME + DAY_MS)
    desk.switch(kind="mode", mode="draft_only")
    made = desk.vote(draft, "bob")
    assert made.keys() == {"commands", "drafts", "outcomes", "audit"}
    assert (made["audit"].note, made["drafts"].state, made["commands"].command_id) == (
        "promoted",
        "promoted",
        "3-0",
    )


@pytest.mark.parametrize("ends", ["the order is taken back", "a stricter order", "a kill and its lift"])
def test_nothing_executes_when_a_mode_ends(ends):
    """A draft that an order made stays one, whatever is said later: it takes a vote, and is judged anew then."""
    policy = POLICY.replace("cents > 500", "cents > 5000").replace("cents > 900", "cents > 9000")
    desk = Desk(policy.replace("max: 0.015", "max: 1"))
    desk.switch(kind="mode", mode="draft_only", version=1)
    draft = desk.ask(100)["drafts"]
    words = {
        "the order is taken back": [{"kind": "mode", "mode": "enforce", "version": 2}],
        "a stricter order": [{"kind": "mode", "mode": "read_only", "version": 2}],
        "a kill and its lift": [{"kind": "kill"}, {"kind": "lift", "version": 2}],
    }
    for word in words[ends]:
        desk.switch(**word)
    assert waiting(desk) == [draft.draft_id]
    later = desk.decide(desk.wanted_of("r", 100, intent_id="i1"))
    assert draft.draft_id not in {made.command_id for name, made in later.items() if name == "commands"}
    assert waiting(desk)[0] == draft.draft_id
    made = desk.vote(draft, "bob")
    assert ("commands" in made) == (ends != "a stricter order")


def test_an_approval_takes_no_more_room_than_its_hold():
    """A run that keeps as much as it may must not forget what waits because somebody has approved it."""
    desk = Desk(SECURITY)
    hold = desk.ask()["holds"]
    before = desk.ledger.look(["r"], []).facts["r"]["~hold\x1f3-0"]
    desk.vote(hold, "ann")
    after = desk.ledger.look(["r"], []).facts["r"]["~hold\x1f3-0"]
    assert '"ann"' in after
    assert len(after) <= len(before)
    names = (
        "hold_id",
        "intent_id",
        "tenant",
        "workflow_id",
        "run_id",
        "agent_id",
        "tool",
        "tool_version",
        "twin",
    )
    longest = dict.fromkeys(names, "x" * 128) | {
        "kind": "DRAFT",
        "digest": "0" * 32,
        "policy_digest": "0" * 32,
    }
    most = OpenHold(**longest, approvers=8, roles=("x" * 128,) * 8, time_ms=TIME, expires_at=TIME)
    assert len(kept(most).value) <= FACT_BYTES_MAX


def test_a_vote_on_nothing():
    """Nobody is answered."""
    desk = Desk()
    hold = desk.ask()["holds"]
    made = desk.vote(hold, hold_id="3-7")
    assert (made.keys(), made["audit"].note) == ({"audit"}, "refused")
    assert "nothing waits as 3-7" in made["audit"].reasons[0].because


def test_no_more_waits_than_a_run_may_keep():
    """What could not be approved any more is denied at once."""
    desk = Desk(POLICY.replace("max: 0.015", "max: 9"))
    made = {}
    for number in range(200):
        desk.now += 10_000  # or it would be too many attempts
        made = desk.ask(intent_id=f"i{number}")
        if "denials" in made:
            break
    assert [reason.code for reason in made["denials"].reasons] == ["HOLDS_EXCEEDED", "HELD_BY_RULE"]
    assert 50 < len(waiting(desk)) < 200


def test_a_flood_of_calls_that_people_should_decide_about():
    """In one batch each run keeps what it may, and the rest is denied; all is told once, and nothing is commanded."""
    often = "{max: 1000000, per: 1m}"
    patient = f"  attempts: {{run: {often}, agent: {often}}}\n  limits: {{max_denials: 100000}}\n  budgets"
    desk = Desk(POLICY.replace("  budgets", patient))
    envelopes = [desk.wanted_of(f"r{n % 4}", intent_id=f"i{n}") for n in range(1_000)]
    made = Counter(output.topic for output in desk.decide_all(envelopes))
    assert made["holds"] + made["denials"] == made["outcomes"] == made["audit"] == 1_000
    assert (made["commands"], made["denials"] > 0) == (0, True)
    facts = desk.ledger.look([f"r{n}" for n in range(4)], []).facts.values()
    kept = [sum(name.startswith("~hold") for name in texts) for texts in facts]
    assert (sum(kept), min(kept) > 50) == (made["holds"], True)
