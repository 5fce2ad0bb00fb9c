"""Where a partition begins and ends, asked of a client that may have lost its broker."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition

from toolgate.streams.log.reading import at_time, bounds
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import RetryError

PLACE = TopicPartition("p.audit", 0)
UNKNOWN = KafkaError._UNKNOWN_PARTITION


class Client:
    """A consumer that gives these answers, one after the other, and the last one again."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get_watermark_offsets(self, _place, _limit_s, *, cached):
        """Offsets, or an error."""
        return self._answer("offsets")

    def offsets_for_times(self, _places, _limit_s):
        """The first offset at a time or an error, as the client tells them of a partition; or an error of all."""
        offset, error = self._answer("times")
        return [SimpleNamespace(offset=offset, error=None if error is None else KafkaError(error))]

    def _answer(self, asked):
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer

    def list_topics(self, topic, _limit_s):
        """The broker is asked about a topic."""
        self.asked.append(topic)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def found(client, limit_s=1.0):
    """What is learnt through a client."""
    return bounds(client, PLACE, limit_s, Trouble())


def test_a_client_that_has_forgotten_a_topic_is_made_to_ask():
    """Once its broker was away it says that it knows no such partition, and would ask again only after minutes."""
    client = Client(UNKNOWN, (3, 9))
    assert found(client) == (3, 9)
    assert client.asked == ["offsets", "p.audit", "offsets"]


def test_it_is_made_to_ask_once():
    """What is not there then is not there."""
    client = Client(UNKNOWN)
    with pytest.raises(RetryError, match=r"p\.audit\[0\]"):
        found(client)
    assert client.asked == ["offsets", "p.audit", "offsets"]


def test_a_leader_that_moves_is_waited_for():
    """It is over in a moment."""
    client = Client(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, (0, 1))
    assert found(client) == (0, 1)
    assert client.asked == ["offsets"] * 3


@pytest.mark.parametrize("answer", [None, KafkaError.TOPIC_AUTHORIZATION_FAILED])
def test_whatever_else_is_told(answer):
    """No answer, and a refusal."""
    with pytest.raises(RetryError):
        found(Client(answer))


@pytest.mark.parametrize(("offset", "expected"), [(7, 7), (OFFSET_END, None)])
def test_a_time_has_an_offset_or_lies_behind_the_last(offset, expected):
    """Also where the leader is only about to be known: the client tells of it for all or for the one partition."""
    moves = KafkaError.NOT_LEADER_FOR_PARTITION
    client = Client(moves, (-1, moves), (offset, None))
    assert at_time(client, PLACE, 1, 1.0, Trouble()) == expected
    assert client.asked == ["times"] * 3


def test_a_time_that_may_not_be_asked_for_is_told():
    """As for offsets."""
    with pytest.raises(RetryError, match=r"p\.audit\[0\]"):
        at_time(Client((-1, KafkaError.TOPIC_AUTHORIZATION_FAILED)), PLACE, 1, 1.0, Trouble())
