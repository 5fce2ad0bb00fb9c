"""A catalogue in which a tool has no name, found by changing one: `tools import --out` says where it stands."""

from __future__ import annotations

import pytest

from toolgate.processors.catalogue_text import merged
from toolgate.processors.problems import LoadError


@pytest.mark.parametrize("entry", ["ame: x", "name: ", "name: 5", "name: [x]", "name: {x: 1}"])
def test_a_tool_without_a_name_is_an_error_with_its_place(entry):
    """Nothing of the catalogue is written again."""
    with pytest.raises(LoadError, match=r"^tools\.yaml:2:5: this tool has no name; give it one"):
        merged("tools.yaml", f"tools:\n  - {entry}\n".encode(), [])
