"""Files that are replaced whole: who reads meanwhile sees the old one or the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Put a file's new content in its place; what may be done with it stays.

    Raises:
        SettingsError: it cannot be written; then it is as it was.
    """
    made = path.with_name(f".{path.name}.new")
    try:
        made.write_bytes(data)
        if path.exists():
            made.chmod(path.stat().st_mode)
        made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise SettingsError(
            f"cannot write the file: {error.strerror}",
            where=str(path),
            remedy="make it and its folder writable",
        ) from None
