"""A worker that dies or stands still: what it began is decided once, by whoever comes next."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from gate_site import RUN_INPUTS
from patience import until

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real


@pytest.mark.parametrize("point", ["decide:2", "produce:2", "commit:2", "take:1"])
def test_killed_at_a_point_and_started_again(site: Site, point):
    """Between decide and commit, before, and while taking over: each input has one decision afterwards."""
    site.send(400)
    first = site.worker(crash_at=point)
    assert first.ended() == -signal.SIGKILL
    site.worker().running()
    site.send(100, seed=1)
    site.check(approved=50)


def test_killed_in_the_middle_of_a_rebuild(site: Site):
    """A half-built ledger is never taken for a whole one: the next worker builds it anew."""
    site.send(300)
    site.worker().running()
    site.rest()
    site.workers[0].kill()
    assert site.toolgate("snapshot", "--once").returncode == 0
    site.send(100, seed=1)
    with site.redis() as client:
        client.flushall()
    assert site.worker(crash_at="finish").ended() == -signal.SIGKILL
    site.worker().running()
    site.check(approved=50)


def test_another_slot_takes_over(site: Site):
    """The partitions of a dead worker go to another, which fences what the dead one left open."""
    site.send(200)
    first = site.worker(0, crash_at="commit:2")
    second = site.worker(1)
    load = site.start_load(seed=1)
    assert first.ended() == -signal.SIGKILL
    second.running(2 * RUN_INPUTS + 1)
    load.stop()
    site.check(approved=50)
    assert second.stop() == 0


def test_two_workers_share_the_partitions_and_hand_them_over(site: Site):
    """A worker that leaves in order gives its partitions up; the other goes on without a rebuild."""
    first, second = site.worker(0), site.worker(1)
    load = site.start_load()
    first.running(RUN_INPUTS + 1)
    second.running(RUN_INPUTS)
    until(lambda: load.sent > 600, "some load")
    assert first.stop() == 0
    second.running(2 * RUN_INPUTS + 1)
    load.stop()
    events = site.check(approved=50)
    assert len({event.gen for event in events}) == 1


def test_stands_still_beyond_its_session_and_goes_on(site: Site):
    """What a worker wakes up with belongs to another by then: it adds nothing, and takes its part again."""
    first = site.worker(0).running(2 * RUN_INPUTS + 1)
    load = site.start_load()
    until(lambda: load.sent > 300, "some load")
    first.process.send_signal(signal.SIGSTOP)
    second = site.worker(1).running(2 * RUN_INPUTS + 1)
    first.process.send_signal(signal.SIGCONT)
    until(lambda: len(second.health().get("partitions", [])) <= RUN_INPUTS + 1, "the first to come back")
    first.running()
    load.stop()
    site.check(approved=50)


def test_two_workers_of_one_slot(site: Site):
    """One of them is thrown out, says so and ends with its own exit code; the other decides."""
    site.worker(0).running(2 * RUN_INPUTS + 1)
    site.worker(0)
    load = site.start_load()
    ended = until(lambda: [w for w in site.workers if w.process.poll() is not None], "one to end")
    assert [worker.process.poll() for worker in ended] == [11]
    assert "another process was started for slot 0" in ended[0].said()
    left = next(worker for worker in site.workers if worker not in ended)
    left.running(2 * RUN_INPUTS + 1)
    load.stop()
    site.check(approved=50)
