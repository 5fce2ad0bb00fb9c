"""A real browser for tests, where this machine has one: the distribution's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

# As it was when the tests began: each of them begins without the developer's variables.
_NAMED = os.environ.get("TOOLGATE_CHROMIUM", "")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")


def found() -> str:
    """The path of a browser, or ""."""
    return _NAMED or next((path for name in _NAMES if (path := shutil.which(name))), "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that runs; skips the test where there is none."""
    path = found()
    if not path:
        pytest.skip("no browser: install chromium, or name one with TOOLGATE_CHROMIUM")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS])
        try:
            yield running
        finally:
            running.close()
