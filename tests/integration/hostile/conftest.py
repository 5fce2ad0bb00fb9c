"""One gate for all hostile input: everything is sent and decided once, and each test looks at its own part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gate_load import WORKFLOW
from gate_site import Site
from hostile_ground import Ground
from hostile_intents import PARTITIONS

from toolgate.streams import topic_admin
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.streams.local import Stack


@pytest.fixture(scope="package")
def ground(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A prefix of its own on the session's stack, with one worker that runs."""
    settings = load(
        bootstrap_servers=stack.bootstrap,
        redis_url=stack.redis_url,
        prefix="hostile",
        partitions=PARTITIONS,
        batch_size=100,
        session_timeout_ms=6000,
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path_factory.mktemp("hostile")) as site:
        policy = site.folder / "policy.yaml"
        policy.write_text(policy.read_text("utf-8") + "  contract: {required: false}\n", "utf-8")
        made = Ground(site, WORKFLOW)
        site.worker().running()
        yield made
