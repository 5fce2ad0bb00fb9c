"""The health endpoint: what it says in each state, over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from toolgate.schemas.records import Intent
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate.health import Endpoint, Health
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.metrics import Metrics
from toolgate.streams.gate.status import SILENT_S, Status
from toolgate.streams.ports import Ask, Decision

if TYPE_CHECKING:
    from collections.abc import Callable

TPS = frozenset({("intents", 0), ("intents", 1)})


class Clock:
    """Seconds that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the test."""
    return Clock()


@pytest.fixture
def status(clock: Clock) -> Status:
    """Of slot 3."""
    return Status(3, clock)


@pytest.fixture
def ask(status: Status) -> Callable[[str], tuple[int, Any]]:
    """A page: status code and what its JSON says."""
    ends = {("intents", 0): 9}
    health = Health(
        status, Metrics(), {"prefix": "p"}, lambda: {("intents", 0): 7, ("intents", 1): 4}, lambda _: ends
    )

    def get(path: str) -> tuple[int, Any]:
        code, content_type, body = health.answer(path)
        return code, json.loads(body) if content_type == "application/json" else body.decode()

    return get


def committed(status: Status) -> None:
    """One batch."""
    item = Item(Reading(None, Intent("i", "call", "t", "w", "r", "a")), Ask(0, 1, "APPROVE"))  # type: ignore[arg-type]
    decision = Decision(6, 41, 1, 2, "APPROVE", True, (), (), (), (), None, False, "", "p")
    status.batch([(item, decision)], {("intents", 0): 7, ("intents", 1): 4})


def test_shows_partitions_lag_and_ledger(status: Status, clock: Clock, ask):
    """An end that the broker did not tell is unknown, not zero."""
    status.joined(TPS, "g1")
    status.state("running", "")
    status.policy_digest = "5e"
    committed(status)
    clock.now += 2
    code, page = ask("/health")
    assert code == 200
    assert (page["slot"], page["state"], page["prefix"]) == (3, "running", "p")
    assert page["ledger"] == {"generation": "g1", "seq": 41, "control": 2}
    assert page["policy_digest"] == "5e"
    assert page["last_batch_age_s"] == 2.0
    assert page["partitions"] == [
        {"topic": "intents", "partition": 0, "position": 7, "committed": 7, "end": 9, "lag": 2},
        {"topic": "intents", "partition": 1, "position": 4, "committed": 4, "end": None, "lag": None},
    ]


def test_is_ready_only_while_it_runs(status: Status, ask):
    """Joining, waiting and recovering workers own nothing."""
    assert ask("/ready") == (503, {"ready": False, "state": "starting"})
    status.joined(TPS, "g1")
    status.state("running", "")
    assert ask("/ready")[0] == 200
    status.state("waiting", "AbortError: x")
    assert ask("/ready") == (503, {"ready": False, "state": "waiting"})
    assert ask("/health")[1]["partitions"] == []
    assert ask("/health")[1]["detail"] == "AbortError: x"


def test_is_alive_while_the_loop_moves(status: Status, clock: Clock, ask):
    """A loop that hangs is told by /live and /health; a rebuild may take as long as it takes."""
    clock.now += SILENT_S - 1
    assert ask("/live") == (200, {"alive": True})
    status.passed()
    clock.now += SILENT_S
    assert ask("/live") == (503, {"alive": False})
    assert ask("/health")[0] == 503
    status.state("recovering", "")
    assert ask("/live")[0] == 200


def test_shows_the_lag_that_it_knows_as_a_metric(status: Status, ask):
    """Only what can be computed becomes a series."""
    status.joined(TPS, "g1")
    status.state("running", "")
    code, text = ask("/metrics")
    assert code == 200
    assert 'toolgate_lag_records{partition="0",topic="intents"} 2.0' in text
    assert 'partition="1"' not in text


def test_an_unknown_page_names_the_others(ask):
    """404 with the list."""
    assert ask("/") == (404, {"paths": ["/health", "/live", "/ready", "/metrics"]})


def test_answers_over_http_on_a_free_port(status: Status):
    """Port 0 is a free one, told by `url`; a port in use is a clear error."""
    health = Health(status, Metrics(), {}, dict, lambda _: {})
    endpoint = Endpoint(health, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"{endpoint.url}/live", timeout=5) as answer:  # noqa: S310 - our own
            assert json.load(answer) == {"alive": True}
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{endpoint.url}/ready", timeout=5)  # noqa: S310 - our own
        with pytest.raises(SettingsError, match="TOOLGATE_METRICS_PORT"):
            Endpoint(health, "127.0.0.1", int(endpoint.url.rpartition(":")[2]))
    finally:
        endpoint.close()
