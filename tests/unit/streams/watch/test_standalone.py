"""The parts of a watch, from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys
from toolgate.streams.settings import Settings
from toolgate.streams.watch.standalone import parts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("roles", "signs"),
    [(["watch"], ["eye"]), (["operator"], []), (["approver"], []), (["watch", "operator"], [])],
)
def test_a_watch_orders_with_a_key_that_can_do_nothing_else(
    roles: list[str], signs: list[str], tmp_path: Path
) -> None:
    """One that could loosen or lift is refused, and so is one that could not order."""
    ring = tmp_path / "keyring.yaml"
    keys.new_operator(ring, "eye", roles)
    settings = Settings(bootstrap_servers="127.0.0.1:1", keys_file=ring)
    if signs:
        assert list(parts(settings, "eye").signers) == signs
    else:
        with pytest.raises(SettingsError, match="a watch is only a watch"):
            parts(settings, "eye")
