"""Histories with crashes, rebuilds and activations, decided again byte by byte."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from io import BytesIO

import pytest
import replays
import universe
from contracted import RATES, Contracted
from fastavro import schemaless_writer
from replays import lived
from universe import Universe
from universe_policies import CONTRACTED_FILES, FILES, PROPOSING_FILES

from toolgate.inspection.plain import as_plain
from toolgate.schemas.bundle import schemas
from toolgate.schemas.frozen import changed
from toolgate.schemas.registry import bundled
from toolgate.streams.gate.careful import KILLS
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.items import Reading


@pytest.mark.parametrize("seed", range(12))
def test_a_history_with_crashes_and_activations_is_the_same_again(seed):
    """Workers die, the ledger is lost, policies are switched: whatever was committed is decided so again."""
    found = lived(Universe(seed), FILES).replay()
    assert found.first is None
    assert found.undecided == 0
    assert found.decisions > 100


@pytest.mark.parametrize("seed", range(100, 108))
def test_so_is_one_with_holds_drafts_and_a_workflow_in_shadow(seed):
    """What waits for people and what is only told are compared too."""
    assert lived(Universe(seed, files=PROPOSING_FILES), PROPOSING_FILES).replay().first is None


@pytest.mark.parametrize("seed", range(200, 208))
def test_so_is_one_with_contracts(seed):
    """Which contract a run had when it was judged comes out of the replay's own accounts."""
    found = lived(Contracted(seed), CONTRACTED_FILES, rates=RATES).replay()
    assert found.first is None
    assert found.undecided == 0


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (30, 7), (1000, 250)])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_sizes_of_batches_and_the_number_of_workers_do_not_matter(sizes, workers):
    """The replay is not told of them."""
    made = Universe(5, workers=workers, sizes=sizes, files=PROPOSING_FILES)
    assert lived(made, PROPOSING_FILES).replay().first is None
    assert lived(Contracted(5, sizes=sizes), CONTRACTED_FILES, rates=RATES).replay().first is None


def test_nothing_depends_on_how_python_hashes():
    """One history in processes that order sets and dicts of texts otherwise."""
    history = lived(Contracted(3), CONTRACTED_FILES, rates=RATES)
    said = [_replayed_with(hashseed, pickle.dumps(history)) for hashseed in ("1", "2")]
    assert said[0] == said[1]
    assert '"differs": false' in said[0]


def _replayed_with(hashseed: str, history: bytes) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONHASHSEED": hashseed, "PYTHONPATH": paths}
    command = [sys.executable, replays.__file__]
    return subprocess.run(
        command, input=history, capture_output=True, check=True, env=environment
    ).stdout.decode()


def test_what_killed_its_reader_is_not_read_again(monkeypatch):
    """Why it was quarantined lies outside of the record, so it is taken from the audit."""

    class Wary(Intake):
        def read(self, envelope):
            if (envelope.topic, envelope.offset) == ("intents", 4):
                return Reading(envelope, problem=(KILLS, "it ended a worker"))
            return super().read(envelope)

    monkeypatch.setattr(universe, "Intake", Wary)
    history = lived(Universe(1), FILES, rates=replays.QUIET)
    assert any(event.reasons[0].code == "KILLS_ITS_READER" for event in history.events() if event.reasons)
    assert history.replay().first is None


def test_the_code_that_decided_is_taken_from_the_record():
    """Workers are replaced one by one: each event names its own."""
    history = lived(Universe(1), FILES, 300, replays.QUIET)
    for event in history.events():
        history.change(event.seq, lambda one: changed(one, code_version=f"v{one.seq // 7}"))
    assert history.replay().first is None


def test_an_event_that_was_written_with_an_older_schema_is_compared_by_what_it_says():
    """The bytes of another version cannot be the same."""
    history = lived(Universe(1), FILES, 300, replays.QUIET)
    event = next(one for one in history.events() if not one.ops)
    older = schemas("audit_event")[0]
    body = BytesIO()
    schemaless_writer(body, older.runtime, as_plain(event))
    header = b"\x00" + bundled().id_of(older).to_bytes(4, "big")
    log = history.log["audit", event.partition]
    place = next(n for n, one in enumerate(log) if str(event.seq).encode() in dict(one.headers).values())
    log[place] = changed(log[place], value=header + body.getvalue())
    assert history.replay().first is None
