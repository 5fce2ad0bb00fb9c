"""Stopping and letting go: one stops, two let go, each with their own key."""

from __future__ import annotations

import pytest
from console_site import PEOPLE
from nacl.exceptions import BadSignatureError

from toolgate.console.halves import WAITS_S, Presigned, Proposals
from toolgate.processors.control_state import ControlState
from toolgate.review import orders
from toolgate.schemas.records import Control
from toolgate.streams.errors import ControlRefusedError, UnreachableError
from toolgate.streams.ports import RetryError

KILL = Control("kill-1", "kill", "workflow", "refunds_v1", "odd", ("ann",))
STOPPED = ControlState().apply(KILL, 4)
LIFT = {"scope": "workflow", "value": "refunds_v1", "reason": "right again", "back": "/control"}


def test_one_operator_stops(front, desk):
    """At once, and the page says from where on."""
    front.as_("ann").send("/control/kill", scope="workflow", value="refunds_v1", tenant="acme", reason="odd")
    assert desk.did == [("kill", ("ann",), "ann", "workflow", "acme/refunds_v1", "", "odd")]
    assert "nothing is approved after seq 7" in front.told("/control")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scope": "galaxy", "value": "x"}, "no scope is named"),
        ({"scope": "all", "value": "x"}, "scope all takes no name"),
        ({"scope": "workflow", "value": ""}, "scope workflow takes a name"),
        ({"scope": "workflow", "value": "x", "reason": " "}, "say why"),
    ],
)
def test_what_names_nothing_stops_nothing(front, desk, fields, says):
    """And says so."""
    front.as_("ann").send("/control/kill", **{"reason": "odd", "back": "/control"} | fields)
    assert says in front.told("/control")
    assert desk.did == []


@pytest.mark.parametrize("who", ["bob", "guest"])
@pytest.mark.parametrize("path", ["kill", "lift", "grant", "revoke", "confirm", "withdraw", "mode"])
def test_only_operators_say_anything(front, desk, who, path):
    """Others see what stands."""
    desk.state = STOPPED
    page = front.as_(who).see("/control")
    assert "refunds_v1" in page
    assert 'action="/control' not in page
    front.send(f"/control/{path}", workflow="w", mode="shadow", **LIFT)
    assert "you have no key of an operator" in front.told("/control")
    assert desk.did == []


def test_two_let_go_what_one_has_stopped(front, desk):
    """The first signs, the other sees it and signs; the first cannot be both."""
    desk.state = STOPPED
    front.as_("ann").send("/control/lift", **LIFT)
    assert desk.did == []
    (proposal,) = front.site.proposals.all()
    front.send("/control/confirm", proposal=proposal.id, back="/control")
    assert "it takes two: you have signed it already" in front.told("/control")
    front.client.cookies.clear()
    page = front.as_("ben").see("/control")
    assert "signed by ann, <strong>1 of 2</strong>" in page
    front.send("/control/confirm", "/control", proposal=proposal.id)
    ((did, issued_by, second, signature),) = desk.did
    assert (did, issued_by, second) == ("lift", ("ann", "ben"), "ben")
    assert front.site.proposals.all() == []
    message = repr(proposal.halves["ben"].word).encode()
    assert PEOPLE["ann"].key.pair.verify_key.verify(message, signature) == message
    with pytest.raises(BadSignatureError):
        PEOPLE["ben"].key.pair.verify_key.verify(message, signature)


def test_what_is_not_stopped_is_not_let_go(front):
    """Nothing is signed in advance."""
    front.as_("ann").send("/control/lift", **LIFT)
    assert "is not stopped" in front.told("/control")
    assert front.site.proposals.all() == []


def test_a_proposal_ends(front, desk, clock):
    """Taken back by any operator, replaced by the same person's next, or too old."""
    desk.state = STOPPED
    front.as_("ann").send("/control/lift", **LIFT)
    front.send("/control/lift", **LIFT)
    (proposal,) = front.site.proposals.all()
    front.send("/control/withdraw", proposal=proposal.id)
    assert front.site.proposals.all() == []
    front.send("/control/lift", **LIFT)
    (proposal,) = front.site.proposals.all()
    clock.now += WAITS_S + 1
    front.as_("ben").send("/control/confirm", proposal=proposal.id, back="/control")
    assert "this waits no longer" in front.told("/control")
    assert desk.did == []


@pytest.mark.parametrize(
    ("trouble", "waits"),
    [
        (UnreachableError("Kafka does not answer"), True),
        (ControlRefusedError("it is stale"), False),
        (RetryError("it stands and is not audited"), False),
    ],
    ids=["away", "refused", "unaudited"],
)
def test_what_two_sign_is_said_once(front, desk, monkeypatch, trouble, waits):
    """While it is being said nobody else can; it waits again only where Kafka was away."""
    desk.state = STOPPED
    front.as_("ann").send("/control/lift", **LIFT)
    (proposal,) = front.site.proposals.all()
    meanwhile = []

    def says(_key, _half):
        meanwhile.extend(front.site.proposals.all())
        raise trouble

    monkeypatch.setattr(desk, "say_as_second", says)
    front.client.cookies.clear()
    front.as_("ben").send("/control/confirm", "/control", proposal=proposal.id)
    assert meanwhile == []
    assert front.site.proposals.all() == ([proposal] if waits else [])


