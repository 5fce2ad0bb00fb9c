"""`toolgate slo`: what a watch says, for people and for programs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pulses import BEGIN_MS, pulse
from typer.testing import CliRunner

from toolgate.cli.slo import app
from toolgate.inspection.errors import NotFoundError
from toolgate.schemas.records import Level
from toolgate.streams.errors import SettingsError, UnreachableError
from toolgate.streams.gate.health import Endpoint
from toolgate.streams.local.ports import free_port
from toolgate.streams.watch.figures import Figures
from toolgate.streams.watch.judging import Budgeted, Judged
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.metrics import Metrics
from toolgate.streams.watch.pages import Pages, figures_view
from toolgate.streams.watch.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

RISE = {"next": "canary:10%", "by": "order", "lacks": []}


def judged(**fields: Any) -> Judged:
    """A workflow on the rung of drafts, with one objective that is broken and one that nobody can judge."""
    return Judged(
        BEGIN_MS,
        "draft_only",
        1,
        {"budgets[0]": Budgeted(0.9, 600_000)},
        {"denial_rate": True, "unit_cost": None},
        {"denial_rate": {"value": 0.3, "max": 0.2, "part": 3, "count": 10, "window_ms": 3_600_000}},
        rise=RISE,
        **fields,
    )


@contextmanager
def watch(*workflows: str, owned: int = 12) -> Iterator[str]:
    """A watch that knows these, and has so many of twelve partitions; its address."""
    figures = Figures()
    for offset, name in enumerate(workflows):
        told = {
            "intents": 10,
            "denied": 3,
            "cost_micros": 50_000,
            "finished": {"succeeded": 1},
            "detected": 1,
            "tools": {"read": 8, "pay": 2},
            "tool_errors": {"pay": 1},
            "records": {"50": 1},
            "levels": (
                Level("blast_radius[0]", "agent", "a", "records", 50, 60),
                Level("blast_radius[1]", "run", "r", "records", 2, 3),
            ),
        }
        figures.take(0, offset, pulse(workflow=name, **told, detection_ms=1_500, detection_ms_max=1_500))
    standing = {("default", name): judged() for name in workflows}
    pages = Pages(Metrics())
    view = figures_view(figures, Runs(), standing, Prices(), BEGIN_MS)
    pages.view = {**view, "partitions": {"owned": owned, "of": 12}}
    endpoint = Endpoint(pages, "127.0.0.1", 0)
    try:
        yield endpoint.url
    finally:
        endpoint.close()


def said(*words: str) -> str:
    """What it prints."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_line_for_each_workflow() -> None:
    """Mode, shares, what an outcome costs, and what is not kept."""
    with watch("desk", "ops") as url:
        lines = said("--watch", url).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["default/desk", "draft_only"],
        ["default/ops", "draft_only"],
    ]
    assert "30.0%" in lines[1]
    assert lines[1].endswith("denial_rate")


def test_one_workflow_in_full() -> None:
    """Objectives with their figures, budgets with their pace, and how to let it go up a rung."""
    with watch("desk") as url:
        text = said("desk", "--watch", url)
    for words in (
        "NOT KEPT: 30% (3 of 10 in 1h), at most 20%",
        "too little happened to say",
        "used up in 10 minutes",
        "1 commands, after 1.5 s",
        "50; 99 % at most 50",
        "blast_radius[0]: 50 of 60 records, 83%",
        "toolgate mode desk canary:10% --tenant default --as KID",
    ):
        assert words in text
    assert text.startswith("workflow ")


def test_programs_get_json() -> None:
    """All that the watch says, of the workflows that were asked for."""
    with watch("desk", "ops") as url:
        found = json.loads(said("ops", "--watch", url, "--json"))
    assert [one["workflow_id"] for one in found["workflows"]] == ["ops"]
    assert found["workflows"][0]["day"]["denial_rate"] == 0.3


@pytest.mark.parametrize(("owned", "note"), [(3, "9 of 12 partitions"), (12, "")])
def test_a_watch_that_shares_the_work_says_so(owned: int, note: str) -> None:
    """Workflows that are missing may be another's; machines read clean JSON either way."""
    with watch("desk", owned=owned) as url:
        done = CliRunner().invoke(app, ["--watch", url, "--json"])
    assert [one["workflow_id"] for one in json.loads(done.stdout)["workflows"]] == ["desk"]
    assert (note in done.stderr, bool(done.stderr)) == (True, bool(note))


def test_tools_of_all_workflows_together() -> None:
    """How often each was asked for over a day, and failed; the one asked for most at the beginning."""
    with watch("desk", "ops") as url:
        lines = said("--watch", url, "--tools").splitlines()
    assert [line.split() for line in lines[1:]] == [["default/read", "16", "0"], ["default/pay", "4", "2"]]


def test_before_the_first_pulse_it_says_so() -> None:
    """An empty table says nothing."""
    with watch() as url:
        assert said("--watch", url).startswith("No pulse has come to this watch yet; ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--watch", "file:///etc/passwd"), SettingsError),
        (("--watch", "http://127.0.0.1:{port}"), UnreachableError),
    ],
)
def test_what_is_no_watch_is_refused(words: tuple[str, ...], error: type[Exception]) -> None:
    """Nothing but a watch is asked, and one that is not there is named."""
    port = free_port()
    with pytest.raises(error):
        CliRunner().invoke(app, [word.format(port=port) for word in words], catch_exceptions=False)


def test_a_workflow_that_nobody_knows() -> None:
    """It may be misspelt, or the gate has not decided on anything of it."""
    with watch("desk") as url, pytest.raises(NotFoundError, match="dsk"):
        CliRunner().invoke(app, ["dsk", "--watch", url], catch_exceptions=False)
