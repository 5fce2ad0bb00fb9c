"""Which offsets are stepped over, and when the consumer itself is to blame: the rules, with a scripted client."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import OFFSET_END, KafkaError, Message

from toolgate.streams.log.stalls import Finding, Stalls

HERE = ("intents", 0)
RECORD, END, BROKEN, SILENCE = "record", "end", "broken", None


class World:
    """A clock, a broker that tells ends, and probes whose answers are scripted by offset."""

    def __init__(self, script, end=20):
        self.now = 0.0
        self.end = end
        self.script = {OFFSET_END: END, **script}
        self.open_probes = 0
        reader = SimpleNamespace(topic=lambda name: f"t.{name}", consumer=self._probe)
        self.stalls = Stalls(reader, SimpleNamespace(list_offsets=self._list_offsets), clock=lambda: self.now)

    def run(self, seconds, position, *, drained=True):
        """Look every 100 ms; all findings."""
        found = []
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            found += self.stalls.look({HERE: position}, drained=drained)
        return found

    def first(self, position):
        """The first finding, and after how many seconds."""
        begun = self.now
        while self.now < begun + 60:
            if found := self.run(0.1, position):
                return found[0], self.now - begun
        raise AssertionError("nothing was found")

    def _list_offsets(self, places, **_):
        answers = {}
        for place in places:
            answers[place] = Future()
            answers[place].set_result(SimpleNamespace(offset=self.end))
        return answers

    def _probe(self):
        self.open_probes += 1
        return _Scripted(self)


class _Scripted:
    def __init__(self, world):
        self._world, self._offset = world, None

    def assign(self, places):
        self._offset = places[0].offset

    def poll(self, _):
        answer = self._world.script.get(self._offset, SILENCE)
        if answer is SILENCE:
            return None
        code = {END: KafkaError._PARTITION_EOF, BROKEN: KafkaError._BAD_COMPRESSION}.get(answer)
        return Message(topic="t.intents", error=None if code is None else KafkaError(code))

    def close(self):
        self._world.open_probes -= 1


def test_an_offset_that_silences_the_probe_blocks():
    """Behind the limit, with fetches answered before and after: stepped over, once."""
    world = World({5: SILENCE, 6: RECORD})

    found, seconds = world.first(5)

    assert found == Finding(HERE, 5, blocks=True, detail="the client falls silent at this offset")
    assert 2 < seconds < 5
    assert world.run(60, 6, drained=False) == []


def test_blocking_neighbours_are_found_by_the_same_probe():
    """An attacker's second record costs a fraction of the first."""
    world = World({5: SILENCE, 6: SILENCE, 7: BROKEN, 8: RECORD})
    world.first(5)

    found = [world.first(6), world.first(7)]

    assert [(finding.offset, finding.blocks) for finding, _ in found] == [(6, True), (7, True)]
    assert all(seconds < 1 for _, seconds in found)
    world.run(1, 8)
    assert world.open_probes == 0


@pytest.mark.parametrize(
    ("script", "end", "drained"),
    [
        ({5: END}, 20, True),
        ({5: SILENCE, OFFSET_END: SILENCE}, 20, True),
        ({5: SILENCE}, 5, True),
        ({5: RECORD}, 20, False),
    ],
    ids=[
        "only markers or aborted records up to the end",
        "fetches are not answered at all",
        "it stands at the last stable offset, below an open transaction",
        "its records wait behind those of others",
    ],
)
def test_nothing_is_stepped_over_without_proof(script, end, drained):
    """However long it lasts."""
    world = World(script, end)

    assert world.run(60, 5, drained=drained) == []


def test_a_consumer_that_stays_silent_about_readable_records_is_broken():
    """Not at once: a consumer may be reconnecting."""
    world = World({5: RECORD})

    assert world.run(9, 5) == []
    assert world.run(4, 5)[:1] == [Finding(HERE, 5, blocks=False, detail="the consumer does not deliver it")]


def test_a_partition_that_moves_again_is_not_suspect():
    """The probe is dropped with the suspicion."""
    world = World({5: SILENCE})
    while not world.open_probes:
        world.run(0.1, 5)

    assert world.run(1, 6) == []
    assert world.open_probes == 0


def test_an_error_is_looked_into_at_once_and_holds_its_partition():
    """Nothing behind it may be delivered before it is known what it is."""
    world = World({5: BROKEN, 6: RECORD})
    world.stalls.failed(HERE, 5, "_BAD_MSG")
    assert world.stalls.holds(HERE)

    assert world.run(0.5, 5)[:1] == [Finding(HERE, 5, blocks=True, detail="_BAD_MSG")]
    assert not world.stalls.holds(HERE)


@pytest.mark.parametrize("answer", [RECORD, END])
def test_an_error_that_another_consumer_does_not_get_is_the_consumers(answer):
    """What came behind it was held back and is lost to this consumer."""
    world = World({5: answer})
    world.stalls.failed(HERE, 5, "_BAD_MSG")

    assert world.run(0.5, 5) == [Finding(HERE, 5, blocks=False, detail="_BAD_MSG")]


def test_closing_closes_the_probes():
    """None outlives the log."""
    world = World({5: SILENCE})
    while not world.open_probes:
        world.run(0.1, 5)

    world.stalls.close()

    assert world.open_probes == 0
