"""Redis dies, comes back as it was, as it once was, empty, or does not answer: nothing is lost, nothing overspent."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from patience import until

if TYPE_CHECKING:
    from gate_site import Site

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real


@pytest.mark.parametrize("returns", ["with its data", "with older data", "empty"])
def test_killed_under_load_and_started_again(site: Site, hurt_stack: Stack, returns):
    """Whatever state Redis comes back in, the ledger is rebuilt from the log."""
    server = hurt_stack.redis
    site.worker().running()
    site.send(300)
    site.rest()
    older = server.data.with_name("older")
    shutil.rmtree(older, ignore_errors=True)
    if returns == "with older data":
        with site.redis() as client:
            client.bgrewriteaof()
            until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
        server.kill()
        shutil.copytree(server.data, older)
        server.start()
    load = site.start_load(seed=1)
    until(lambda: load.sent > 400, "some load")
    server.kill()
    if returns != "with its data":
        shutil.rmtree(server.data)
    if returns == "with older data":
        shutil.copytree(older, server.data)
    server.start()
    sent = load.sent
    until(lambda: load.sent > sent + 200, "more load")
    load.stop()
    events = site.check(approved=50)
    assert len({event.gen for event in events}) > 1


@pytest.mark.parametrize("command", ["FLUSHALL", "SCRIPT FLUSH"])
def test_emptied_while_it_runs(site: Site, command):
    """A ledger or a script that is gone is noticed by the next call, and rebuilt."""
    worker = site.worker().running()
    load = site.start_load()
    until(lambda: load.sent > 300, "some load")
    with site.redis() as client:
        client.execute_command(*command.split())
    sent = load.sent
    until(lambda: load.sent > sent + 200, "more load")
    load.stop()
    events = site.check(approved=50)
    assert len({event.gen for event in events}) > 1
    assert worker.metrics()["toolgate_recoveries_total"] >= 1


def test_silent_for_three_seconds(site: Site, hurt_stack: Stack):
    """Nothing is decided meanwhile, and the worker goes on by itself without a rebuild."""
    worker = site.worker().running()
    load = site.start_load()
    until(lambda: load.sent > 300, "some load")
    hurt_stack.redis.suspend()
    until(lambda: "UnavailableError" in worker.said(), "the worker to notice")
    hurt_stack.redis.resume()
    sent = load.sent
    until(lambda: load.sent > sent + 200, "more load")
    load.stop()
    events = site.check(approved=50)
    assert len({event.gen for event in events}) == 1


def test_recovery_begins_at_a_snapshot(site: Site):
    """After FLUSHALL the ledger is that of the snapshot and of what was decided since."""
    site.worker().running()
    site.send(300)
    site.rest()
    written = site.toolgate("snapshot", "--once", "--json")
    assert '"written": true' in written.stdout, written.stderr
    again = site.toolgate("snapshot", "--once", "--json")
    assert '"written": false' in again.stdout
    site.send(200, seed=1)
    with site.redis() as client:
        client.flushall()
    site.send(50, seed=2)
    events = site.check(approved=50)
    assert len({event.gen for event in events}) == 2


def test_refuses_a_redis_that_forgets(site: Site):
    """A wrong maxmemory-policy is named at the start, with exit code 4."""
    with site.redis() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            worker = site.worker()
            assert worker.ended() == 4
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert "maxmemory-policy is allkeys-lru, must be noeviction" in worker.said()
