"""Two versions of the ledger's scripts: never both at once, and only a person says when to switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import other_code
import pytest
from gate_site import RUN_INPUTS
from patience import until

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real
OTHER = (other_code.__file__,)


def test_a_new_version_waits_to_be_told(site: Site):
    """It ends with exit code 5 and both codes; with --take-over-code it rebuilds, and the old one ends so."""
    old = site.worker(0).running()
    load = site.start_load()
    until(lambda: load.sent > 200, "some load")

    refused = site.worker(1, program=OTHER)
    assert refused.ended() == 5
    assert (
        f"the ledger runs code {old.health()['code']}, I am {refused.announced()['code']}" in refused.said()
    )
    assert "--take-over-code" in refused.said()
    assert old.health()["state"] == "running"

    new = site.worker(1, "--take-over-code", program=OTHER)
    assert old.ended() == 5
    new.running(2 * RUN_INPUTS + 1)
    sent = load.sent
    until(lambda: load.sent > sent + 200, "more load")
    load.stop()
    events = site.check(approved=50)
    assert len({event.gen for event in events}) == 2
