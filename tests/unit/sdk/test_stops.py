"""Stops: what counts of the control topic, how often it is looked at, and what holds when it cannot be."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from toolgate.processors.case import Envelope
from toolgate.processors.keyring import Keyring, OperatorKey, framed
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Command, Control
from toolgate.sdk import stops as module
from toolgate.sdk.stops import UNKNOWN, Stops
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import load

SEEDS = {"o1": b"1" * 32, "o2": b"2" * 32}
KEYRING = Keyring.of(
    OperatorKey(kid, bytes(SigningKey(seed).verify_key), frozenset({"operator"}))
    for kid, seed in SEEDS.items()
)
COMMAND = Command(
    "0-1", "i1", 1, 0, "acme", "w", "r1", "a1", "pay", "1", "{}", "d", "p", False, 0, 1, 0, system="bank"
)  # fmt: skip


class Topic:
    """A control topic, its tail, and a clock."""

    def __init__(self) -> None:
        self.records: list[Envelope] = []
        self.asked: list[int] = []
        self.away = False
        self.now = 100.0
        self.codec = Codec(Control)
        self.closed = 0

    def since(self, position):
        """As `ControlTail.since`."""
        self.asked.append(position)
        if self.away:
            self.now += 2
            raise RetryError("no offsets in 2.0 s")
        return self.records[position:], len(self.records)

    def close(self):
        """As `ControlTail.close`."""
        self.closed += 1

    def write(self, kind, scope, value, *signers, control_id="c-1"):
        """A record, signed by these."""
        control = Control(control_id, kind, scope, value, "because", signers, version=len(self.records))
        data = self.codec.encode(control)
        headers: tuple[tuple[str, bytes], ...] = ()
        for place, kid in enumerate(signers, start=1):
            suffix = "" if place == 1 else f"-{place}"
            signature = SigningKey(SEEDS[kid]).sign(framed("control", b"k", data)).signature
            headers += ((KID + suffix, kid.encode()), (MAC + suffix, signature))
        self.records.append(Envelope("control", 0, len(self.records), 1, b"k", data, headers))


@pytest.fixture
def topic(monkeypatch):
    """What the stops read instead of Kafka."""
    one = Topic()
    monkeypatch.setattr(module, "ControlTail", lambda reader, name, limit_s, clock: one)
    return one


def stops(topic, keyring=None):
    """Stops over the topic and its clock."""
    return Stops(load(bootstrap_servers="nowhere:1"), keyring, lambda: topic.now)


@pytest.mark.parametrize(
    ("scope", "value", "stopped"),
    [
        ("all", "", True),
        ("tenant", "acme", True),
        ("workflow", "w", True),
        ("workflow", "acme/w", True),
        ("run", "r1", True),
        ("agent", "a1", True),
        ("tool", "pay", True),
        ("system", "bank", True),
        ("system", "mail", False),
        ("tenant", "other", False),
        ("workflow", "other/w", False),
    ],
)
def test_a_kill_stops_what_it_names(topic, scope, value, stopped):
    """Every scope that the gate knows, by the names that the command carries."""
    topic.write("kill", scope, value)
    assert bool(stops(topic).why(COMMAND)) is stopped


def test_says_who_stopped_it_and_why(topic):
    """The sentence becomes the error of the command's end."""
    topic.write("kill", "run", "r1", control_id="c-7")
    assert stops(topic).why(COMMAND) == "run r1 was stopped by c-7: because"


def test_looks_again_after_a_quarter_of_a_second_and_reads_only_what_is_new(topic):
    """One question to the broker serves all commands in between."""
    watching = stops(topic)
    assert watching.why(COMMAND) == ""
    topic.write("kill", "run", "r1")
    topic.now += 0.24
    assert watching.why(COMMAND) == ""
    topic.now += 0.02
    assert watching.why(COMMAND)
    topic.write("lift", "run", "r1")
    topic.now += 0.3
    assert watching.why(COMMAND) == ""
    assert topic.asked == [0, 0, 1]


def test_what_cannot_be_learnt_counts_as_stopped(topic):
    """And the wait in vain is not repeated for each command that stands in line."""
    watching = stops(topic)
    assert watching.why(COMMAND) == ""
    topic.away = True
    topic.now += 1
    assert watching.why(COMMAND) == watching.why(COMMAND) == UNKNOWN
    assert len(topic.asked) == 2
    topic.away = False
    topic.now += 0.3
    assert watching.why(COMMAND) == ""


@pytest.mark.parametrize(
    ("kind", "signers", "counts"),
    [
        ("kill", (), False),
        ("kill", ("o1",), True),
        ("lift", ("o1",), False),
        ("lift", ("o1", "o2"), True),
    ],
)
def test_with_a_keyring_only_what_operators_signed_counts(topic, kind, signers, counts):
    """A lift needs two of them, as at the gate."""
    watching = stops(topic, KEYRING)
    if kind == "lift":
        topic.write("kill", "run", "r1", "o1")
    topic.write(kind, "run", "r1", *signers)
    assert bool(watching.why(COMMAND)) is (counts == (kind == "kill"))


def test_what_cannot_be_read_is_passed_over(topic):
    """The gate puts it aside as well; what stands behind it still counts."""
    topic.records.append(Envelope("control", 0, 0, 1, None, b"junk"))
    topic.records.append(Envelope("control", 0, 1, 0, None, None, (), "headers"))
    topic.write("kill", "run", "")
    topic.write("kill", "all", "")
    assert stops(topic).why(COMMAND) == "everything was stopped by c-1: because"


def test_after_closing_it_goes_on_where_it_was(topic):
    """An executor that runs again knows the kills of before."""
    topic.write("kill", "run", "r1")
    watching = stops(topic)
    assert watching.why(COMMAND)
    watching.close()
    assert watching.why(COMMAND)
    assert (topic.closed, topic.asked) == (1, [0, 1])


def test_a_kill_with_an_id_of_the_schema_registry_counts(topic, registry):
    """The gate and the CLI write such ids where one is set."""
    topic.codec = Codec(Control, registry)
    topic.write("kill", "run", "r1")
    settings = load(bootstrap_servers="nowhere:1", schema_registry_url="mock://schemas")
    assert Stops(settings, None, lambda: topic.now).why(COMMAND) == "run r1 was stopped by c-1: because"


def test_what_only_the_schema_registry_could_read_counts_as_a_stop(topic, undecided):
    """It may be a kill: it is looked at until it can be read, and what came before it is not read twice."""
    watching = stops(topic)
    readable, watching._codec = watching._codec, undecided(Control)
    topic.write("kill", "run", "other")
    topic.records.append(Envelope("control", 0, 1, 1, b"k", b"\x00\x00\x00\x00\x09x"))
    for _ in range(2):
        assert watching.why(COMMAND) == UNKNOWN
        topic.now += 0.3
    watching._codec = readable
    topic.records.pop()
    topic.write("kill", "run", "r1")
    assert watching.why(COMMAND) == "run r1 was stopped by c-1: because"
    assert topic.asked == [0, 1, 1]
