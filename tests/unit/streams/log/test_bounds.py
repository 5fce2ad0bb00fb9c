"""Where a partition begins and ends, asked of a client that may have lost its broker."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from toolgate.streams.log.reading import bounds
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
        self.asked.append("offsets")
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
