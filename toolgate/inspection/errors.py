"""What can go wrong when people look."""

from __future__ import annotations

from toolgate.streams.errors import ToolgateError


class NotFoundError(ToolgateError):
    """The log knows nothing of what was asked for."""
