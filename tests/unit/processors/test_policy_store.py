"""The policy store: a set is there whole, under its digest and below its offset, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors import policy_store
from toolgate.processors.case import Envelope
from toolgate.processors.loader import from_files, set_digest
from toolgate.processors.policy_store import PolicyStore, records
from toolgate.processors.problems import LoadError
from toolgate.schemas.records import Control

VERSION = "1.2.3"


def filled(*rows, start=0):
    """A store that has taken these (key, value) rows."""
    store = PolicyStore(VERSION)
    for offset, (key, value) in enumerate(rows, start):
        store.take(Envelope("policies", 0, offset, 0, key, value))
    return store


def activation(digest, end, checked_by=VERSION):
    """An activation of a set that stands below `end`."""
    return Control("c1", "activate", "all", "", "", (), digest, policies_end=end, checked_by=checked_by)


def test_a_published_set_comes_back_as_it_was(files):
    """The same bytes under the same names: the same digest, and the same policies."""
    store = filled(*records(files))
    name = set_digest(files)
    assert store.files(name) == files
    assert store.fault(activation(name, 3)) == ""
    assert store.policies(name).digest == name == from_files(files).digest


def test_registries_are_published_with_the_set(files):
    """What rules may ask is in force with them, and goes with them."""
    whole = files | {"registries/contacts.yaml": b"registry: {rows: [ann, bob]}\n"}
    found = filled(*records(whole)).policies(set_digest(whole))
    assert found.registries == {"contacts": frozenset({"ann", "bob"})}


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.binary(max_size=9), min_size=1), st.randoms())
def test_any_files_come_back_in_whatever_order_they_were_published(files, random):
    """Names and bytes are the set's alone."""
    rows = list(records(files))
    random.shuffle(rows)
    assert filled(*rows).files(set_digest(files)) == files


def test_the_manifest_is_published_last(files):
    """Who sees it sees the whole set."""
    assert [key[:4] for key, _ in records(files)] == [b"file", b"file", b"set/"]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_set_that_does_not_stand_whole_has_a_fault(files, missing):
    """A file or the manifest is not there."""
    rows = list(records(files))
    del rows[missing]
    assert "does not stand whole" in filled(*rows).fault(activation(set_digest(files), 3))


def test_what_comes_later_does_not_mend_an_activation(files):
    """Else a worker that reads control later would follow what others refused."""
    rows = [(b"junk", b""), *records(files)]
    store = filled(*rows)
    assert store.fault(activation(set_digest(files), 3)) != ""
    assert store.fault(activation(set_digest(files), 4)) == ""


def test_publishing_again_changes_nothing(files):
    """What counts is where the bytes stood first."""
    rows = list(records(files))
    assert filled(*rows, *rows).fault(activation(set_digest(files), 3)) == ""


@pytest.mark.parametrize(
    "bad",
    [
        (b"file/" + b"0" * 32, b"tools: []"),
        (b"set/NAME", b'{"files":{"tools.yaml":"' + b"0" * 32 + b'"}}'),
        (b"set/NAME", b'{"files":{"tools.yaml":7}}'),
        (b"set/NAME", b'{"files":[]}'),
        (b"set/NAME", b'{"files":{}, "files":{}}'),
        (b"set/NAME", b"\xff"),
        (b"set/NAME", None),
        (b"\xff\xfe", b""),
        (None, None),
    ],
)
def test_what_is_no_part_of_a_set_is_passed_over(files, bad):
    """Whoever may write the topic cannot spoil a set: not before it, and not after it."""
    name = set_digest(files)
    bad = (bad[0] and bad[0].replace(b"NAME", name.encode()), bad[1])
    store = filled(bad, *records(files), bad)
    assert store.fault(activation(name, 4)) == ""
    assert store.files("0" * 32) is None
    assert store.end == 5


def test_a_manifest_whose_files_make_another_set_does_not_count(files):
    """The digest is that of names and bytes."""
    rows = list(records(files))
    name = set_digest(files)
    renamed = (rows[-1][0], rows[-1][1].replace(b"policy.yaml", b"policies.yaml"))
    assert filled(*rows[:-1], renamed).fault(activation(name, 3)) != ""
    assert filled(*rows[:-1], renamed, rows[-1]).fault(activation(name, 4)) == ""


@pytest.mark.parametrize(("checked_by", "refused"), [(VERSION, True), ("9.9", False)])
def test_a_set_that_does_not_load_is_refused_by_the_version_that_is_said_to_take_it(
    files, checked_by, refused
):
    """Another version cannot say what that one's loader said: the set is in force there, and nothing is judged here."""
    broken = files | {"policy.yaml": b"policy: {workflow_id: w}"}
    name = set_digest(broken)
    store = filled(*records(broken))
    fault = store.fault(activation(name, 3, checked_by))
    assert ("policy.yaml:1:" in fault) is refused
    with pytest.raises(LoadError):
        store.policies(name)


def test_a_loader_without_an_extra_is_another_one(monkeypatch):
    """What needs the extra loads on one machine and not on the next, by the same version."""
    monkeypatch.setattr(policy_store, "find_spec", lambda _: None)
    assert policy_store.loader_of("1") == "1"
    monkeypatch.setattr(policy_store, "find_spec", lambda name: name)
    assert policy_store.loader_of("1") == "1+cedar"


def test_only_the_newest_sets_stay_compiled_and_all_can_be_had(files):
    """Years of sets do not fill the memory."""
    store, names = PolicyStore(VERSION), []
    for number in range(policy_store._KEPT + 2):
        changed = files | {"policy.yaml": files["policy.yaml"] + b"# %d\n" % number}
        names.append(set_digest(changed))
        for key, value in records(changed):
            store.take(Envelope("policies", 0, store.end, 0, key, value))
        store.policies(names[-1])
    assert len(store._compiled) == policy_store._KEPT
    assert store.policies(names[0]).digest == names[0]


def test_says_below_which_offset_a_set_stands_whole(files):
    """Who publishes a set that stands already need not do so again."""
    rows, name = list(records(files)), set_digest(files)
    assert filled(*rows[1:]).whole_below(name) is None
    assert filled(*rows, *rows).whole_below(name) == 3
    assert filled(rows[2], (b"junk", b""), *rows[:2]).whole_below(name) == 4
    assert filled(*rows).whole_below("0" * 32) is None
