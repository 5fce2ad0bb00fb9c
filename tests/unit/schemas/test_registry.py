"""Ids on the wire are given once and never move."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.schemas import confluent, registry
from toolgate.schemas.bundle import SUBJECTS, schemas


def test_the_committed_file_is_what_the_command_makes():
    """A schema file that was added or changed without its id is noticed here."""
    text = Path(registry.__file__).with_name("registry.json").read_text("utf-8")
    assert text == registry.render(registry.build(registry.committed()))


def test_every_bundled_schema_has_an_id_and_is_found_by_it():
    """Ids stand far above what a Schema Registry gives out."""
    bundled = registry.bundled()
    for subject in SUBJECTS:
        for schema in schemas(subject.stem):
            assert bundled.find(bundled.id_of(schema)) is schema
            assert bundled.id_of(schema) >= 0x7467_0001
    assert bundled.find(1) is None


def test_ids_stay_when_a_schema_comes_in_between():
    """A new schema gets the next id, wherever it stands in the order."""
    rows = registry.build([])
    before = [row for row in rows if row["subject"] != "contracts-value"]
    after = {row["subject"]: row["id"] for row in registry.build(before)}
    assert {row["subject"]: row["id"] for row in before}.items() <= after.items()
    assert after["contracts-value"] == rows[-1]["id"] + 1


@pytest.mark.parametrize("change", [{"fingerprint": "0" * 64}, {"version": 9}, {"subject": "gone-value"}])
def test_a_schema_that_was_published_cannot_change_or_go(change):
    """Records on the log would no longer be readable."""
    rows = registry.build([])
    with pytest.raises(registry.RegistryError, match=r"was changed or removed.*add version \d+ instead"):
        registry.build([*rows[:-1], rows[-1] | change])


def test_a_version_that_says_nothing_new_is_refused(monkeypatch):
    """One fingerprint cannot stand for two versions."""
    [intent] = schemas("intent")
    monkeypatch.setattr(
        registry, "schemas", lambda stem: (intent,) if stem == "intent" else schemas("intent")
    )
    with pytest.raises(registry.RegistryError, match="same fingerprint"):
        registry.build([])


def test_a_schema_without_an_id_stops_the_program(monkeypatch):
    """The message says which, and what to do."""
    monkeypatch.setattr(registry, "committed", lambda: registry.build([])[1:])
    with pytest.raises(registry.RegistryError, match=r"no id .* for intent\.v1: run `python -m"):
        registry.BundledRegistry()


def test_without_a_url_ids_are_the_bundled_ones():
    """No Schema Registry is needed."""
    assert confluent.connect() is registry.bundled()


def test_the_command_writes_the_file_beside_the_module(monkeypatch, tmp_path, capsys):
    """It keeps the ids that are there and says how many schemas it wrote."""
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    registry.main()
    assert (tmp_path / "registry.json").read_text("utf-8") == registry.render(registry.committed())
    assert capsys.readouterr().out == f"registry.json: {len(registry.committed())} schemas\n"
