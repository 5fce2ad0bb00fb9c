"""`toolgate gate` as people run it: several workers, snapshots, warnings, and what it refuses."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from patience import until

if TYPE_CHECKING:
    from pathlib import Path

    from gate_site import Site

pytestmark = pytest.mark.real


def lines(path: Path) -> list[dict[str, Any]]:
    """The log lines of a supervisor and its children."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.startswith(b"{")]


def test_two_workers_under_a_supervisor(site: Site):
    """They share the partitions; one that is killed is started again; SIGTERM ends all of them with 0."""
    log = site.folder / "supervisor.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "toolgate.cli", "gate", "--workers", "2", "--json"],
            stdout=subprocess.DEVNULL,
            stderr=output,
            env=site.environment(),
        )
    try:
        load = site.start_load()

        def pids(job: str) -> list[int]:
            return [row["pid"] for row in lines(log) if row.get("event") == "started" and row["job"] == job]

        def taken(slot: int) -> int:
            return sum(row.get("event") == "partitions taken" and row["slot"] == slot for row in lines(log))

        until(lambda: pids("snapshots") and taken(0) and taken(1), "both workers to take partitions")
        subprocess.run(["kill", "-9", str(pids("gate-1")[0])], check=True)
        until(lambda: len(pids("gate-1")) == 2, "the killed one to be started again")
        sent = load.sent
        until(lambda: load.sent > sent + 200, "more load")
        load.stop()
        site.check(approved=50)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0
    assert not [row for row in lines(log) if row.get("event") == "did not stop in time: killed"]


def test_says_at_every_start_that_it_believes_everybody(site: Site):
    """--insecure-dev is never silent, and works without a keyring."""
    worker = site.worker(0, "--insecure-dev")
    assert worker.announced()["insecure_dev"] is True
    assert "WARNING: --insecure-dev" in worker.said()
    worker.running()
    assert worker.health()["insecure_dev"] is True


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--slot", "0", "--workers", "2"], 2, "exclude each other"),
        (["--slot", "2"], 2, "slot 2 does not exist"),
        (["--workers", "3"], 2, "3 workers for 2 partitions"),
        (["--policies", "/nowhere"], 7, "there is no such folder"),
        (["--keys", "/nowhere.yaml"], 7, "toolgate keys new"),
        (["--workers", "2", "--keys", "/nowhere.yaml"], 7, "toolgate keys new"),
    ],
)
def test_refuses_by_name(site: Site, words: list[str], code: int, told: str):
    """What, where, what to do; no traceback."""
    answer = site.toolgate("gate", *words)
    assert (answer.returncode, told in answer.stderr) == (code, True), answer.stderr
    assert "Traceback" not in answer.stderr


def test_tells_people_where_it_is_and_what_to_do_next(site: Site):
    """Addresses and the next command on stdout; Ctrl-C ends it with 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "toolgate.cli", "gate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=site.environment(),
    )
    assert process.stdout
    told = ""
    while "Ctrl-C" not in told:
        line = process.stdout.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert site.settings.bootstrap_servers in told
    assert "curl -s http://127.0.0.1:" in told
