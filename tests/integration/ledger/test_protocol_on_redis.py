"""The model's histories with the real Lua in a real Redis: returned to older data, emptied, its scripts lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import universe

from toolgate.streams.ledger.redis import RedisLedger, connect

if TYPE_CHECKING:
    import redis

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real

Image = dict[bytes, bytes]


class RedisStore:
    """A Redis whose data can be put back to any earlier state, with the script cache gone as after a restart."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        client.flushdb()
        client.script_flush()

    def copy(self) -> Image:
        """All keys as DUMP gives them."""
        return {key: self._client.dump(key) for key in self._client.keys("*")}  # type: ignore[misc]

    def restart(self, image: Image | None = None) -> None:
        """Come back with the data as it is, or with an image of it."""
        if image is not None:
            self._client.flushdb()
            for key, value in image.items():
                self._client.restore(key, 0, value)
        self._client.script_flush()

    def waiting(self) -> bool:
        """Whether decisions are stored that no committed offset has passed, or nothing is verified."""
        return not self._client.hget("{model}st", "gen") or bool(self._client.keys("{model}led:*"))


@pytest.mark.parametrize("seed", range(1000, 1008))
def test_every_history_holds_on_redis(stack: Stack, seed: int) -> None:
    """No input lost or doubled, no cap passed, no kill forgotten, Redis equal to the fold of the audit."""
    store = RedisStore(connect(stack.redis_url))
    world = universe.Universe(seed, store=store, make_ledger=lambda: RedisLedger(stack.redis_url, "model"))
    world.live(1500)
    assert world.rest(2000)
    assert world.violations() == []
