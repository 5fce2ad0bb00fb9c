"""A cell of the crash matrix for every change; all of them in `make crash`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crash import cell
from crash.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real
BY_NAME = {fault.name: fault for fault in FAULTS}
CELLS = [
    ("network to redis: black hole", "after decide")
]  # the others in `make nightly`: each takes some 16 s


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cell.Ground]:
    """A broker and a Redis behind proxies."""
    with cell.Ground(tmp_path_factory.mktemp("crash")) as made:
        yield made


@pytest.mark.parametrize(("fault", "point"), CELLS)
def test_nothing_is_lost_doubled_or_overspent(ground: cell.Ground, fault: str, point: str):
    """Whatever happens while a worker stands at this point, and the gate goes on by itself."""
    outcome = cell.run(ground, BY_NAME[fault], point)
    assert outcome.found == ()
    assert outcome.decided > cell.SENT_FIRST
