"""A record that kills whoever reads it is put aside, and its partition moves on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import poisoned
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from toolgate.streams.gate.careful import Marker
from toolgate.streams.ports import UnavailableError

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real
FAULTY = (poisoned.__file__,)


def test_is_quarantined_unread_after_it_has_killed_twice(site: Site):
    """The first death tells nothing, the second one which record it was; the third worker puts it aside."""
    site.send(100)
    site.send_raw("intents", b"run-x", poisoned.WORD)
    site.send(100, seed=1)
    for _ in range(2):
        assert site.worker(program=FAULTY).ended() == -signal.SIGSEGV
    third = site.worker(program=FAULTY).running()
    events = site.check(approved=20)
    [bad] = [event for event in events if event.verdict == "QUARANTINE"]
    assert [reason.code for reason in bad.reasons] == ["KILLS_ITS_READER"]
    assert [envelope.value for envelope in site.envelopes("quarantine")] == [poisoned.WORD]
    assert third.stop() == 0


def test_deaths_of_another_kind_put_nothing_aside(site: Site):
    """A worker killed again and again, but not while it reads, leaves no note."""
    site.send(150)
    for point in ("decide", "commit:1", "produce"):
        assert site.worker(crash_at=point).ended() == -signal.SIGKILL
    site.worker().running()
    events = site.check(approved=20)
    assert not [event for event in events if event.verdict == "QUARANTINE"]


def test_a_mark_tells_of_a_death_and_of_another_process(redis_client: redis.Redis, bare_prefix: str):
    """Orderly ends leave nothing; a mark that a rebuild has wiped is made again."""
    tag = f"{{{bare_prefix}}}"
    first = Marker(redis_client, tag, 0, "one")
    assert not first.begin()
    first.end()
    assert not Marker(redis_client, tag, 0, "two").begin()
    third = Marker(redis_client, tag, 0, "three")
    assert third.begin()
    assert not Marker(redis_client, tag, 1, "four").begin()
    redis_client.delete(f"{tag}running")
    assert third.mine()
    assert Marker(redis_client, tag, 0, "five").begin()
    assert not third.mine()
    third.end()
    assert redis_client.hget(f"{tag}running", "0") == b"five"


def test_a_note_stays_only_where_reading_never_ended(redis_client: redis.Redis, bare_prefix: str):
    """A body that ends, or waits for somebody else, has not died; one that raises may as well have."""
    tag = f"{{{bare_prefix}}}"
    marker = Marker(redis_client, tag, 0, "one")
    with marker.note("a"):
        assert redis_client.smembers(f"{tag}notes:0") == {b"a"}
    with pytest.raises(UnavailableError), marker.note("b"):
        raise UnavailableError
    with pytest.raises(RuntimeError), marker.note("c"):
        raise RuntimeError
    after = Marker(redis_client, tag, 0, "two")
    after.begin()
    assert after.died_at == {"c"}


def test_redis_that_does_not_answer_is_unavailable():
    """The worker pauses and asks again, as it does for the ledger."""
    client = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    with pytest.raises(UnavailableError):
        Marker(client, "{t}", 0, "one").begin()
