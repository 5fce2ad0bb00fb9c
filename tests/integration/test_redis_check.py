"""`redis_check` against real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from toolgate.streams import redis_check
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.local import ports
from toolgate.streams.local.valkey import Valkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real


@pytest.mark.parametrize("decode", [True, False])
def test_accepts_the_local_server(stack: Stack, decode):
    """Whichever way the client decodes."""
    with redis.Redis.from_url(stack.redis_url, decode_responses=decode) as client:
        redis_check.check(client, stack.redis_url)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the test's own, to be set up wrongly."""
    made = Valkey(tmp_path, lambda _: None)
    made.start()
    yield made
    made.stop()


def test_refuses_a_server_that_forgets(server: Valkey):
    """Eviction and a missing append-only file, both named at once."""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
        with pytest.raises(RefusedError) as caught:
            redis_check.check(client, server.url)
    assert "maxmemory-policy is allkeys-lru, must be noeviction" in caught.value.what
    assert "appendonly is no, must be yes" in caught.value.what
    assert caught.value.where == server.url


def test_names_the_rights_that_are_missing(server: Valkey):
    """A user who may not ask is told which rights to give, instead of being let in."""
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "gate", "on", ">word", "~*", "+@all", "-info", "-config")
    with (
        redis.Redis(port=server.port, username="gate", password="word") as client,
        pytest.raises(RefusedError, match="does not let us see") as caught,
    ):
        redis_check.check(client, server.url)
    assert "+info +config|get" in caught.value.remedy


def test_says_that_the_password_is_wrong(server: Valkey):
    """A refused login is neither silence nor a fault of ours."""
    with (
        redis.Redis(port=server.port, username="gate", password="no", retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(RefusedError, match="refuses the password"),
    ):
        redis_check.check(client, server.url)


def test_says_that_nobody_answers():
    """An address without a server."""
    with (
        redis.Redis(port=ports.free_port(), retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        redis_check.check(client, "127.0.0.1")
