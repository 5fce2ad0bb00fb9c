"""Hostile batches: refused by the broker on a topic as we make it, survived by the gate on one that was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from hostile_batches import BOMBS, REFUSED, Bomb, Refused
from patience import until
from raw_produce import NONE, Answer, produce

from toolgate.streams import topic_admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostile_ground import Ground

pytestmark = pytest.mark.real


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.words)
def test_the_broker_refuses_it(row: Refused, ground: Ground):
    """Nothing of it comes onto the topic."""
    settings = ground.site.settings
    before = ground.site.end(("intents", 0))
    answer = produce(settings.bootstrap_servers, settings.topic("intents"), 0, row.make())
    assert answer == Answer(row.error, -1)
    assert ground.site.end(("intents", 0)) == before


def compress(ground: Ground, how: str) -> None:
    """Set the topic of the intents to this `compression.type`."""
    settings = ground.site.settings
    entry = ConfigEntry("compression.type", how, incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, settings.topic("intents"), incremental_configs=[entry])
    admin = topic_admin.connect(settings)  # kept: the answers end with it
    for answer in admin.incremental_alter_configs([topic]).values():
        answer.result(30)


@pytest.fixture
def loose(ground: Ground) -> Iterator[Ground]:
    """The ground while the intents let compressed batches in as they are: somebody has changed the topic."""
    compress(ground, "producer")
    yield ground
    compress(ground, "uncompressed")


@pytest.mark.parametrize("row", BOMBS, ids=lambda row: row.words)
def test_what_a_loosened_topic_lets_in_is_put_aside(row: Bomb, loose: Ground):
    """Without its content, which no topic would take; the good intents around it are approved."""
    settings = loose.site.settings
    first = loose.good(0)
    bomb = row.make()

    def taken() -> Answer | None:  # the broker hears of the change a moment later
        answer = produce(settings.bootstrap_servers, settings.topic("intents"), 0, bomb)
        return answer if answer.error == NONE else None

    place = ("intents", 0, until(taken, "the broker to let it in").offset)
    last = loose.good(0)
    seen = loose.seen()
    event = seen.event(place)
    assert (event.verdict, [reason.code for reason in event.reasons]) == ("QUARANTINE", ["UNDELIVERABLE"])
    assert [(one.key, one.value) for one in seen.put_aside(place)] == [(None, None)]
    assert [seen.event(place).verdict for place in (first, last)] == ["APPROVE", "APPROVE"]
