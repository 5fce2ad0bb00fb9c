"""The newest complete snapshot is found, whatever else lies on its topic."""

from __future__ import annotations

from toolgate.streams.gate import snapshots
from toolgate.streams.gate.snapshots import Snapshot
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import Output


def broker() -> Broker:
    """A broker with the snapshot topic."""
    return Broker(1, ("intents", "results", "audit"), ("control", "snapshots"))


def snapshot(seq: int, accounts: int = 3) -> Snapshot:
    """A snapshot with some accounts."""
    rows = {f"n:{'x' * 200}{n}": [n, 1, 0] for n in range(accounts)}
    state = {"clk": 5, "accounts": rows, "reservations": {"0-1": [1, 2, "d", "t", [], "", []]}}
    return Snapshot(seq, state, {0: 9}, {4: 2}, [(0, 1), (5, 3)], {("intents", 0): 8})


def latest(cluster: Broker) -> Snapshot | None:
    """What a recovery finds."""
    return snapshots.latest(MemoryLog(cluster, lambda _: None))


def test_nothing_is_found_where_nothing_is():
    """A recovery then folds the audit from its beginning."""
    assert latest(broker()) is None


def test_a_snapshot_comes_back_as_it_was_written():
    """Also one of many parts."""
    cluster, written = broker(), snapshot(7, accounts=6000)
    outputs = snapshots.outputs(written)
    assert len(outputs) > 3
    for output in outputs:
        cluster.append(output)
    assert latest(cluster) == written


def test_the_newest_complete_one_counts():
    """An unfinished one after it, and rubbish, are passed over."""
    cluster = broker()
    for seq in (7, 8):
        for output in snapshots.outputs(snapshot(seq)):
            cluster.append(output)
    for output in snapshots.outputs(snapshot(9))[:-1]:
        cluster.append(output)
    cluster.append(Output("snapshots", 0, b"x", b"rubbish"))
    cluster.append(Output("snapshots", 0, b"x", None))
    found = latest(cluster)
    assert found is not None
    assert found.seq == 8


def test_it_is_found_behind_much_that_came_later():
    """The search goes on towards the beginning."""
    cluster = broker()
    for output in snapshots.outputs(snapshot(7)):
        cluster.append(output)
    for n in range(500):
        cluster.append(Output("snapshots", 0, b"y", b"%d" % n))
    found = latest(cluster)
    assert found is not None
    assert found.seq == 7
