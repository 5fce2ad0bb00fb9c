"""A broker and a Redis of this folder's own: they are killed, suspended, rolled back and emptied here."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from gate_site import Site

from toolgate.streams import topic_admin
from toolgate.streams.local import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolgate.streams.settings import Settings

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def hurt_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests of the folder, one after the other; `site` brings back what a test has killed."""
    with Stack(tmp_path_factory.mktemp("gate")) as running:
        yield running


@pytest.fixture
def site(hurt_stack: Stack, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Site]:
    """A fresh prefix with topics, policies and keys; no worker yet."""
    for part in (hurt_stack.broker, hurt_stack.redis):
        if not part.alive:
            part.start()
    settings = make_settings(
        hurt_stack, prefix=f"g{next(_numbers)}", partitions=2, batch_size=200, session_timeout_ms=6000
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path) as made:
        yield made
