"""What is at an offset, asked of a client that may still be told of the offset before."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from toolgate.streams.log import kafka as module
from toolgate.streams.log.places import Places
from toolgate.streams.ports import Assignment
from toolgate.streams.settings import Settings

HERE = ("intents", 0)
RESET, EOF = KafkaError._AUTO_OFFSET_RESET, KafkaError._PARTITION_EOF


class Told:
    """A message, or an error, at an offset."""

    def __init__(self, offset, error=None) -> None:
        self._offset, self._error = offset, error

    def error(self):
        """The error, if it is one."""
        return None if self._error is None else KafkaError(self._error)

    def offset(self):
        """Where."""
        return self._offset

    def __getattr__(self, name):
        known = {"timestamp": (2, 5), "key": b"k", "value": b"v", "topic": "p.intents", "partition": 0}
        return lambda: known.get(name)


class Asked:
    """Makes consumers that answer so, one after the other; `sent` is where they were sent."""

    trouble = None

    def __init__(self, *answers) -> None:
        self.answers, self.sent = list(answers), []

    def topic(self, name):
        """The broker's name."""
        return f"p.{name}"

    def consumer(self):
        """Itself."""
        return self

    def get_watermark_offsets(self, _place, _limit_s, *, cached):
        """Six records."""
        assert not cached
        return 0, 6

    def assign(self, places):
        """Where it is sent."""
        self.sent += [place.offset for place in places]

    def poll(self, _limit_s):
        """What it is given there."""
        return self.answers.pop(0)


def settled(*answers):
    """What comes of a record that says it is at 10, where 4 was expected; and where the client was sent."""
    asked = Asked(*answers)
    places = Places(asked)
    places.hold(HERE, Told(10))
    return places.settle(HERE, 4), asked.sent


def test_what_is_told_of_the_offset_before_says_nothing_of_this_one():
    """The honest record at 5 stands, though the client hears only there that nothing is at 11."""
    found, sent = settled(Told(10), Told(11, RESET), Told(5))
    assert [(record.offset, record.problem) for record in found.found] == [
        (4, "it says that it stands at offset 10"), (5, ""),
    ]  # fmt: skip
    assert sent[-2:] == [5, 5]


@pytest.mark.parametrize("last", [Told(5, RESET), Told(6, EOF), Told(5, EOF)])
def test_an_answer_about_the_offset_is_one(last):
    """Nothing is at 5."""
    found, _ = settled(Told(10), last)
    assert [record.offset for record in found.found] == [4, 5]
    assert found.found[-1].problem.startswith("undeliverable")


def test_a_client_that_tells_of_other_offsets_only_says_nothing():
    """They come again: nothing is put aside for that."""
    found, sent = settled(Told(10), *[Told(11, RESET)] * 3)
    assert (found.next, found.again) == (5, True)
    assert sent.count(5) == 3


class Consumer:
    """The gate's own: gives what it is to give in one go, and notes where it is sent."""

    def __init__(self) -> None:
        self.sent = []

    def assign(self, places):
        """Where it goes on."""
        self.sent.append([place.offset for place in places])

    def resume(self, _places):
        """Nothing is paused."""

    def position(self, places):
        """As it was sent."""
        return places


class NoStalls:
    """Looks into errors, and finds nothing."""

    def __init__(self) -> None:
        self.told = []

    def failed(self, *what):
        """An error of the undeliverable kind."""
        self.told.append(what)

    def holds(self, tp):
        """Until then nothing is delivered of it."""
        return any(tp == one[0] for one in self.told)

    def look(self, _positions, *, drained):
        """Nothing is found out."""
        assert drained
        return []


def test_what_is_held_is_delivered_before_an_error_behind_it_is_looked_into(monkeypatch):
    """All in one go: a marker's gap, two records, one that nobody can read, and one behind it."""
    log = module.KafkaLog(Settings(bootstrap_servers="nowhere:1", prefix="p"), lambda _: None)
    log._consumer, log._stalls = Consumer(), NoStalls()
    log._places = Places(Asked(Told(4)))
    log._assignment, log._next = Assignment(1, frozenset({HERE})), {HERE: 2}
    goes = [
        [Told(3), Told(4), Told(5, KafkaError._BAD_MSG), Told(6)],
        [Told(5, KafkaError._BAD_MSG), Told(6)],
    ]
    monkeypatch.setattr(module, "take", lambda *_: goes.pop(0))

    assert [record.offset for record in log.poll(100, 0)] == [3, 4]
    assert log._stalls.told == []
    assert log.poll(100, 0) == []
    assert log._consumer.sent == [[5]]
    assert [one[:2] for one in log._stalls.told] == [(HERE, 5)]
