"""Every case of the corpus comes to what stands beside it."""

from __future__ import annotations

from collections import Counter

import pytest
from corpus import GOOD, Entry, entries, loader_of
from judging import judged, world_of

from toolgate.processors.problems import LoadError
from toolgate.schemas.bundle import SUBJECTS
from toolgate.schemas.codec import HEADER_BYTES, Codec, DecodeError
from toolgate.schemas.enums import Verdict
from toolgate.schemas.strict_json import JsonError, read_strict

CASES_MIN = 200
PARAMS_BYTES_MAX = 96 * 1024
AVRO, JSON, FILES, CEL = (entries(f"{name}.yaml") for name in ("avro", "json", "files", "cel"))
CODECS = {subject.stem: Codec(subject.record_type) for subject in SUBJECTS}


def each(found: list[Entry]) -> pytest.MarkDecorator:
    """A test for each case, under its name."""
    return pytest.mark.parametrize("case", found, ids=[entry.name for entry in found])


def plain(value: object) -> object:
    """Tuples as YAML has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def test_there_are_two_hundred_cases_and_each_has_a_name_of_its_own():
    """Whoever looks for a case finds one."""
    names = Counter(map(str, (*AVRO, *JSON, *FILES, *CEL)))
    assert names.total() >= CASES_MIN
    assert [name for name, count in names.items() if count > 1] == []


@each(AVRO)
def test_a_value_is_read_or_refused_with_its_code(case):
    """By the codec of its record."""
    value, expected = case.content(), case.fields["comes"]
    if isinstance(expected, str):
        with pytest.raises(DecodeError) as caught:
            CODECS[case.fields["record"]].decode(value)
        assert caught.value.reason_code == expected
    else:
        codec = CODECS[case.fields["record"]]
        record = codec.decode(value)
        assert {name: plain(getattr(record, name)) for name in expected} == expected
        again = codec.encode(record)
        assert codec.decode(again) == record
        older = (
            again[:HEADER_BYTES] != value[:HEADER_BYTES]
        )  # what was written by an older version is written anew
        assert older or again == value


@each(JSON)
def test_parameters_are_read_or_refused(case):
    """Read ones have one canonical text; refused ones say why, in few words."""
    if "refused" in case.fields:
        with pytest.raises(JsonError) as caught:
            read_strict(case.content(), max_bytes=PARAMS_BYTES_MAX)
        assert case.fields["refused"] in caught.value.detail
        assert len(caught.value.detail) < 200
    else:
        _, canonical = read_strict(case.content(), max_bytes=PARAMS_BYTES_MAX)
        assert canonical.decode() == case.fields["canonical"]


@each(FILES)
def test_a_file_loads_or_says_what_is_wrong_and_where(case):
    """Every problem, and no other."""
    file = case.fields["file"]
    if change := case.fields.get("change"):
        good = (GOOD / file).read_text("utf-8")
        assert change[0] in good
        text = good.replace(*change, 1).encode()
    else:
        text = case.content()
    found: tuple[str, ...] = ()
    try:
        loader_of(file)(file, text)
    except LoadError as error:
        found = tuple(f"{one.file}:{one.line}:{one.column}: {one.what}" for one in error.problems)
    assert list(found) == case.fields["problems"]


@each(CEL)
def test_a_rule_is_refused_at_load_or_judges_the_call(case):
    """What is broken is never approved."""
    if problem := case.fields.get("problem"):
        with pytest.raises(LoadError) as caught:
            world_of(case.fields["when"])
        assert [one.what for one in caught.value.problems] == [problem]
        return
    found = judged(world_of(case.fields["when"]), case.content().decode(), case.fields.get("told", {}))
    assert sorted({reason.code for reason in found.reasons}) == case.fields["codes"]
    assert (found.verdict == Verdict.APPROVE) is (case.fields["codes"] == [])
