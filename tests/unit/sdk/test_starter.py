"""The starter: what it writes, whom it believes, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest
from nacl.signing import SigningKey

from toolgate.processors.case import Envelope
from toolgate.processors.identity import check_contract
from toolgate.processors.keyring import Keyring, OperatorKey, StarterKey
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Outcome, RunContract
from toolgate.sdk import starter as module
from toolgate.sdk.errors import ContractRefusedError, IntentError, NoAnswerError, NotSentError, SdkError
from toolgate.sdk.sender import signature
from toolgate.sdk.starter import Starter
from toolgate.streams.settings import load

PAIR = SigningKey.generate()
KEY = StarterKey("starter-1", PAIR)


class Gate:
    """Takes the place of broker and gate: keeps what is sent, and answers with what it is told to."""

    partitions = 8

    def __init__(self) -> None:
        self.records: list[tuple] = []
        self.heard: list[int] = []
        self.hears = None
        self.answer = changed(Outcome("", "", 9, "RECORDED"))
        self.answers = True
        self.refuses = False

    def send(self, topic, record_key, value, headers, partition):
        """As `Sender.send`; the answer comes at once."""
        self.records.append((topic, record_key, value, partition))
        done: Future[None] = Future()
        if self.refuses:
            done.set_exception(NotSentError("no"))
            return done
        done.set_result(None)
        if self.answers:
            contract = Codec(RunContract).decode(value)
            of_another = changed(self.answer, intent_id=contract.contract_id, digest="0" * 32, verdict="DENY")
            self.hears.outcome(of_another)  # somebody else's intent of the same id
            self.hears.outcome(changed(of_another, digest=body_digest(value), verdict=self.answer.verdict))
        return done

    def poll(self):
        """Nothing is on its way."""

    def listen(self, partition):
        """As `Replies.listen`."""
        self.heard.append(partition)
        done: Future[None] = Future()
        done.set_result(None)
        return done


@pytest.fixture
def gate(monkeypatch):
    """Where the starter's records go instead of Kafka."""
    made = Gate()

    def replies(settings, hears, wire, tick, topics):
        assert topics == ("outcomes",)
        made.hears = hears
        return made

    monkeypatch.setattr(module, "Sender", lambda settings, key: made)
    monkeypatch.setattr(module, "Replies", replies)
    return made


@pytest.fixture
def starter(gate):
    """A starter without a broker."""
    return Starter(load(bootstrap_servers="nowhere:1"), KEY)


def contract(starter, **fields):
    """A contract of run r."""
    return starter.contract("r", "w", ["look"], **{"owner": "ann", **fields})


def test_it_goes_where_its_run_is_and_is_waited_for(starter, gate):
    """The answer's place is known before the record is sent, and nobody else's answer is taken for it."""
    made = contract(starter, values={"payees": ["bob"]}, max_calls=3)
    assert starter.publish(made).verdict == "RECORDED"
    home = partition_of(b"r", 8)
    assert gate.heard == [home]
    [(topic, key, value, partition)] = gate.records
    assert (topic, key, partition) == ("contracts", b"r", home)
    assert Codec(RunContract).decode(value) == made
    assert made.values == {"payees": ("bob",)}


def test_a_refused_contract_is_an_error(starter, gate):
    """Whoever overlooks it would start an agent that is not bound."""
    gate.answer = changed(gate.answer, verdict="DENY", codes=("CONTRACT_REFUSED",))
    with pytest.raises(ContractRefusedError, match="CONTRACT_REFUSED") as caught:
        starter.publish(contract(starter))
    assert caught.value.outcome.seq == 9


def test_one_that_was_sent_before_is_told_as_such(starter, gate):
    """What became of it then, the audit has said."""
    gate.answer = changed(gate.answer, verdict="DUPLICATE")
    assert starter.publish(contract(starter, contract_id="c1")).verdict == "DUPLICATE"


def test_nobody_waits_for_ever(starter, gate):
    """No answer in time; later ones are nobody's."""
    gate.answers = False
    with pytest.raises(NoAnswerError, match=r"within 0\.01 s"):
        starter.publish(contract(starter), 0.01)
    assert starter._awaited._open == {}


def test_what_kafka_does_not_take_is_told(starter, gate):
    """And nothing is waited for."""
    gate.refuses = True
    with pytest.raises(NotSentError):
        starter.publish(contract(starter))


def test_the_end_of_hearing_ends_all_waiting(starter):
    """As when the topic's records are gone."""
    answer = starter._awaited.expect("c1", "d")
    starter._awaited.fail(SdkError("gone"))
    with pytest.raises(SdkError, match="gone"):
        answer.result(0)


def test_a_coroutine_may_wait(starter):
    """Without blocking its loop."""
    assert asyncio.run(starter.publish_async(contract(starter))).verdict == "RECORDED"


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"owner": "a b"}, "owner has"), ({"contract_id": ""}, ""), ({"tenant": "a/b"}, "tenant has '/'")],
)
def test_what_the_gate_would_refuse_is_not_sent(starter, fields, says):
    """An empty id is one that was not given."""
    if says:
        with pytest.raises(IntentError, match=says):
            contract(starter, **fields)
    else:
        assert contract(starter, **fields).contract_id.startswith("contract-")


def test_its_signature_is_the_gates_proof():
    """Headers as the gate checks them."""
    ring = Keyring.of([OperatorKey("starter-1", bytes(PAIR.verify_key), frozenset({"starter"}))])
    headers = signature(KEY, "contracts", b"r", b"value")
    assert check_contract(ring, Envelope("contracts", 0, 1, 1, b"r", b"value", headers)) is None
    assert check_contract(ring, Envelope("contracts", 0, 1, 1, b"r", b"other", headers)) is not None
