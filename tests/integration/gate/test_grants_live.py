"""Break-glass on a real Kafka and Redis: given by two, marked and alerted, over when it is over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import verified
from confluent_kafka import Producer
from gate_load import WORKFLOW
from patience import until

from toolgate.schemas.records import Alert, Command
from toolgate.sdk import Client
from toolgate.streams.gate import keys
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from gate_site import Site

    from toolgate.sdk import Reply

pytestmark = pytest.mark.real

POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  limits: {{max_cost_usd: 0.025}}
  rules:
    - {{id: large, tools: [pay], when: params.id == "big", because: big ones are not paid}}
"""
TARGET = ("workflow", WORKFLOW)
TWO = ("--as", "ann-1", "--as", "ben-1")


@pytest.fixture
def desk(site: Site) -> Site:
    """A site whose keyring has operators, and a worker."""
    (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    ring = site.folder / "keyring.yaml"
    for kid, role in (("ann-1", "operator"), ("ben-1", "operator"), ("eye-1", "watch")):
        keys.new_operator(ring, kid, [role])
    site.worker().running()
    return site


def said(site: Site, *words: str) -> tuple[int, str]:
    """Exit code and words of a command of operators."""
    done = site.toolgate(*words, "--keys", str(site.folder / "keyring.yaml"))
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def pays(site: Site, run: str = "r1") -> Reply:
    """What becomes of a payment that the policy does not allow."""
    with Client(site.settings, site.agents, "ann") as client:
        return client.submit(client.intent(run, "pay", {"id": "big"}))


def copied(site: Site) -> None:
    """Somebody writes the first control record again, signatures and all."""
    first = site.envelopes("control")[0]
    producer = Producer({**client_producer_config(site.settings), "log_level": 0})
    headers: list[tuple[str, str | bytes | None]] = [*first.headers]
    producer.produce(site.settings.topic("control"), first.value, first.key, headers=headers)
    assert producer.flush(30) == 0


def test_a_grant_lets_through_what_the_policy_does_not_until_it_is_ended(desk: Site):
    """Nothing but the rule is waived: the budget still ends it; the copy of a grant grants nothing."""
    assert pays(desk).verdict == "DENY"
    code, words = said(
        desk, "grant", *TARGET, "--tools", "pay", "--for", "10m", *TWO, "--reason", "odd", "--json"
    )
    assert code == 0, words
    told = json.loads(words.splitlines()[0])
    answer = pays(desk)
    assert (answer.verdict, answer.command_id != "") == ("APPROVE", True)
    [command] = desk.read("commands", Command)
    assert (command.command_id, command.seq > told["after"]) == (answer.command_id, True)
    [event] = [event for event in desk.audit() if event.command_id]
    given = json.loads(said(desk, "grant", "--json")[1].splitlines()[0])["grants"]
    assert [one["control_id"] for one in given] == [command.grant] == [event.grant]
    assert [(reason.code, reason.rule) for reason in event.waived] == [("RULE_DENIED", "large")]
    assert command.expires_at <= told["expires_at"] == given[0]["expires_at"]
    kinds = [(alert.kind, alert.subject) for alert in desk.read("alerts", Alert)]
    assert kinds == [("grant", command.grant), ("break_glass", command.command_id)]
    story = desk.toolgate("explain", answer.intent_id).stdout
    assert "despite" in story
    assert f"grant {command.grant}" in story
    assert [pays(desk).verdict for _ in range(2)] == [
        "APPROVE",
        "DENY",
    ]  # the third has no room in max_cost_usd
    assert (
        said(desk, "revoke", *TARGET, "--as", "eye-1", "--reason", "it looks odd")[0] == 20
    )  # a watch's key
    code, words = said(desk, "revoke", *TARGET, "--as", "ann-1", "--reason", "all is well")
    assert code == 0, words
    copied(desk)
    desk.rest()
    refused = [reason.code for event in desk.audit() for reason in event.reasons if event.topic == "control"]
    assert refused == ["CONTROL_REFUSED"]
    denied = pays(desk, "r2")
    assert (denied.verdict, denied.codes) == ("DENY", ("RULE_DENIED",))
    assert [alert.kind for alert in desk.read("alerts", Alert)].count("grant_ended") == 1
    assert "Nothing is granted" in said(desk, "grant")[1]
    done = json.loads(desk.toolgate("grant-report", command.grant, "--json").stdout)["done"]
    assert [one["verdict"] for one in done] == ["APPROVE", "APPROVE", "DENY"]
    assert (done[0]["command_id"], done[0]["waived"]) == (command.command_id, ["RULE_DENIED"])
    assert verified.report(desk.settings).findings.listed() == []
    replayed = desk.toolgate(
        "replay", "--policy", str(desk.folder), "--keys", str(desk.folder / "keyring.yaml")
    )
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_a_grant_that_does_not_follow_the_rules_is_refused_and_a_good_one_ends_by_itself(desk: Site):
    """One signer, the watch, no reason, too long, nothing to end: each is told, and nothing is written."""
    words = ("--tools", "pay", "--for", "10m")
    for asked, because in (
        (("grant", *TARGET, *words, "--as", "ann-1", "--reason", "odd"), "issued by 2 people"),
        (("grant", *TARGET, *words, "--as", "ann-1", "--as", "eye-1", "--reason", "odd"), "two operators"),
        (("grant", *TARGET, *words, *TWO), "needs a reason"),
        (("grant", *TARGET, "--tools", "pay", "--for", "5h", *TWO, "--reason", "odd"), "at most 4h"),
    ):
        code, answer = said(desk, *asked)
        assert (code, because in answer) == (20, True), answer
    code, answer = said(desk, "revoke", *TARGET, "--as", "ann-1", "--reason", "odd")
    assert (code, "nothing is granted to workflow" in answer) == (2, True), answer
    assert desk.envelopes("control") == []
    assert said(desk, "grant", *TARGET, "--tools", "p*", "--for", "3s", *TWO, "--reason", "odd")[0] == 0
    until(lambda: pays(desk, "r2").codes == ("RULE_DENIED",), "the grant to end by itself")
    assert verified.report(desk.settings).findings.listed() == []
