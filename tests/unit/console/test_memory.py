"""What the server keeps: sessions, attempts, open pages; each with a bound."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from console_site import NOW, PEOPLE, hold
from patience import until
from silent import Silent

from toolgate.console import app, attempts, sessions
from toolgate.console.events import _stream
from toolgate.console.hub import STREAMS_MAX, Hub
from toolgate.console.people import Person
from toolgate.console.serving import REQUESTS_MAX
from toolgate.console.site import PAGES
from toolgate.console.tailing import Tailing
from toolgate.console.views import TOPICS, Views
from toolgate.processors.case import Envelope
from toolgate.streams import topics
from toolgate.streams.ports import RetryError


def test_a_session_has_an_end_whatever_is_done(clock):
    """Eight hours."""
    kept = sessions.Sessions(clock)
    made = kept.open(PEOPLE["bob"])
    for _ in range(int(sessions.LONGEST_S // 600)):
        assert kept.find(made.id) is made
        clock.now += 600
    clock.now += 1
    assert kept.find(made.id) is None


def test_a_key_is_forgotten_with_its_session(clock):
    """Also where nobody comes back to it."""
    kept = sessions.Sessions(clock, idle_s=60)
    kept.open(PEOPLE["bob"])
    clock.now += 40
    late = kept.open(PEOPLE["eve"])
    clock.now += 30
    kept.sweep()
    assert list(kept._open.values()) == [late]


def test_so_many_are_open_and_no_more(clock):
    """The one that was used longest ago ends."""
    kept = sessions.Sessions(clock)
    first = kept.open(PEOPLE["bob"])
    others = [kept.open(Person(f"p{n}")) for n in range(sessions.OPEN_MAX - 1)]
    assert kept.find(first.id)
    kept.open(PEOPLE["eve"])
    assert kept.find(first.id)
    assert kept.find(others[0].id) is None


def test_nobody_signs_others_out_by_signing_in(clock):
    """Beyond so many of one person, the one of theirs that was used longest ago ends."""
    kept = sessions.Sessions(clock)
    first = kept.open(PEOPLE["bob"])
    theirs = [kept.open(PEOPLE["eve"]) for _ in range(sessions.OPEN_MAX)]
    assert kept.find(first.id)
    assert [one for one in theirs if kept.find(one.id)] == theirs[-sessions.EACH_MAX :]


def test_a_session_shows_no_secret():
    """Neither its id nor its key, when it is logged by mistake."""
    kept = sessions.Sessions(lambda: 0.0)
    made = kept.open(PEOPLE["bob"])
    assert made.id not in repr(made)
    assert bytes(PEOPLE["bob"].key.pair).hex() not in repr(made)


def test_waits_grow_to_a_limit_and_are_forgotten(clock):
    """Two seconds, four, eight; a quarter of an hour at most."""
    tried = attempts.Attempts(clock)
    waits = []
    for _ in range(20):
        tried.failed("bob")
        waits.append(tried.wait_s("bob", "somewhere"))
    assert waits[:8] == [0, 0, 0, 0, 2, 4, 8, 16]
    assert waits[-1] == attempts.WAIT_S_MAX
    clock.now += attempts.FORGOTTEN_S + 1
    assert tried.wait_s("bob") == 0


def test_an_address_waits_for_all_its_names(clock):
    """Trying one password with many names is no way round."""
    tried = attempts.Attempts(clock)
    for n in range(attempts.FREE):
        tried.failed(f"name {n}", "address x")
    assert tried.wait_s("name 99", "address x") > 0
    assert tried.wait_s("name 0", "address y") == 0
    tried.succeeded("address x")
    assert tried.wait_s("address x") == 0


def test_attempts_have_a_bound(clock):
    """Whoever makes up names does not fill the memory."""
    tried = attempts.Attempts(clock)
    for n in range(attempts.KNOWN_MAX + 50):
        tried.failed(f"n{n}")
    assert len(tried._failed) == attempts.KNOWN_MAX


def test_open_pages_are_told_once_of_what_changed():
    """By name, gathered; whoever has left is told nothing."""

    async def run() -> None:
        hub = Hub()
        hub.publish(["queue"])  # nobody listens yet
        hub.begin()
        here, gone = hub.subscribe(), hub.subscribe()
        hub.leave(gone)
        await asyncio.to_thread(hub.publish, ("queue", "near"))
        await asyncio.to_thread(hub.publish, ("queue",))
        assert await here.changed(5) == ["near", "queue"]
        assert await here.changed(0.01) == []
        assert await gone.changed(0.01) == []

    asyncio.run(run())


def test_a_stream_ends_with_its_session(front, clock):
    """And keeps none open."""
    front.as_("bob")
    session = next(iter(front.site.sessions._open.values()))

    async def read() -> list[str]:
        stream = _stream(front.site, session)
        first = await anext(stream)
        assert session.streams == 1
        front.site.hub._tell(("queue",))
        told = await anext(stream)
        clock.now += sessions.IDLE_S + 1
        return [first, told, *[each async for each in stream]]

    told = asyncio.run(read())
    assert told[1:] == ["event: queue\ndata: \n\n", "event: ended\ndata: \n\n"]
    assert session.streams == 0


def test_one_session_has_so_many_streams(front):
    """More are refused."""
    front.as_("bob")
    next(iter(front.site.sessions._open.values())).streams = 12
    assert front.client.get("/events").status_code == 429


def test_open_pages_leave_room_to_decide():
    """Each holds one of the requests that a server takes at a time."""
    assert STREAMS_MAX + 100 <= REQUESTS_MAX


def test_a_topic_that_fails_is_told_and_tried_again(monkeypatch):
    """Kafka away, or a fault of ours: the view says so, and goes on when it can."""
    views = Views()
    tried: list[str] = []

    def fails(self, topic, at):
        tried.append(topic)
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(Tailing, "_read", fails)
    monkeypatch.setattr("toolgate.console.tailing._PAUSE_S_FIRST", 0.001)
    monkeypatch.setattr("toolgate.console.tailing.TOPICS", ("denials",))
    with Tailing(None, views, 0):
        until(lambda: len(tried) >= 3, "three attempts")
    assert views.not_current("near") == ["denials: ZeroDivisionError while reading"]


def test_every_page_is_told_of_what_it_shows():
    """A page whose view no topic changes would grow old in silence."""
    views = Views()
    assert [here for here, _, _, _ in PAGES if not views.not_current(here)] == []


def test_its_role_has_the_topics_that_it_needs():
    """It reads what its views are made of, the intents that are voted on and what people say; it writes the latter."""
    assert {topic.name for topic in topics.TOPICS if "console" in topic.readers} == {
        *TOPICS,
        "intents",
        "votes",
    }
    assert {topic.name for topic in topics.TOPICS if "console" in topic.writers} == {"votes", "control"}


@pytest.mark.parametrize("topic", ["holds", "drafts", "denials", "audit"])
def test_what_a_silent_registry_does_not_tell_is_no_noise(topic):
    """A record that may be good is not passed over: it is read again, and the page says so until then."""
    views = Views(Silent())
    with pytest.raises(RetryError, match="nobody is there"):
        views.take(topic, [Envelope(topic, 0, 0, 1, b"k", b"\x00\x00\x00\x00\x07" + b"x" * 8)])


@pytest.mark.parametrize("topic", TOPICS)
def test_noise_is_passed_over(topic):
    """Only the gate writes there; what cannot be read is nothing."""
    views = Views()
    views.take(topic, [Envelope(topic, 0, 0, 1, b"k", b"noise"), Envelope(topic, 0, 1, 1, None, None)])
    assert views.queue.items(0) == []


def test_what_becomes_overdue_is_told_to_open_pages(front, monkeypatch):
    """No record says so: only time passes. It is told once."""
    monkeypatch.setattr(app, "_SWEEP_S", 0.01)
    front.feed(hold())
    [item] = front.site.views.queue.items(NOW)
    times = [item.answer_by_ms - 1]
    site = replace(front.site, now_ms=lambda: times[-1], hub=Hub())

    async def told() -> list[list[str]]:
        site.hub.begin()
        page, sweeping = site.hub.subscribe(), asyncio.create_task(app._sweep(site))
        await asyncio.sleep(0)
        times.append(item.answer_by_ms)
        found = [await page.changed(30), await page.changed(0.2)]
        sweeping.cancel()
        return found

    assert asyncio.run(told()) == [["queue"], []]
