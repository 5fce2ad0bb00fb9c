"""The broker dies: nothing is committed, so nothing is approved; the gate goes on when it is back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from patience import until

if TYPE_CHECKING:
    from gate_site import Site

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real


def test_killed_under_load_and_started_again(site: Site, hurt_stack: Stack):
    """The same worker goes on by itself; each input has one decision."""
    worker = site.worker().running()
    load = site.start_load()
    until(lambda: load.sent > 400, "some load")
    hurt_stack.broker.kill()
    hurt_stack.broker.start()
    sent = load.sent
    until(lambda: load.sent > sent + 200, "more load")
    load.stop()
    site.rest(120)
    site.check(approved=50)
    assert worker.process.poll() is None
    assert worker.stop() == 0


def test_refuses_topics_of_another_size(site: Site):
    """A partition count that is not the topics' own is named at the start, with exit code 4."""
    refused = site.toolgate("gate", "--partitions", "3")
    assert refused.returncode == 4
    assert f"{site.settings.prefix}.intents: partitions is 2, must be 3" in refused.stderr
