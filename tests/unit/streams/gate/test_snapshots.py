"""The newest complete snapshot is found, whatever else lies on its topic."""

from __future__ import annotations

import zlib

import orjson

from toolgate.streams.gate import snapshots
from toolgate.streams.gate.segments import Chain
from toolgate.streams.gate.snapshots import Snapshot
from toolgate.streams.ledger.rows import reservations, reserved
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import Output

PART = ["run:r:usd", "usd", 3, 10, "release", 60]
RESERVATIONS = {
    "0-1": [1, 2, "d", "t", [], "", []],
    "0-2": [1, 9, "d", "t", [PART], "", [["run:r:records", 3_600_000, 60]]],
    "0-3": [2, 9, "d", "t", [PART], "spent", []],
}


def broker() -> Broker:
    """A broker with the snapshot topic."""
    return Broker(1, ("intents", "results", "audit"), ("control", "snapshots", "seen"))


def snapshot(seq: int, accounts: int = 3) -> Snapshot:
    """A snapshot with some accounts."""
    rows = {f"n:{'x' * 200}{n}": [n, 1, 0] for n in range(accounts)}
    held = list(reserved(RESERVATIONS.items(), 5, 100))
    positions, chain = [(0, 1), (5, 3)], Chain("name", {0: 2})
    return Snapshot(
        seq, 5, rows, held, {0: 9}, {4: 2}, positions, {("intents", 0): 8}, {0: {0: 3, -9: 1}}, chain
    )


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


def test_reservations_come_back_as_they_were():
    """In parts, each with what time will give back: of those that have not ended and not expired."""
    parts = list(reserved(RESERVATIONS.items(), 5, 1))
    assert len(parts) == len(RESERVATIONS)
    assert reservations(parts) == RESERVATIONS
    assert [part.due for part in parts] == [[], [["run:r:usd", "0-2", 9, 3]], []]


def test_one_that_an_earlier_version_wrote_is_read():
    """It was JSON; who upgrades must not fold the audit from its beginning."""
    cluster, wanted = broker(), snapshot(7)
    rows = (
        {"accounts": wanted.accounts, "reservations": {}},
        {"accounts": {}, "reservations": RESERVATIONS},
        {
            "end": 2,
            "seq": 7,
            "clk": 5,
            "read_from": {"0": 9},
            "after": {"4": 2},
            "positions": [[0, 1], [5, 3]],
            "next": [["intents", 0, 8]],
        },
    )
    for row in rows:
        value = zlib.compress(orjson.dumps({"version": 2, **row}), 1)
        cluster.append(Output("snapshots", 0, b"7", value))
    found = latest(cluster)
    assert found is not None
    assert reservations(found.reserved) == RESERVATIONS
    assert (found.seq, found.clk, found.accounts, found.next) == (7, 5, wanted.accounts, wanted.next)
    assert (found.chain, found.horizon()) == (None, {0: 9})


def test_ids_are_looked_for_in_the_audit_as_far_back_as_they_are_remembered():
    """Not from the first event of a bucket that is forgotten."""
    assert snapshot(7).horizon() == {0: 3}


def test_the_newest_complete_one_counts():
    """An unfinished one after it, and rubbish, are passed over."""
    cluster = broker()
    for seq in (7, 8):
        for output in snapshots.outputs(snapshot(seq)):
            cluster.append(output)
    for output in snapshots.outputs(snapshot(9))[:-1]:
        cluster.append(output)
    for output in snapshots.outputs(snapshot(10, accounts=6000))[2:]:
        cluster.append(output)
    cluster.append(Output("snapshots", 0, b"x", b"rubbish"))
    cluster.append(Output("snapshots", 0, b"x", None))
    found = latest(cluster)
    assert found is not None
    assert found.seq == 8


def test_one_of_very_many_parts_is_read_from_where_it_begins(monkeypatch):
    """Not from eight times as far: what lies there is older snapshots, hundreds of megabytes of them."""
    monkeypatch.setattr(snapshots, "PART_BYTES", 200)
    cluster, written = broker(), snapshot(8, accounts=100)
    earlier = snapshots.outputs(snapshot(7, accounts=900))
    for output in (*earlier, *snapshots.outputs(written)):
        cluster.append(output)
    begins = []
    log = MemoryLog(cluster, lambda _: None)
    read = log.read
    log.read = lambda topic, start: (begins.append(start[0]), read(topic, start))[1]
    assert snapshots.latest(log) == written
    assert begins == [cluster.stable(("snapshots", 0)) - snapshots.FIRST_LOOK, len(earlier)]


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