def test_a_signature_is_of_one_message():
    """Nothing else can be said with it."""
    first = Presigned(b"this", b"s")
    assert first.sign(b"this").signature == b"s"
    with pytest.raises(ControlRefusedError):
        first.sign(b"that")


def test_so_many_wait_and_no_more(clock):
    """The oldest goes."""
    proposals = Proposals(clock)
    for n in range(150):
        proposals.add(orders.stopping("lift", "workflow", f"w{n}", "x", ("ann",), ControlState()), {})
    assert [one.word.value for one in proposals.all()] == [f"w{n}" for n in range(50, 150)]


@pytest.mark.parametrize(
    ("fields", "did"),
    [
        ({"workflow": "w", "mode": "shadow"}, ("mode", ("ann",), "ann", "workflow", "w", "shadow", "odd")),
        (
            {"workflow": "*", "tenant": "acme", "mode": "read_only"},
            ("mode", ("ann",), "ann", "tenant", "acme", "read_only", "odd"),
        ),
        (
            {"workflow": "w", "mode": "canary", "share": " 10 "},
            ("mode", ("ann",), "ann", "workflow", "w", "canary:10%", "odd"),
        ),
        ({"workflow": "w", "mode": "canary"}, None),
        ({"workflow": "w", "mode": "canary", "share": "100"}, None),
        ({"workflow": "*", "mode": "enforce"}, ("mode", ("ann",), "ann", "all", "", "enforce", "odd")),
        ({"workflow": "w", "mode": ""}, None),
        ({"workflow": "", "mode": "shadow"}, None),
    ],
)
def test_orders_a_mode(front, desk, fields, did):
    """Of a workflow, a tenant or all; nothing where something is missing."""
    front.as_("ann").send("/control/mode", reason="odd", back="/control", **fields)
    assert desk.did == ([did] if did else [])
    assert front.told("/control").startswith("done" if did else "refused")


def test_an_order_is_shown_with_its_figures(front, desk):
    """As text, whatever they say."""
    evidence = '{"denial_rate":0.4,"note":"<b>\u202e"}'
    word = Control("c1", "mode", "workflow", "w", "odd", ("eye",), mode="canary:10%", evidence=evidence)
    desk.state = ControlState().apply(word, 0)
    page = front.as_("ann").see("/control")
    assert "canary:10%" in page
    assert "{&#34;denial_rate&#34;:0.4,&#34;note&#34;:&#34;&lt;b&gt;\\u202e&#34;}" in page


def test_says_that_kafka_is_away(front, desk):
    """Instead of a page that shows nothing as stopped."""
    desk.trouble = ControlRefusedError("Kafka does not answer")
    answer = front.as_("ann").client.get("/control")
    assert answer.status_code == 503
    assert "Kafka does not answer" in answer.text


GRANT = {
    "scope": "workflow",
    "value": "refunds_v1",
    "tools": "refund, read_*",
    "life": "30m",
    "reason": "double charges",
}


def test_two_grant_for_a_short_time(front, desk):
    """Both sign the same record; one ends it."""
    front.as_("ann").send("/control/grant", back="/control", **GRANT)
    assert desk.did == []
    (proposal,) = front.site.proposals.all()
    word = proposal.word
    assert (word.kind, word.tools, word.version) == ("grant", ("refund", "read_*"), 1)
    assert word.expires_at == front.site.now_ms() + 1_800_000
    front.client.cookies.clear()
    page = front.as_("ben").see("/control")
    assert "refund, read_* until" in page
    front.send("/control/confirm", proposal=proposal.id)
    assert [did[:3] for did in desk.did] == [("grant", ("ann", "ben"), "ben")]
    desk.state = ControlState().apply(proposal.halves["ben"].word, 0)
    assert "double charges" in front.see("/control")
    front.send("/control/revoke", scope="workflow", value="refunds_v1", reason="all paid back")
    assert desk.did[1] == ("grant", ("ben",), "ben", "workflow", "refunds_v1", "", "all paid back")
    front.send("/control/revoke", scope="workflow", value="other", reason="x", back="/control")
    assert "nothing is granted to workflow other" in front.told("/control")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"life": "9h"}, "at most 4h are allowed"),
        ({"life": "soon"}, "for how long"),
        ({"tools": " , "}, "no tool is named"),
        ({"scope": "tenant"}, "no scope is named"),
        ({"reason": ""}, "say why"),
    ],
)
def test_a_grant_that_could_not_stand_is_not_signed(front, fields, says):
    """Nobody is asked for a second signature."""
    front.as_("ann").send("/control/grant", back="/control", **(GRANT | fields))
    assert says in front.told("/control")
    assert front.site.proposals.all() == []
