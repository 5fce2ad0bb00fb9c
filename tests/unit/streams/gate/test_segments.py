"""Ids of first decisions come from a chain of segments, or, where that is not whole, from the audit."""

from __future__ import annotations

import itertools

import pytest

from toolgate.streams.gate import segments
from toolgate.streams.gate.segments import NO_SEGMENTS, Chain, NewIds
from toolgate.streams.ledger.accounts import BUCKET_MS
from toolgate.streams.ledger.rows import parse_ids
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import Output, Seen


def written(cluster: Broker, chain: Chain, *born: int, oldest: int = 0) -> Chain:
    """The chain behind one more segment, with an id for each of these buckets."""
    new = NewIds()
    for bucket in born:
        seq = next(_seqs)
        new.add(Seen(seq, bucket * BUCKET_MS, "intents", 0, seq, True, f"i{seq}", "d", f"of {bucket}"))
    chain, segment = new.segment(chain, oldest, cluster.stable((segments.TOPIC, 0)))
    for output in segments.outputs(segment):
        cluster.append(output)
    return chain


_seqs = itertools.count(1)


def broker() -> Broker:
    """A broker with the topic of segments."""
    return Broker(1, (), ("seen",))


def found(cluster: Broker, chain: Chain, oldest: int) -> list[int] | None:
    """The buckets of the ids that a recovery finds, or None."""
    looking = segments.look(MemoryLog(cluster, lambda _: None), chain, oldest)
    while True:
        try:
            next(looking)
        except StopIteration as done:
            parts = done.value
            return parts and sorted(born for part in parts for born, _, _ in parse_ids(segments.ids(part)))


def test_every_segment_that_is_still_remembered_is_found(monkeypatch):
    """Of many parts or one; what came later than the chain's newest does not belong to it."""
    monkeypatch.setattr(segments, "PART_IDS", 2)
    cluster = broker()
    chain = written(cluster, written(cluster, NO_SEGMENTS, 1, 1, 2, 2, 2), 2, 3)
    assert written(cluster, chain) == chain
    written(cluster, chain, 3, 3)
    assert found(cluster, chain, 0) == [1, 1, 2, 2, 2, 2, 3]
    assert found(cluster, chain, 2) == [1, 1, 2, 2, 2, 2, 3]
    assert found(cluster, chain, 3) == [2, 3]
    assert found(cluster, chain, 4) == []
    assert found(cluster, NO_SEGMENTS, 0) == []


def test_segments_that_are_forgotten_may_be_deleted():
    """The chain is whole without those of which no id is remembered."""
    cluster = broker()
    first = written(cluster, NO_SEGMENTS, 1)
    chain = written(cluster, written(cluster, first, 5, oldest=1), 6, oldest=2)
    assert chain.begins == {5: 2, 6: 4}
    cluster.log["seen", 0][:2] = [cluster.log["seen", 0][-1]] * 2
    assert found(cluster, Chain(chain.name, {1: 0, **chain.begins}), 5) == [5, 6]
    assert found(cluster, Chain(chain.name, {1: 0, **chain.begins}), 1) is None


@pytest.mark.parametrize("damage", ["lost", "cut", "changed", "foreign", "all"])
def test_a_chain_that_is_not_whole_is_not_taken(damage):
    """Whichever of its records is missing or another's: half of the ids would let the other half be used again."""
    for at in range(6):
        cluster = broker()
        chain = NO_SEGMENTS
        for born in (1, 1, 2):
            chain = written(cluster, chain, born)
        log, tp = cluster.log["seen", 0], ("seen", 0)
        outputs = [Output("seen", 0, e.key, e.value) for e in cluster.visible(tp, 0)]
        log.clear()
        match damage:
            case "lost":
                del outputs[at]
            case "cut":
                del outputs[at // 2 * 2 : at + 1]
            case "changed":
                outputs[at] = Output("seen", 0, outputs[at].key, (outputs[at].value or b"") + b" ")
            case "foreign":
                outputs.insert(at, Output("seen", 0, outputs[at].key, outputs[at].value))
            case _:
                outputs.clear()
        for output in outputs:
            cluster.append(output)
        assert found(cluster, chain, 0) is None
