"""Signing in: who comes in, who waits, and how long it lasts."""

from __future__ import annotations

import pytest
from console_site import PASSWORD

from toolgate.console.attempts import FREE, WAIT_S_FIRST, Attempts
from toolgate.console.sessions import IDLE_S
from toolgate.console.sign_in import BEFORE, KNOWN
from toolgate.console.site import COOKIE
from toolgate.processors.problems import LoadError, Problem


def test_nobody_sees_anything_before(front):
    """Every page leads to the form, which leads back to the page."""
    answer = front.client.get("/near-misses?tool=pay")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Fnear-misses%3Ftool%3Dpay",
    )
    assert front.client.get("/events").status_code == 401
    assert front.sign_in("bob", next="/near-misses?tool=pay").headers["location"] == "/near-misses?tool=pay"


@pytest.mark.parametrize("elsewhere", ["//evil.test", "https://evil.test/", "/\\evil.test", "/\nx", ""])
def test_leads_nowhere_else(front, elsewhere):
    """Whatever the form says."""
    assert front.sign_in("bob", next=elsewhere).headers["location"] == "/queue"


def test_the_cookie_is_for_the_browser_alone(front):
    """No script reads it, no other site sends it; its id is new at each sign-in."""
    first, second = front.sign_in("bob"), None
    front.client.cookies.clear()
    second = front.sign_in("bob")
    said = first.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    ids = [answer.cookies[COOKIE] for answer in (first, second)]
    assert len(ids[0]) >= 43
    assert ids[0] != ids[1]


def test_a_wrong_password_opens_nothing(front):
    """Nor does a name that is not there; both are told the same."""
    told = {
        front.sign_in(*words).text.split("alert")[1][:60] for words in (("bob", "no"), ("nobody", PASSWORD))
    }
    assert len(told) == 1
    assert front.client.get("/queue").status_code == 303


def test_whoever_fails_often_waits(front, clock):
    """Longer each time, and with the right password as well; then they come in."""
    for _ in range(FREE):
        assert front.sign_in("bob", "wrong").status_code == 401
    answer = front.sign_in("bob")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(WAIT_S_FIRST))
    clock.now += WAIT_S_FIRST
    assert front.sign_in("bob", "wrong").status_code == 401
    assert front.sign_in("bob").headers["retry-after"] == str(2 * WAIT_S_FIRST)
    clock.now += 2 * WAIT_S_FIRST
    assert front.sign_in("bob").status_code == 303


def test_a_form_from_elsewhere_signs_nobody_in(front):
    """Its token is of the browser that asked for it."""
    token = front.token(front.client.get("/sign-in").text)
    front.client.cookies.clear()
    fields = {"token": token, "name": "bob", "password": PASSWORD}
    assert front.client.post("/sign-in", data=fields).status_code == 403


def test_a_session_ends_when_nothing_is_done(front, clock):
    """A page that fetches itself again does nothing."""
    front.as_("bob")
    clock.now += IDLE_S - 1
    front.see("/queue")
    clock.now += IDLE_S - 1
    assert front.client.get("/queue", headers={"hx-request": "true"}).status_code == 200
    clock.now += 2
    again = front.client.get("/queue", headers={"hx-request": "true"})
    assert (again.status_code, again.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fqueue")
    assert front.client.get("/queue").status_code == 303


def test_whoever_signs_out_is_out(front, site):
    """The session is gone from the server, key and all."""
    front.as_("bob")
    cookie = front.client.cookies[COOKIE]
    assert front.send("/sign-out").headers["location"] == "/sign-in"
    assert site.sessions.find(cookie) is None


def test_whoever_signs_in_again_leaves_no_session_behind(front, site):
    """The browser forgets its cookie, so the server forgets the key."""
    front.as_("bob")
    before, token = front.client.cookies[COOKIE], site.sessions.token("b" * 30)
    fields = {"token": token, "name": "eve", "password": PASSWORD}
    front.client.cookies.set(BEFORE, "b" * 30)
    front.client.post("/sign-in", data=fields)
    assert front.client.cookies[COOKIE] != before
    assert site.sessions.find(before) is None


def test_nobody_locks_others_out(front, clock):
    """Who fails with a name makes it wait for whoever comes new, not for a browser that has signed in with it."""
    front.as_("bob").send("/sign-out")
    known = front.client.cookies[KNOWN]
    front.client.cookies.clear()
    for _ in range(FREE):
        front.sign_in("bob", "wrong")
    assert front.sign_in("bob").status_code == 429
    front.client.cookies.set(KNOWN, known)
    assert front.sign_in("eve").status_code == 429  # it is no proof of another name
    for _ in range(FREE):
        assert front.sign_in("bob", "wrong").status_code == 401
    assert front.sign_in("bob").status_code == 429  # and has attempts of its own, no more of them
    clock.now += WAIT_S_FIRST
    assert front.sign_in("bob").status_code == 303


@pytest.mark.parametrize("forged", ["", "x", ".", "a.b.c", "é.é", "a" * 5_000])
def test_a_browser_is_known_by_a_proof(clock, forged):
    """Nobody makes one."""
    tried = Attempts(clock)
    proof = tried.proof("bob")
    assert tried.proven("bob", proof)
    assert not tried.proven("bob", forged)
    assert not tried.proven("eve", proof)
    assert not tried.proven("bob", Attempts(clock).proof("bob"))


def test_a_broken_file_of_users_is_for_the_log(front, desk, monkeypatch):
    """Who signs in learns nothing of it."""

    def broken(name, password):
        raise LoadError([Problem("users.json", 0, 0, "secret detail")])

    monkeypatch.setattr(desk.door, "identify", broken)
    answer = front.sign_in("bob")
    assert answer.status_code == 503
    assert "secret detail" not in answer.text
