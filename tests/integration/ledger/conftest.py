"""A worker on either ledger."""

from __future__ import annotations

import pytest
from ledger_driver import Driver

from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.redis import RedisLedger, connect
from toolgate.streams.ledger.store import Store


@pytest.fixture(params=["memory", "redis"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """A worker on either ledger."""
    if request.param == "memory":
        store = Store()
        return Driver(MemoryLedger(store), store.scripts.clear)
    url = request.getfixturevalue("stack").redis_url
    client = connect(url)
    client.flushdb()
    return Driver(RedisLedger(url, "contract"), client.script_flush, url)
