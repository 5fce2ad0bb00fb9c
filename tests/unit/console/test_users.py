"""Local users: what the file holds, and what a password opens."""

from __future__ import annotations

import json
import stat

import pytest
from console_site import PASSWORD, key

from toolgate.console import users
from toolgate.processors.keyring import Keyring, OperatorKey
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError


@pytest.fixture(scope="module")
def bob():
    """A user with a key."""
    return users.made("bob", PASSWORD, key("bob"))


def ring(kid: str, signer: str) -> Keyring:
    """A keyring that has that key under that id."""
    public = bytes(key(signer).pair.verify_key)
    return Keyring.of([OperatorKey(kid, public, frozenset({"approver"}), frozenset({"cfo"}))])


def test_the_password_opens_the_key_and_nothing_else_does(bob):
    """The file holds neither."""
    assert users.opened(bob, PASSWORD) == key("bob")
    assert users.opened(bob, PASSWORD + " ") is None
    text = json.dumps([bob.password, bob.salt, bob.sealed])
    assert bytes(key("bob").pair).hex() not in text
    assert PASSWORD not in text
    assert bob.password.startswith("$argon2id$")


def test_identifies_by_name_and_password(bob, tmp_path):
    """With the roles that the keyring gives the key; a user without one reads only."""
    path = tmp_path / "users.json"
    users.write(path, [bob, users.made("guest", PASSWORD)])
    door = users.LocalUsers(path, ring("bob", "bob"))
    person = door.identify("bob", PASSWORD)
    assert (person.kid, person.roles, person.approves_as) == ("bob", {"approver"}, {"approver", "cfo"})
    guest = door.identify("guest", PASSWORD)
    assert (guest.key, guest.approves, guest.operates) == (None, False, False)
    assert [
        door.identify(*words) for words in (("bob", "wrong"), ("nobody", PASSWORD), ("bob", "x" * 5_000))
    ] == [None] * 3
    replaced = users.LocalUsers(path, ring("bob", "eve")).identify("bob", PASSWORD)
    assert (replaced.kid, replaced.approves) == ("bob", False)


def test_the_file_is_its_owners_alone(bob, tmp_path):
    """Also where one was there with other rights."""
    path = tmp_path / "users.json"
    path.write_text("{}")
    path.chmod(0o644)
    users.write(path, [bob])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert users.read(path) == [bob]
    assert users.read(tmp_path / "none.json") == []
    with pytest.raises(SettingsError, match="cannot write"):
        users.write(tmp_path / "no" / "users.json", [bob])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "truncated"),
        ("\xff", "invalid"),
        ('{"users": [{"name": 1, "password": ""}]}', "users[0].name"),
        ('{"users": [{"name": "a", "password": "", "admin": true}]}', "admin"),
        ('{"users": [{"name": "a", "password": ""}, {"name": "a", "password": ""}]}', "twice"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, text, says):
    """What is wrong, where, and what to do."""
    path = tmp_path / "users.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(LoadError) as caught:
        users.read(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "password"), [("bob", "short"), ("bob", "x" * 2_000), ("no good", PASSWORD)]
)
def test_nobody_is_made_of_less(name, password):
    """A name that is an id, a password of twelve characters."""
    with pytest.raises(SettingsError):
        users.made(name, password)
