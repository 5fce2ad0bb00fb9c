"""The client refuses before sending what could not be decided, and signs what it sends."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import identity
from toolgate.processors.keyring import IntentKey, Keyring
from toolgate.processors.placement import partition_of
from toolgate.processors.policy import PolicySet
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Intent
from toolgate.sdk import client as module
from toolgate.sdk.client import Client
from toolgate.sdk.errors import IntentError, NotSentError
from toolgate.sdk.sender import signature
from toolgate.streams.settings import load

KEY = IntentKey("billing-1", b"s" * 32, "acme", "billing_v1")


class Posted:
    """Takes the place of the sender: keeps what it is given, or refuses it."""

    def __init__(self) -> None:
        self.records: list[tuple] = []
        self.partitions: list[int] = []
        self.answer: Future[None] = Future()
        self.full = False

    def send(self, topic, record_key, value, headers, partition=-1):
        """As `Sender.send`."""
        if self.full:
            raise NotSentError("the queue is full")
        self.records.append((topic, record_key, value, headers))
        self.partitions.append(partition)
        return self.answer

    def poll(self):
        """Nothing is on its way."""


class Silence:
    """Takes the place of the replies: hears every partition at once, and nothing in any."""

    partitions = 8

    def __init__(self, settings, tickets, wire, tick):
        self.heard: list[int] = []

    def listen(self, partition):
        """As `Replies.listen`."""
        self.heard.append(partition)
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.fixture
def posted(monkeypatch):
    """Where the client's records go instead of Kafka."""
    post = Posted()
    monkeypatch.setattr(module, "Sender", lambda settings, key: post)
    monkeypatch.setattr(module, "Replies", Silence)
    return post


@pytest.fixture
def client(posted):
    """A client without a broker."""
    return Client(load(bootstrap_servers="nowhere:1"), KEY, "desk-agent")


def test_an_intent_is_its_keys_and_canonical(client):
    """Tenant and workflow come from the key, parameters are sorted, and an id is made."""
    intent = client.intent("run-1", "pay", {"b": 1, "a": [True, None]})
    assert (intent.tenant, intent.workflow_id, intent.agent_id) == ("acme", "billing_v1", "desk-agent")
    assert intent.params == '{"a":[true,null],"b":1}'
    assert intent.intent_id != client.intent("run-1", "pay", {}).intent_id


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"run_id": "run 1"}, "run_id has ' ' at character 4"),
        ({"run_id": ""}, "run_id is empty"),
        ({"intent_id": "x" * 129}, "intent_id has 129 characters"),
        ({"params": {"n": 2**53}}, "beyond 2\\*\\*53 - 1"),
        ({"params": {"n": float("nan")}}, "nan is no JSON number"),
        ({"params": {"n": {1, 2}}}, "a set has no JSON"),
        ({"params": {"text": "x" * 100_000}}, "params of pay have 100,011 bytes, at most 98,304"),
    ],
)
def test_what_could_not_be_decided_is_not_made(client, fields, fault):
    """Each mistake is named where it can be mended: at the agent."""
    given = {"run_id": "run-1", "params": {}} | fields
    with pytest.raises(IntentError, match=fault):
        client.intent(given["run_id"], "pay", given["params"], intent_id=given.get("intent_id"))


def test_params_nested_too_deep_are_refused(client):
    """The gate reads 32 levels."""
    params: dict = {}
    for _ in range(32):
        params = {"in": params}
    with pytest.raises(IntentError, match="nested deeper than 32"):
        client.intent("run-1", "pay", params)


def test_a_malformed_agent_id_is_refused_at_once(posted):
    """Every intent of such a client would be denied."""
    with pytest.raises(IntentError, match="agent_id"):
        Client(load(bootstrap_servers="nowhere:1"), KEY, "desk agent")


def test_an_intent_too_large_as_a_whole_is_not_sent(client, posted):
    """The topic's values have at most 96 KiB, whatever fills them; nobody waits for it afterwards."""
    intent = client.intent("run-1", "pay", {"text": "x" * 95_000}, reason="y" * 4_000)
    with pytest.raises(IntentError, match="at most 98304"):
        client.send(intent)
    assert posted.records == []


def test_a_sent_intent_is_keyed_by_its_run(client, posted):
    """Its value reads back, its key is the run, and its headers name the event."""
    intent = client.intent("run-1", "pay", {"a": 1}, intent_id="i-1")
    client.send(intent)
    [(topic, key, value, headers)] = posted.records
    assert (topic, key, Codec(Intent).decode(value)) == ("intents", b"run-1", intent)
    assert dict(headers)["ce_id"] == b"i-1"


def test_the_gate_believes_the_signature():
    """What the SDK signs is what the identity processor checks; another topic, key or value is not believed."""
    intent = Intent("i-1", "call", "acme", "billing_v1", "run-1", "desk", "pay")
    headers = signature(KEY, "intents", b"run-1", b"value")
    world = World(PolicySet("", {}, {}), ControlState(), Keyring.of([KEY]))

    def judged(topic: str, key: bytes, value: bytes) -> str:
        case = Case(Envelope(topic, 0, 0, 0, key, value, headers), intent, "")
        return identity(case, world).reasons[0].code

    assert judged("intents", b"run-1", b"value") == "UNKNOWN_WORKFLOW"  # believed; there is no policy here
    for moved in (
        ("results", b"run-1", b"value"),
        ("intents", b"run-2", b"value"),
        ("intents", b"run-1", b"x"),
    ):
        assert judged(*moved) == "BAD_IDENTITY"


def test_a_full_queue_leaves_nobody_waiting(client, posted):
    """The error is raised, and the same intent may be sent when there is room again."""
    intent = client.intent("run-1", "pay", {})
    posted.full = True
    with pytest.raises(NotSentError, match="full"):
        client.send(intent)
    posted.full = False
    assert not client.send(intent).outcome.done()


def test_a_record_that_kafka_refuses_ends_the_wait(client, posted):
    """Whoever waits for the outcome is told that there will be none."""
    ticket = client.send(client.intent("run-1", "pay", {}))
    posted.answer.set_exception(NotSentError("refused"))
    with pytest.raises(NotSentError, match="refused"):
        ticket.decided(0)


def test_a_ticket_has_the_digest_that_the_gate_will_name(client, posted):
    """What is compared with the outcome is made of the bytes that were sent."""
    ticket = client.send(client.intent("run-1", "pay", {"a": 1}))
    [(_, _, value, _)] = posted.records
    assert ticket.digest == Codec(Intent).read(value).digest


def test_answers_are_heard_before_the_intent_is_sent(client, posted):
    """In the run's own partition: the one that any Java client would have written to."""
    client.send(client.intent("run-1", "pay", {}))
    assert client._replies.heard == [partition_of(b"run-1", 8)]
    assert posted.partitions == client._replies.heard


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda client: client.usage("run-1", -1), "cost_micros is -1"),
        (lambda client: client.finish("run-1", "won"), "run_outcome is 'won'"),
        (lambda client: client.finish("run 1"), "run_id has ' '"),
    ],
)
def test_a_report_that_the_gate_would_deny_is_not_made(client, make, fault):
    """As with calls, each mistake is named at the agent."""
    with pytest.raises(IntentError, match=fault):
        make(client)


def test_reports_are_well_formed(client):
    """The gate's contract has nothing against them."""
    usage, finish = client.usage("run-1", 120), client.finish("run-1", "failed")
    assert (usage.kind, usage.declared_cost_micros) == ("usage", 120)
    assert (finish.kind, finish.run_outcome) == ("finish", "failed")
