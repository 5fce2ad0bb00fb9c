"""Files that are replaced whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolgate.cli.replacing import replace_file
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written_into_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """And replaced there."""
    path = tmp_path / "cases" / "denied.yaml"
    for text in (b"one", b"two"):
        replace_file(path, text)
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_where_no_file_can_be_says_so(tmp_path: Path) -> None:
    """A file is no folder."""
    (tmp_path / "cases").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot write the file"):
        replace_file(tmp_path / "cases" / "denied.yaml", b"one")
