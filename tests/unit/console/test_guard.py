"""What keeps other sites out."""

from __future__ import annotations

import pytest
from console_site import Page, opened
from structlog.testing import capture_logs

from toolgate.console.app import DONE, SHOWN, application
from toolgate.console.guard import FORM_BYTES_MAX, HEADERS, POLICY
from toolgate.console.serving import Where, open_to_others


@pytest.mark.parametrize("path", [*SHOWN, "/sign-in", "/nowhere", "/static/console.css", "/static/no.css"])
def test_every_answer_has_the_headers(front, path):
    """Pages, what is not there, files; pages are kept by no cache."""
    front.as_("bob")
    headers = front.client.get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_nothing_runs_but_our_own_files():
    """No inline script, no inline style, nothing from elsewhere."""
    assert POLICY.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in POLICY


def test_a_fault_has_the_headers_too(site, monkeypatch):
    """And says nothing that its log should say."""
    monkeypatch.setattr(site.views, "not_current", lambda _view: 1 / 0)
    front = opened(application(site, ["console.test"]))
    front = type(front)(front.app, base_url="http://console.test", raise_server_exceptions=False)
    with front as client:
        token = Page(client.get("/sign-in").text).all("input")[0]["value"]
        fields = {"token": token, "name": "bob", "password": "correct horse battery"}
        client.post("/sign-in", data=fields, follow_redirects=False)
        answer = client.get("/queue")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == POLICY
    assert "division" not in answer.text


@pytest.mark.parametrize("path", DONE)
@pytest.mark.parametrize("token", ["", "f" * 64])
def test_no_form_counts_without_its_token(front, desk, path, token):
    """Nothing is done."""
    front.as_("bob")
    assert front.client.post(path, data={"token": token, "id": "0-1"}).status_code == 403
    assert desk.did == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_form_of_another_site_counts(front, desk, headers):
    """Even with the right token."""
    front.as_("ann")
    fields = {"token": front.token(front.see("/queue")), "scope": "all", "reason": "x"}
    assert front.client.post("/control/kill", data=fields, headers=headers).status_code == 400
    assert desk.did == []


def test_a_token_is_of_one_session(front, desk):
    """Another's is worth nothing."""
    token = front.as_("ann").token(front.see("/queue"))
    front.client.cookies.clear()
    front.as_("ben")
    fields = {"token": token, "scope": "all", "reason": "x"}
    assert front.client.post("/control/kill", data=fields).status_code == 403
    assert desk.did == []


@pytest.mark.parametrize("body", [b"x" * (FORM_BYTES_MAX + 1), b"a=%ff", b"\xff", b"&".join([b"a=1"] * 99)])
def test_what_is_no_form_is_refused(front, body):
    """Too large, not text, too many fields."""
    front.as_("ann")
    assert front.client.post("/control/kill", content=body).status_code == 400


def test_no_other_name_reaches_it(front):
    """So no other site's name can be pointed here."""
    assert front.client.get("/sign-in", headers={"host": "evil.test"}).status_code == 400


def test_a_get_does_nothing(front, desk):
    """What is done is done by a form."""
    front.as_("ann")
    assert {front.client.get(path).status_code for path in DONE} == {404}
    assert desk.did == []


def test_a_form_that_is_refused_is_logged(front):
    """With who sent it, once that is known: somebody may be trying."""
    front.as_("ann")
    with capture_logs() as logged:
        front.client.post("/control/kill", data={"token": "f" * 64})
        front.client.post("/control/kill", content=b"a=%ff")
    assert [(one["event"], one["path"], one.get("user")) for one in logged] == [
        ("a form was refused", "/control/kill", "ann"),
        ("a form was refused", "/control/kill", None),
    ]


@pytest.mark.parametrize(
    ("host", "proxies", "warns"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("::1", "", False),
        ("0.0.0.0", "", True),
        ("console.example.com", "", True),
        ("0.0.0.0", "10.0.0.7", False),
    ],
)
def test_who_listens_for_others_without_tls_is_warned(host, proxies, warns):
    """A proxy that is named is believed to end it."""
    assert bool(open_to_others(Where(host, 1, (), proxies))) is warns
