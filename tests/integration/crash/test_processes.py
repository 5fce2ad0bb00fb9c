"""Workers, Redis and the broker hit once by each fault of the crash matrix; all its cells in `make crash`."""

from __future__ import annotations

from operator import attrgetter

import pytest
from crash import cell
from crash.faults import FAULTS, Fault

pytestmark = pytest.mark.real
HERE = [fault for fault in FAULTS if not fault.name.startswith("network")]


@pytest.mark.parametrize("fault", HERE, ids=attrgetter("name"))
def test_nothing_is_lost_doubled_or_overspent(ground: cell.Ground, fault: Fault):
    """Whatever happens while a worker stands still, and the gate goes on by itself."""
    outcome = cell.run(ground, fault, fault.at)
    assert outcome.found == ()
    assert outcome.decided > cell.SENT_FIRST
