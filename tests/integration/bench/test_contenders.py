"""The contenders on a real Kafka and Redis: a few intents each, and everything that they wrote about them."""

from __future__ import annotations

import pytest

from bench import throughput, workload
from bench.entrants import COPY, ECHO, FAUST, GATE, QUIX, QUIX_PYTHON
from bench.ground import Site
from bench.throughput import await_committed
from bench.twin import GENERATION, Twin
from toolgate import __version__
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command
from toolgate.streams.local.children import Child

INTENTS = 60
BATCH = 20
NO_QUIX = "Quix Streams has an environment of its own, made by `make bench`"


@pytest.fixture(scope="module")
def site(stack, tmp_path_factory):
    """The session's stack with the generated files, and batches that a few intents fill."""
    return Site(stack, tmp_path_factory.mktemp("bench"), batch_size=BATCH)


@pytest.fixture(scope="module")
def backlog():
    """Intents of as many runs."""
    return list(workload.intents(INTENTS, "t"))


@pytest.fixture
def written(site, backlog):
    """`written(entrant)`: what a contender wrote about the backlog: by topic and intent, with the intents."""

    def run(entrant):
        ground = site.ground(entrant.name)
        try:
            ground.preload(backlog)
            child = Child(entrant.title, ground.log)
            child.spawn(entrant.argv, ground.environment())
            try:
                await_committed(ground, entrant, child, len(backlog))
            finally:
                child.stop()
            log = ground.reader()
            found = {topic: list(log.read(topic)) for topic in ("intents", "commands", "audit")}
            log.close()
        finally:
            ground.remove()
        return found

    return run


def _by_place(envelopes, codec):
    """Each record's envelope and content by the partition and offset of its intent."""
    return {
        codec.decode(envelope.value).command_id: (envelope, codec.decode(envelope.value))
        for envelope in envelopes
    }


@pytest.mark.parametrize(
    "entrant",
    [
        ECHO,
        FAUST,
        pytest.param(QUIX, marks=pytest.mark.skipif(not QUIX_PYTHON.exists(), reason=NO_QUIX)),
    ],
    ids=lambda entrant: entrant.name,
)
def test_every_contender_writes_the_same_bytes(written, site, entrant):
    """One command and one audit event an intent, keys and headers as well; only their numbers are their own."""
    found = written(entrant)
    twin = Twin(site.policy_digest, __version__)
    commands, audits = (
        _by_place(found["commands"], Codec(Command)),
        _by_place(found["audit"], Codec(AuditEvent)),
    )
    assert len(found["intents"]) == len(commands) == len(audits) == INTENTS
    for intent in found["intents"]:
        place = f"{intent.partition}-{intent.offset}"
        (command, said), (audit, _) = commands[place], audits[place]
        made = twin.make(
            intent.partition, intent.offset, intent.time_ms, intent.value, intent.headers, said.seq
        )
        assert (command.value, audit.value) == (made.command, made.audit)
        assert (command.headers, audit.headers) == (made.command_headers, made.audit_headers)
        assert command.key == audit.key == intent.key


def test_the_gate_writes_what_the_others_write(written, site):
    """Field by field, but for running totals and the ledger's marks: a slimmer twin would be no match."""
    found = written(GATE)
    twin = Twin(site.policy_digest, __version__)
    commands, audits = (
        _by_place(found["commands"], Codec(Command)),
        _by_place(found["audit"], Codec(AuditEvent)),
    )
    assert len(commands) == len(audits) == INTENTS
    sizes = [0, 0]
    for intent in found["intents"]:
        (command, said), (audit, event) = (
            by[f"{intent.partition}-{intent.offset}"] for by in (commands, audits)
        )
        made = twin.make(intent.partition, intent.offset, event.clk, intent.value, intent.headers, event.seq)
        assert said == Codec(Command).decode(made.command)
        assert (command.headers, audit.headers) == (made.command_headers, made.audit_headers)
        assert _leveled(event) == _leveled(Codec(AuditEvent).decode(made.audit))
        sizes = [sizes[0] + len(audit.value), sizes[1] + len(made.audit)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def _leveled(event):
    """An audit event without what only a ledger can know."""
    return changed(
        event,
        gen=GENERATION,
        stable=0,
        visible=(),
        append_time=0,
        balances=tuple(changed(balance, used=0) for balance in event.balances),
    )


def test_a_speed_comes_from_what_the_broker_saw(site):
    """The sizes of all transactions, and a figure from the first to the last; the first may begin early."""
    speed = throughput.measure(site, COPY, list(workload.intents(20 * BATCH, "s")))
    assert sum(speed.batches) == 20 * BATCH
    assert set(speed.batches[1:-1]) == {BATCH}
    assert speed.per_s > 0
