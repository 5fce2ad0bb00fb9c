"""A broker and a Redis behind proxies, for each file of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crash import cell

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cell.Ground]:
    """One for all cells of a file, one after the other; what a cell has killed is there again for the next."""
    with cell.Ground(tmp_path_factory.mktemp("crash")) as made:
        yield made
