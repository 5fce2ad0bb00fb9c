"""The keyring file: what it says, what is wrong with it, and how keys get into it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from nacl.signing import SigningKey

from toolgate.processors.problems import LoadError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Where a keyring file is to be."""
    return tmp_path / "deep" / "keyring.yaml"


def test_new_keys_load(ring: Path):
    """What `toolgate keys new` writes is a keyring with the secrets that its files hold."""
    secret = keys.new_intent(ring, "agents-1", "desk_v1", "acme")
    keys.new_executor(ring, "desk-1", "desk", ["read_*", "pay"])
    private = keys.new_operator(ring, "ann-1", ["operator", "publisher"])
    loaded = keys.load(ring)
    intent = loaded.intents["agents-1"]
    assert (intent.tenant, intent.workflow_id) == ("acme", "desk_v1")
    assert intent.secret == keys.read_secret(secret)
    assert loaded.executors["desk-1"].tools == ("read_*", "pay")
    assert loaded.executors["desk-1"].secret != intent.secret
    pair = SigningKey(keys.read_secret(private))
    assert loaded.operators["ann-1"].public == bytes(pair.verify_key)
    assert loaded.operators["ann-1"].roles == {"operator", "publisher"}


def test_secret_files_are_for_their_owner_alone(ring: Path):
    """Mode 0600, whatever the umask; the keyring file holds no secret."""
    made = [keys.new_intent(ring, "a", "w"), keys.new_operator(ring, "o", ["operator"])]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o600, 0o600]
    assert not any(path.read_text().strip() in ring.read_text() for path in made)


@pytest.mark.parametrize("kid", ["12", "1e5", "no", "0x1f", "0b4c", "null", "1_000", "007"])
def test_ids_that_yaml_would_take_for_something_else_stay_text(ring: Path, kid: str):
    """A kid is what it was called, however it looks, and also when a later key is written beside it."""
    keys.new_intent(ring, kid, kid)
    keys.new_intent(ring, "later", "w")
    assert keys.load(ring).intents[kid].workflow_id == kid


def test_comments_of_people_stay(ring: Path):
    """A key is added to the file that is there."""
    keys.new_intent(ring, "a", "w")
    ring.write_text("# ours\n" + ring.read_text().replace("  - kid", "  # the desk's\n  - kid"))
    keys.new_intent(ring, "b", "w")
    keys.new_executor(ring, "e", "desk", ["*"])
    text = ring.read_text()
    assert text.startswith("# ours\n")
    assert "# the desk's" in text
    assert set(keys.load(ring).intents) == {"a", "b"}


def test_a_secret_may_come_from_the_environment(tmp_path: Path):
    """`secret_env` names a variable with hex digits."""
    ring = tmp_path / "k.yaml"
    ring.write_text("intents: [{kid: a, workflow_id: w, secret_env: MINE}]")
    assert keys.load(ring, {"MINE": "ab" * 32}).intents["a"].secret == b"\xab" * 32
    assert keys.load(ring, {"MINE": "ab" * 32}).intents["a"].tenant == "default"


