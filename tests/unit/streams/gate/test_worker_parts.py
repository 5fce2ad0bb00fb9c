"""Small parts of a worker that need no broker: files, signals, the hook of crash tests."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import nullcontext
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest

from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import worker
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("environment", "passed"),
    [
        ({}, 9),
        ({"TOOLGATE_CRASH_AT": "decide:3"}, 9),
        ({"TOOLGATE_TEST_HOOKS": "0", "TOOLGATE_CRASH_AT": "decide:3"}, 9),
        ({"TOOLGATE_TEST_HOOKS": "1"}, 9),
        ({"TOOLGATE_TEST_HOOKS": "1", "TOOLGATE_CRASH_AT": "decide:3"}, 2),
        ({"TOOLGATE_TEST_HOOKS": "1", "TOOLGATE_CRASH_AT": "decide"}, 0),
    ],
)
def test_the_crash_hook_needs_to_be_unlocked(monkeypatch, environment: dict[str, str], passed: int):
    """It kills at the n-th passage, and never in a process that was not told to be a test."""

    class DeadError(Exception):
        pass

    def kill(pid: int, number: int) -> None:
        assert (pid, number) == (os.getpid(), signal.SIGKILL)
        raise DeadError

    monkeypatch.setattr(os, "kill", kill)
    crash = worker.crash_point(environment)
    count = 0
    try:
        for _ in range(9):
            crash("poll")
            crash("decide")
            count += 1
    except DeadError:
        pass
    assert count == passed


def test_a_signal_stops_once_and_the_handlers_come_back():
    """After the first one, a second ends the process as if nobody had caught it."""
    before = signal.getsignal(signal.SIGTERM)
    told = []
    with worker.stop_signals(lambda: told.append(1)):
        signal.raise_signal(signal.SIGTERM)
        assert told == [1]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before


def test_keys_must_be_named_and_policies_may(tmp_path: Path):
    """Without a folder of policies it waits until some are activated."""
    assert worker.files(load(bootstrap_servers="x:1", insecure_dev=True))[0] is None
    (tmp_path / "tools.yaml").write_text(
        "tools: [{name: a, effect: read, system: s, records: [], params: {}}]"
    )
    (tmp_path / "policy.yaml").write_text("policy: {workflow_id: w, allowed_tools: [a]}")
    with pytest.raises(SettingsError, match="TOOLGATE_KEYS_FILE"):
        worker.files(load(bootstrap_servers="x:1", policies_dir=tmp_path))
    _, keyring = worker.files(load(bootstrap_servers="x:1", policies_dir=tmp_path, insecure_dev=True))
    assert keyring.insecure_dev


def test_a_port_that_is_taken_leaves_no_mark(monkeypatch, tmp_path):
    """A start that fails has read nothing: it must neither count as a death nor fence who runs the slot."""
    redis = MagicMock()
    monkeypatch.setattr(worker, "connect", lambda *_: nullcontext(redis))
    monkeypatch.setattr(worker.redis_check, "check", lambda *_: None)
    monkeypatch.setattr(worker.topic_admin, "check", lambda *_: None)
    monkeypatch.setattr(worker.loader, "load", lambda _: MagicMock())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = load(
            bootstrap_servers="127.0.0.1:1",
            redis_url="redis://127.0.0.1:1",
            policies_dir=tmp_path,
            insecure_dev=True,
            metrics_port=taken.getsockname()[1],
        )
        with pytest.raises(SettingsError, match="listen"):
            worker.run(settings)
    assert not redis.hset.called
