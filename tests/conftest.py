"""Fixtures for tests on the real Kafka and Valkey: one stack for the session, a new prefix for each test."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import redis
import structlog

from toolgate.streams import topic_admin, topics
from toolgate.streams.local import Stack
from toolgate.streams.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A machine may be busy: how long an example takes says nothing.
# Every change is tried with the same examples, so that what fails is the change's own; every night with new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("new", deadline=None)
hypothesis.settings.load_profile(os.environ.get("TOOLGATE_EXAMPLES", "same"))

PARTITIONS = 4
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has exported must not steer a test."""
    for name in list(os.environ):
        if name.startswith("TOOLGATE_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands and models set up logging for their whole process; the next test must not inherit it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The session's broker and Redis; a test that kills or empties one takes `private_stack` instead."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def private_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A broker and a Redis of the test's own, to be killed, suspended, rolled back or emptied."""
    with Stack(tmp_path_factory.mktemp("private")) as running:
        yield running


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Settings of a stack: `make_settings(stack, prefix="p", partitions=4, ...)`."""

    def make(running: Stack, **fields: Any) -> Settings:
        return load(bootstrap_servers=running.bootstrap, redis_url=running.redis_url, **fields)

    return make


@pytest.fixture
def bare_prefix() -> str:
    """A prefix that nothing has used in this session; its topics do not exist."""
    return f"t{next(_numbers)}"


@pytest.fixture
def settings(stack: Stack, bare_prefix: str, make_settings: Callable[..., Settings]) -> Iterator[Settings]:
    """Settings of the session's stack under a fresh prefix whose topics exist (four partitions)."""
    made = make_settings(stack, prefix=bare_prefix, partitions=PARTITIONS)
    admin = topic_admin.connect(made)
    topic_admin.apply(admin, made)
    yield made
    # without this the broker holds every file of every test open; nobody waits for it
    admin.delete_topics([made.topic(topic.name) for topic in topics.TOPICS])


@pytest.fixture
def prefix(settings: Settings) -> str:
    """A fresh prefix whose topics exist on the session's broker (four partitions)."""
    return settings.prefix


@pytest.fixture
def redis_client(stack: Stack) -> Iterator[redis.Redis]:
    """A client of the session's Redis, answering bytes."""
    with redis.Redis.from_url(stack.redis_url, socket_timeout=5) as client:
        yield client
