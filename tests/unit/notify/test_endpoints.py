"""The webhooks file: what is read, and what is wrong with it, with its place."""

from __future__ import annotations

import pytest
from receiver import SECRET

from toolgate.notify.endpoints import load, url_fault
from toolgate.notify.events import EventType
from toolgate.processors.problems import LoadError

GOOD = "endpoints:\n  - {name: pager, url: https://h.example/x, secret_env: S}\n"


def loaded(tmp_path, text: str, **environment: str):
    """The endpoints of a file of this text."""
    path = tmp_path / "webhooks.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environment)


def test_an_endpoint_is_told_everything_but_parameters_unless_said(tmp_path):
    """And its secret is shown nowhere."""
    (one,) = loaded(tmp_path, GOOD, S=SECRET)
    assert (one.name, one.events, one.workflows, one.parameters) == (
        "pager",
        frozenset(EventType),
        None,
        False,
    )
    assert not one.from_beginning
    assert (one.timeout_ms, one.give_up_ms, one.secret) == (10_000, 86_400_000, b"s" * 32)
    assert "s" * 8 not in repr(one)


def test_all_that_may_be_said(tmp_path):
    """The secret from a file beside it."""
    (tmp_path / "pager.secret").write_text(SECRET.removeprefix("whsec_") + "\n", encoding="ascii")
    text = """
endpoints:
  - name: pager
    url: http://127.0.0.1:8080/x
    secret_file: pager.secret
    events: [hold.opened, alert.raised]
    workflows: [w1]
    parameters: true
    begin: beginning
    timeout: 500ms
    give_up_after: 2h
"""
    (one,) = loaded(tmp_path, text)
    assert one.from_beginning
    assert one.events == {EventType.HOLD_OPENED, EventType.ALERT_RAISED}
    assert (one.workflows, one.parameters, one.timeout_ms, one.give_up_ms) == ({"w1"}, True, 500, 7_200_000)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (GOOD, "endpoints: []\n", "1:12: endpoints is empty"),
        (GOOD, "", "file is"),
        ("url:", "uri:", "unknown key 'uri'"),
        (", secret_env: S", "", "2:5: endpoint pager needs one secret"),
        ("S}", "S, secret_file: x}", "endpoint pager needs one secret"),
        ("https:", "http:", "is not encrypted"),
        ("https://h.example", "https://u:p@h.example", "has a user"),
        ("https://h.example/x", "file:///etc/passwd", "url is none"),
        ("S}", "S, events: [hold.open]}", "no event is called 'hold.open'"),
        ("S}", "S, begin: start}", "begin must be one of end, beginning, not 'start'"),
        ("S}", "S, timeout: 2m}", "a timeout is 100ms to 60s"),
        ("S}", "S, give_up_after: 1s}", "given up after 1m to 7d"),
        (
            "S}\n",
            "S}\n  - {name: pager, url: https://h.example/y, secret_env: S}\n",
            "two endpoints are called pager",
        ),
        ("secret_env: S", "secret_env: T", "variable T holds no secret"),
        ("secret_env: S", "secret_file: none", "cannot be read: No such file"),
        ("secret_env: S", "secret_env: whsec_dG9vIHNob3J0", "secret_env of endpoint pager is a secret"),
        ("secret_env: S", "secret_file: whsec_dG9vIHNob3J0", "secret_file of endpoint pager is a secret"),
        ("https://h.example", "https://u:dG9vIHNob3J0/@h.example", "url is none"),
    ],
    ids=str,
)
def test_mistakes_have_their_place(tmp_path, old, new, told):
    """What, where, what to do; never a secret's content."""
    with pytest.raises(LoadError) as caught:
        loaded(tmp_path, GOOD.replace(old, new), S=SECRET, T="dG9vIHNob3J0")
    assert told in str(caught.value)
    assert "dG9vIHNob3J0" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    """Says how to get one."""
    with pytest.raises(LoadError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("url", ["https://h/x", "https://h:8443", "http://localhost/x", "http://[::1]:80/"])
def test_where_secrets_may_go(url):
    """Over TLS, or nowhere but here."""
    assert url_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "ftp://h/",
        "https://",
        "https://h/ x",
        "https://h:x/",
        "https://h:0/",
        "https://h<i>/",
        "https://h..example/",
        f"https://{'h' * 64}/",
        "h",
    ],
)
def test_where_they_may_not(url):
    """In clear, or to no address."""
    assert url_fault(url)
