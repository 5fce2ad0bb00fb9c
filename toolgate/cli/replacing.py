"""Files that are replaced whole: who reads meanwhile sees the old one or the new one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Put a file's new content in its place, whose folder is made; what may be done with the file stays.

    Raises:
        SettingsError: it cannot be written; then it is as it was.
    """
    made = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(data)
        if path.exists():
            made.chmod(path.stat().st_mode)
        made.replace(path)
    except OSError as error:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise SettingsError(
            f"cannot write the file: {error.strerror}",
            where=str(path),
            remedy="make it and its folder writable",
        ) from None
