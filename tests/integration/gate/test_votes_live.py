"""People on a real Kafka and Redis: what waits, who may decide about it, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import verified
from gate_load import WORKFLOW
from patience import until

from toolgate.processors.keyring import framed
from toolgate.processors.voting import carrying
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Command, Control, Hold, Outcome, Vote
from toolgate.sdk import Client
from toolgate.sdk.reports import Reports, begun, ended
from toolgate.sdk.wire import Wire
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate_site import Site

pytestmark = pytest.mark.real

POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  rules:
    - {{id: large, tools: [pay], when: params.id == "big", then: hold, roles: [cfo], because: big ones wait}}
    - {{id: new, tools: [pay], when: params.id == "new", then: draft, because: new ones are proposed}}
"""


@pytest.fixture
def desk(site: Site) -> Site:
    """A site whose keyring has people, and a worker."""
    (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    tools = (site.folder / "tools.yaml").read_text("utf-8")
    (site.folder / "tools.yaml").write_text(
        tools.replace("  - name: pay\n", "  - name: pay\n    draft: proposal\n"), encoding="utf-8"
    )
    ring = site.folder / "keyring.yaml"
    keys.new_operator(ring, "bob", ["approver"], ["cfo"])
    keys.new_operator(ring, "eve", ["approver"])
    keys.new_operator(ring, "ann", ["approver"], ["cfo"])  # the agent's own name
    keys.new_operator(ring, "starter-1", ["starter"])
    keys.new_operator(ring, "ann-1", ["operator"])
    keys.new_operator(ring, "ben-1", ["operator"])
    site.worker().running()
    return site


@dataclass(frozen=True)
class Forged:
    """A vote that somebody writes to the topic: what differs from a good one, and which keys sign as whom."""

    fields: dict[str, str] = field(default_factory=dict)
    signers: tuple[tuple[str, str], ...] = (("bob", "bob"),)

    def send(self, site: Site, vote: Vote, partition: int) -> None:
        """Write it."""
        write(site, "votes", vote.run_id.encode(), Codec(Vote).encode(vote), self.signers, partition)


def write(  # noqa: PLR0917 - a record, and who signs it as whom
    site: Site, topic: str, key: bytes, value: bytes, signers: Iterable[tuple[str, str]], partition: int = -1
) -> None:
    """One record that people sign, as it is."""
    headers = []
    for place, (name, kid) in enumerate(signers, start=1):
        pair = keys.load_signer(site.folder / "keyring.yaml", kid)
        suffix = "" if place == 1 else f"-{place}"
        proof = pair.sign(framed(topic, key, value)).signature
        headers += [(KID + suffix, name.encode()), (MAC + suffix, proof)]
    site.send_raw(topic, key, value, headers, partition)


def asked(site: Site, run: str, what: str, **fields: int) -> str:
    """The id of what waits, once an agent has asked for it."""
    with Client(site.settings, site.agents, "ann") as client:
        answer = client.submit(client.intent(run, "pay", {"id": what}, **fields))
    return answer.hold_id or next((one["id"] for one in queued(site)), "")


def queued(site: Site, *words: str) -> list[dict]:
    """What the command says that waits."""
    return json.loads(site.toolgate("queue", "--json", *words).stdout)["waiting"]


def said(site: Site, *words: str) -> tuple[int, str]:
    """Exit code and words of a command that votes."""
    done = site.toolgate(*words, "--keys", str(site.folder / "keyring.yaml"))
    return done.returncode, done.stdout + done.stderr


def test_a_held_call_is_approved_by_whoever_may(desk: Site):
    """Not by others, and once; agent, people and log are told, and Redis is the fold of it all."""
    wanted = asked(desk, "r1", "big")
    assert [(one["id"], one["kind"], one["state"]) for one in queued(desk)] == [(wanted, "hold", "open")]
    assert [len(queued(desk, "--role", role)) for role in ("cfo", "approver")] == [1, 0]
    code, words = said(desk, "approve", wanted, "--as", "eve")
    assert code == 20, words
    assert "none of the roles cfo" in words
    code, words = said(desk, "promote", wanted, "--as", "bob")
    assert (code, "toolgate approve" in words) == (20, True)
    code, words = said(desk, "approve", wanted, "--as", "bob", "--comment", "known customer")
    assert code == 0, words
    assert "approved" in words
    assert queued(desk) == []
    code, words = said(desk, "approve", wanted, "--as", "bob")
    assert (code, "it is over" in words) == (20, True)
    assert [command.command_id for command in desk.read("commands", Command)] == [wanted]
    told = [(one.verdict, one.hold_id) for one in desk.read("outcomes", Outcome)]
    assert told == [("HOLD", wanted), ("APPROVE", wanted)]
    whole = desk.toolgate("queue", wanted).stdout
    assert "bob approve, approved  known customer" in whole
    assert "eve approve, refused" in whole
    (intent_id,) = {one.intent_id for one in desk.read("outcomes", Outcome)}
    story = desk.toolgate("explain", intent_id).stdout
    assert "bob: approve, approved at seq" in story
    assert f"Command {wanted}" in story
    assert verified.report(desk.settings).findings.listed() == []


# What is sent, of a vote that would be good -> words of the reason in its audit event.
HOSTILE = {
    "signed by nobody": (Forged(signers=()), "is not signed"),
    "signed by another's key under his name": (Forged(signers=(("bob", "eve"),)), "signature"),
    "names another than its key": (Forged(signers=(("eve", "eve"),)), "names 'bob'"),
    "by somebody without the role": (Forged({"approver": "eve"}, (("eve", "eve"),)), "none of the roles cfo"),
    "by the agent who asked": (Forged({"approver": "ann"}, (("ann", "ann"),)), "what they have asked for"),
    "by an operator": (Forged({"approver": "ann-1"}, (("ann-1", "ann-1"),)), "no approver's"),
    "signed twice": (Forged(signers=(("bob", "bob"), ("eve", "eve"))), "signed twice"),
    "for another digest": (Forged({"digest": "0" * 32}), "digest"),
    "under other policies": (Forged({"policy_digest": "0" * 32}), "polic"),
    "for another run": (Forged({"run_id": "r2"}), "in run r2"),
    "with a garbled intent": (Forged({"intent": "AAAA"}), "intent"),
    "without its intent": (Forged({"intent": ""}), "intent"),
    "about nothing": (Forged({"hold_id": "0-999999"}), "nothing waits"),
}


def test_a_vote_that_nobody_may_cast_changes_nothing(desk: Site):
    """Each is audited once with its reason; what waits waits on, and a good vote counts, once."""
    wanted = asked(desk, "r1", "big")
    (hold,) = desk.read("holds", Hold)
    intent = next(one for one in desk.envelopes("intents") if one.offset == hold.body_offset)
    good = Vote("", wanted, "r1", "bob", "approve", hold.digest, hold.policy_digest, **carrying(intent))
    half = good.intent[: len(good.intent) // 8 * 4]
    hostile = HOSTILE | {"with half of its intent": (Forged({"intent": half}), "intent")}
    for number, (forged, _) in enumerate(hostile.values()):
        forged.send(desk, changed(good, vote_id=f"v{number}", **forged.fields), intent.partition)
    desk.rest()
    refused = [event.reasons[0].because for event in desk.audit() if event.topic == "votes"]
    assert len(refused) == len(hostile)
    wrong = {
        name: because
        for (name, (_, words)), because in zip(hostile.items(), refused, strict=True)
        if words not in because
    }
    assert wrong == {}
    assert desk.read("commands", Command) == []
    for _ in range(2):  # the same bytes again
        Forged().send(desk, changed(good, vote_id="good"), intent.partition)
    desk.rest()
    assert [command.command_id for command in desk.read("commands", Command)] == [wanted]
    assert verified.report(desk.settings).findings.listed() == []


def test_a_kill_stands_until_two_lift_it(desk: Site):
    """It is in the audit when the command ends; nothing is approved under it, nor is a newer one lifted unseen."""
    wanted = asked(desk, "r1", "big")
    code, words = said(desk, "kill", "workflow", WORKFLOW, "--as", "ann-1", "--reason", "odd", "--json")
    assert code == 0, words
    after = json.loads(words.splitlines()[0])["after"]
    assert after == next(event.after for event in desk.audit() if event.topic == "control")
    code, words = said(desk, "approve", wanted, "--as", "bob")
    assert (code, "KILLED" in words) == (0, True), words
    assert said(desk, "lift", "workflow", WORKFLOW, "--as", "ann-1")[0] == 20
    code, words = said(desk, "kill", "workflow", WORKFLOW, "--as", "ben-1", "--reason", "odd again", "--json")
    newer = json.loads(words.splitlines()[0])["offset"]
    old = Control("l1", "lift", "workflow", WORKFLOW, "over", ("ann-1", "ben-1"), version=newer)
    pair = (("ann-1", "ann-1"), ("ben-1", "ben-1"))
    write(desk, "control", f"workflow/{WORKFLOW}".encode(), Codec(Control).encode(old), pair)
    desk.rest()
    (event,) = [event for event in desk.audit() if event.topic == "control" and event.offset > newer]
    told = f"version {newer} does not lift the kill at {newer}, which came later"
    assert (event.after, event.reasons[0].because) == (None, told)
    assert "odd again" in said(desk, "kill")[1]
    assert said(desk, "lift", "workflow", WORKFLOW, "--as", "ann-1", "--as", "ben-1")[0] == 0
    assert "Nothing is stopped" in said(desk, "kill")[1]
    assert verified.report(desk.settings).findings.listed() == []


def test_what_waits_ends_without_its_call(desk: Site):
    """Rejected, withdrawn, or too late: each once; and a draft may become a call."""
    first, second, third = (asked(desk, f"r{n}", "big") for n in range(3))
    assert said(desk, "reject", first, "--as", "bob")[0] == 0
    code, words = said(desk, "withdraw", second, "--as", "bob", "--timeout", "2")
    assert code == 3, words  # nobody answers whoever may not
    assert said(desk, "withdraw", second, "--as", "starter-1")[0] == 0
    assert said(desk, "reject", third, "--as", "bob")[0] == 0
    draft = asked(desk, "r9", "new")
    code, words = said(desk, "promote", draft, "--as", "bob")
    assert (code, "promoted" in words) == (0, True), words
    hold = asked(desk, "r5", "big", ttl_ms=3_000)
    until(lambda: _states(desk).get(hold) == "expired", lambda: f"the hold to expire: {_states(desk)}")
    assert _states(desk) == {first: "rejected", second: "withdrawn", third: "rejected", hold: "expired"}
    codes = {one.hold_id: one.codes for one in desk.read("outcomes", Outcome) if one.verdict == "DENY"}
    assert codes == {
        first: ("HOLD_REJECTED",),
        second: ("HOLD_WITHDRAWN",),
        third: ("HOLD_REJECTED",),
        hold: ("HOLD_EXPIRED",),
    }
    desk.rest()
    assert verified.report(desk.settings).findings.listed() == []


def _states(site: Site) -> dict[str, str]:
    return {one.hold_id: one.state for one in site.read("holds", Hold)}


def test_people_say_what_the_gate_cannot_know(desk: Site):
    """An outcome that nobody knows, a record that nobody can read: each waits and is seen to once."""
    with Client(desk.settings, desk.agents, "ann") as client:
        command_id = client.submit(client.intent("r1", "pay", {"id": "small"})).command_id
    (command,) = desk.read("commands", Command)
    unknown = ended(begun(command, desk.desk.executor_id), ResultStatus.UNKNOWN, "connection lost")
    Reports(desk.settings, desk.desk, Wire(desk.settings)).publish(unknown, int(command_id.partition("-")[0]))
    desk.send_raw("intents", b"r1", b"no record")
    desk.rest()
    outcome, record = sorted(queued(desk), key=lambda one: one["kind"])
    assert (outcome["kind"], outcome["id"], outcome["tool"]) == ("outcome", command_id, "pay")
    assert (record["kind"], record["owner"], record["overdue"]) == ("record", "operator", False)
    code, words = said(desk, "release", command_id, "--as", "ann-1", "--did-not")
    assert (code, "has time until the command expires" in words) == (20, True), words
    assert said(desk, "take", record["id"], "--as", "bob")[0] == 0
    code, words = said(desk, "take", record["id"], "--as", "ann-1", "--over", "--comment", "bob is away")
    assert (code, "taken by ann-1" in words) == (0, True), words
    assert "over from bob: bob is away" in desk.toolgate("queue", record["id"]).stdout
    code, words = said(desk, "release", record["id"], "--as", "bob", "--comment", "an old client")
    assert (code, "put aside" in words) == (0, True), words
    assert [one["id"] for one in queued(desk, "--workflow", WORKFLOW)] == [command_id]
    (aside,) = [event for event in desk.audit() if event.note == "released"]
    assert (aside.kid, aside.command_id, aside.ops) == ("bob", record["id"], ())
    desk.rest()
    assert verified.report(desk.settings).findings.listed() == []


def test_what_waits_waits_on_after_a_rebuild(desk: Site):
    """Redis is emptied between the hold and the vote."""
    wanted = asked(desk, "r1", "big")
    with desk.redis() as client:
        client.flushall()
    asked(desk, "r2", "small")
    code, words = said(desk, "approve", wanted, "--as", "bob")
    assert (code, "approved" in words) == (0, True), words