@pytest.mark.parametrize("again", ["a", "b"])
def test_never_replaces_a_key_or_a_secret(ring: Path, again: str):
    """An id that is taken, and a secret file that is there, are refused; nothing changes."""
    keys.new_intent(ring, "a", "w")
    (ring.parent / "b.secret").write_text("mine")
    before = ring.read_text()
    with pytest.raises((LoadError, FileExistsError)):
        keys.new_executor(ring, again, "desk", ["*"])
    assert ring.read_text() == before
    assert (ring.parent / "b.secret").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "k.yaml:1:1: the file is not a mapping"),
        ("agents: []", "k.yaml:1:1: unknown key 'agents'; known are executors, intents, operators"),
        ("intents:\n  - {kid: a, workflow_id: w}", "k.yaml:2:5: key a needs one secret"),
        (
            "intents: [{kid: a, workflow_id: w, secret_file: x, secret_env: MINE}]",
            "k.yaml:1:11: key a needs one secret",
        ),
        ("intents: [{kid: a b, workflow_id: w, secret_file: x}]", "k.yaml:1:17: kid: 'a b' has ' '"),
        ("intents: [{kid: a, workflow_id: w, secret: 00ff}]", "unknown key 'secret'"),
        ("intents: [{kid: a, workflow_id: w, secret_file: none}]", "key a: secret file"),
        ("intents: [{kid: a, workflow_id: w, secret_file: words}]", "does not hold hex digits"),
        ("intents: [{kid: a, workflow_id: w, secret_file: short}]", "a secret has 16 to 64 bytes, not 2"),
        ("intents: [{kid: a, workflow_id: w, secret_env: NOT_THERE}]", "key a: NOT_THERE is not set"),
        ("executors: [{kid: e, executor_id: e, tools: [], secret_file: good}]", "tools is empty"),
        (
            "operators: [{kid: o, roles: [king], public: zz}]",
            "roles must be one of operator, watch, publisher",
        ),
        ("operators: [{kid: o, roles: [operator], public: zz}]", "public: must be 64 hex digits"),
        (
            """
intents: [{kid: a, workflow_id: w, secret_file: good}]
executors: [{kid: a, executor_id: e, tools: ['*'], secret_file: good}]""",
            "key id a is there twice",
        ),
    ],
)
def test_says_what_is_wrong_where_and_never_a_secret(tmp_path: Path, text: str, told: str):
    """Every mistake has its place in the file and the key's id."""
    (tmp_path / "words").write_text("correct horse")
    (tmp_path / "short").write_text("00ff")
    (tmp_path / "good").write_text("c0ffee" * 8)
    ring = tmp_path / "k.yaml"
    ring.write_text(text)
    with pytest.raises(LoadError) as caught:
        keys.load(ring, {})
    assert told in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("00ff", "horse", "c0ffee"))


def test_a_missing_file_says_how_to_begin_one(tmp_path: Path):
    """No keyring, no gate."""
    with pytest.raises(LoadError, match="toolgate keys new"):
        keys.load(tmp_path / "k.yaml")


def test_a_path_may_be_text(ring: Path):
    """As a program would write it: `keys.load("keyring.yaml")`."""
    keys.new_intent(ring, "a", "w")
    assert keys.load(str(ring)) == keys.load(ring)
    assert keys.read(str(ring)) == keys.read(ring)


def test_who_signs_needs_only_his_own_private_key(ring: Path):
    """An operator's machine has the keyring, and nobody else's secrets."""
    keys.new_intent(ring, "agents-1", "desk_v1").unlink()
    private = keys.new_operator(ring, "ann", ["operator"])
    keys.new_operator(ring, "pat", ["publisher"]).unlink()
    assert set(keys.load_operators(ring).operators) == {"ann", "pat"}
    assert bytes(keys.load_signer(ring, "ann")).hex() == private.read_text().strip()


@pytest.mark.parametrize(
    ("kid", "content", "says"),
    [
        ("anna", None, "no operator has key anna; did you mean ann?"),
        ("ann", None, "ann.private cannot be read"),
        ("ann", "no hex", "does not hold hex digits"),
        ("ann", "ab" * 32, "this is not the private key of ann"),
        ("ann", "ab" * 31, "this is not the private key of ann"),
    ],
)
def test_says_why_somebody_cannot_sign(ring: Path, kid: str, content: str | None, says: str):
    """And never what the file holds."""
    private = keys.new_operator(ring, "ann", ["operator"])
    private.unlink() if content is None else private.write_text(content)
    with pytest.raises(LoadError, match=re.escape(says)) as caught:
        keys.load_signer(ring, kid)
    assert "abab" not in str(caught.value).replace(str(ring), "")
