"""Running: how the process ends."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import faust
import pytest

from toolgate.streams.watch.running import Watch
from toolgate.streams.watch.transport import FAULT


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (1, FAULT), ("why", FAULT)])
def test_it_ends_as_it_promises(ended: int | str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped is 0; whatever Faust itself fails at is for the next process, as what this one fails at is."""
    worker = SimpleNamespace(execute_from_commandline=lambda: sys.exit(ended))
    monkeypatch.setattr(faust, "Worker", lambda *_, **__: worker)
    watch = object.__new__(Watch)
    watch.app = None  # type: ignore[assignment]
    with pytest.raises(SystemExit) as end:
        watch.run()
    assert end.value.code == code
