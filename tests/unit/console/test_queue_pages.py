"""The queue: what it shows without JavaScript, and what its forms do."""

from __future__ import annotations

import pytest
from console_site import LATER, NOW, PEOPLE, Page, event, hold

from toolgate.review.errors import VoteRefusedError
from toolgate.review.releasing import Word
from toolgate.schemas.enums import Choice
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Draft, Op
from toolgate.streams.ports import RetryError

DRAFT = Draft(
    "0-2", "i2", 2, NOW, "default", "mail_v1", "r2", "a", "send", "1", "draft_mail", "d2", "p1", "open",
    roles=("approver",), expires_at=LATER,
)  # fmt: skip
UNREAD = event(9, verdict="QUARANTINE", workflow_id="", run_id="", command_id="")
RESERVED = Op("reserve", ("0-5", NOW + 1_000, "d5", "pay", (), ()))
UNKNOWN = (
    event(5, ops=(RESERVED,)),
    event(6, topic="results", verdict="RECORDED", note="unresolved", command_id="0-5"),
)


def test_shows_what_stands_now_beside_what_is_asked(front):
    """With what it costs, whom it needs and whose it is."""
    front.feed(hold(cost_micros=30_000, records=("r1", "r2")))
    text = " ".join(Page(front.as_("bob").see("/queue")).text.split())
    for part in (
        "pay hold",
        "amount 50 70",
        "costs $0.03",
        "touches 2 records",
        "0 of 1 approvals by cfo",
        "owner cfo",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"0-1", "0-2", "0-5", "intents-0-9"}),
        ("?kind=draft", {"0-2"}),
        ("?workflow=refunds_v1", {"0-1", "0-5"}),
        ("?role=cfo", {"0-1"}),
        ("?overdue=yes", {"0-5", "0-1", "0-2"}),
        ("?role=nobody", set()),
    ],
)
def test_filters_by_address(front, query, shown):
    """Links work without a script."""
    front.feed(hold(), DRAFT, *UNKNOWN, UNREAD)
    page = Page(front.as_("bob").see(f"/queue{query}"))
    assert {each["id"].removeprefix("item-") for each in page.all("h2") if "id" in each} == shown


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("bob", "Approve"),
        ("eve", "It needs cfo, and your key stands for approver."),
        ("ann", "It takes the key of an approver."),
        ("guest", "You read only"),
    ],
)
def test_says_who_may_not(front, who, says):
    """Before anybody clicks."""
    front.feed(hold())
    page = front.as_(who).see("/queue")
    assert says in page
    assert ('value="approve"' in page) == (who == "bob")


@pytest.mark.parametrize(
    ("record", "choice", "voted"),
    [
        (hold(), "approve", Choice.APPROVE),
        (hold(), "reject", Choice.REJECT),
        (DRAFT, "promote", Choice.APPROVE),
    ],
)
def test_one_click_votes_with_the_key_of_the_session(front, desk, record, choice, voted):
    """And says what came of it, once."""
    front.feed(record)
    wanted = "0-1" if record.digest == "d1" else "0-2"
    front.as_("bob")
    answer = front.send(
        "/queue/decide",
        id=wanted,
        digest=record.digest,
        choice=choice,
        comment=" ok ",
        back="/queue?role=cfo",
    )
    assert answer.headers["location"] == "/queue?role=cfo"
    assert desk.did == [("vote", "bob", wanted, voted, "ok")]
    assert front.told() == f"done: {'hold' if wanted == '0-1' else 'draft'} {wanted}: approved."
    assert front.told() == ""


def test_the_first_of_two_is_told_that_it_waits(front, desk):
    """The page shows how many there are."""
    two = hold(approvals_needed=2)
    front.feed(two)
    desk.becomes = {"approvals": ("bob",)}
    front.as_("bob").send("/queue/decide", id="0-1", digest="d1", choice="approve")
    assert "1 of 2 approvals; it waits for more" in front.told()
    front.feed(changed(two, vote_id="v", voter="bob", choice="approve", approvals=("bob",)))
    page = front.see("/queue")
    assert "You have approved it; somebody else must, too." in page
    assert "<strong>1 of 2</strong>" in page


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id": "0-7"}, "nothing waits under this id"),
        ({"digest": "other"}, "what waits is not what the page has shown"),
        ({"choice": "withdraw"}, "this is no answer to it"),
        ({"choice": "happened"}, "this is no answer to it"),
    ],
)
def test_decides_about_what_was_shown_or_about_nothing(front, desk, fields, says):
    """The form names the digest that it has shown."""
    front.feed(hold())
    front.as_("bob").send("/queue/decide", **{"id": "0-1", "digest": "d1", "choice": "approve"} | fields)
    assert says in front.told()
    assert desk.did == []


def test_what_is_over_is_not_voted_on(front, desk):
    """It stays to be read."""
    front.feed(hold(), hold(state="rejected", vote_id="v1", voter="eve", choice="reject", comment="no"))
    front.as_("bob").send("/queue/decide", id="0-1", digest="d1", choice="approve")
    assert "it is over: rejected" in front.told()
    page = front.see("/queue/item?id=0-1")
    assert "It is over: rejected." in page
    assert "eve" in page
    assert desk.did == []


def test_guests_decide_nothing(front, desk):
    """Whatever they send."""
    front.feed(hold())
    front.as_("guest").send("/queue/decide", id="0-1", digest="d1", choice="approve")
    assert "you have no key to sign with" in front.told()
    assert desk.did == []


@pytest.mark.parametrize("trouble", [VoteRefusedError("too late", "0-1"), RetryError("Kafka is away")])
def test_what_goes_wrong_is_told(front, desk, trouble):
    """On the page it came from."""
    front.feed(hold())
    desk.trouble = trouble
    answer = front.as_("bob").send(
        "/queue/decide", id="0-1", digest="d1", choice="approve", back="/queue/item?id=0-1"
    )
    assert answer.headers["location"] == "/queue/item?id=0-1"
    assert f"refused: {trouble.args[0]}" in front.told()


@pytest.mark.parametrize(
    ("wanted", "fields", "word"),
    [
        ("0-5", {"digest": "d5", "choice": "happened"}, Word(happened=True)),
        (
            "0-5",
            {"digest": "d5", "choice": "happened", "cost": "0.5"},
            Word(happened=True, cost_micros=500_000),
        ),
        ("0-5", {"digest": "d5", "choice": "did-not", "cost": "0.5"}, Word(happened=False)),
        ("intents-0-9", {"digest": "intents-0-9", "choice": "aside"}, None),
    ],
)
def test_says_what_happened_to_what_nobody_knew(front, desk, wanted, fields, word):
    """An operator may, and an approver."""
    front.feed(*UNKNOWN, UNREAD)
    front.as_("ann").send("/queue/decide", id=wanted, comment="looked", **fields)
    assert desk.did == [("release", PEOPLE["ann"].kid, wanted, word, "looked")]


def test_a_cost_that_is_none_is_refused(front, desk):
    """In words."""
    front.feed(*UNKNOWN)
    front.as_("ann").send("/queue/decide", id="0-5", digest="d5", choice="happened", cost="1e3")
    assert "what it cost: money is a plain decimal" in front.told()
    assert desk.did == []


def taken(kid: str, note: str = "taken", number: int = 20):
    """What the audit says of who sees to the hold."""
    return event(
        number,
        topic="votes",
        verdict="RECORDED",
        note=note,
        kid=kid,
        command_id="0-1",
        intent_id=f"vote/{number}",
    )


@pytest.mark.parametrize(
    ("who", "fed", "offered"),
    [
        ("bob", [], "take"),
        ("ann", [], "take"),
        ("eve", [], "take"),
        ("guest", [], None),
        ("bob", [taken("bob")], "give-back"),
        ("ann", [taken("bob")], "take-over"),
    ],
)
def test_one_click_takes_it(front, desk, who, fed, offered):
    """Whoever has a key, also without the role to decide; who has it gives it back, others take it over."""
    front.feed(hold())
    front.feed(*fed)
    page = Page(front.as_(who).see("/queue"))
    values = [each["value"] for each in page.all("button") if "value" in each]
    assert [one for one in values if one in {"take", "take-over", "give-back"}] == (
        [offered] if offered else []
    )
    if offered is None:
        return
    front.send("/queue/decide", id="0-1", digest="d1", choice=offered, comment="bob is away")
    word = Choice(offered.replace("-", "_"))
    assert desk.did == [("assign", PEOPLE[who].kid, "0-1", word, "bob is away")]
    assert "hold 0-1" in front.told()


def test_shows_who_has_taken_it_and_why(front, desk):
    """In the queue since when; on its own page also over from whom, and the reason as somebody's words."""
    front.feed(hold())
    front.feed(taken("bob"), taken("ann", "taken_over", 21))
    desk.because = "<b>bob</b> is away"
    front.as_("eve")
    assert "taken by ann 23h ago" in " ".join(Page(front.see("/queue")).text.split())
    page = front.see("/queue/item?id=0-1")
    assert "over from bob" in page
    assert "&lt;b&gt;bob&lt;/b&gt; is away" in page
    assert "0-1" in front.see("/queue?taken_by=ann")
    assert "Nothing waits." in front.see("/queue?taken_by=bob")


def test_a_form_of_another_session_takes_nothing(front, desk):
    """As all forms."""
    front.feed(hold())
    front.as_("bob")
    answer = front.client.post(
        "/queue/decide", data={"token": "x", "id": "0-1", "digest": "d1", "choice": "take"}
    )
    assert (answer.status_code, desk.did) == (403, [])


def test_ten_thousand_holds_are_counted_and_some_are_shown(front):
    """Each page stays small, and leads to those beside it with the same filters; what is no page is the nearest."""
    front.feed(*(hold(f"0-{n:04}", expires_at=LATER + n) for n in range(10_000)))
    page = front.as_("bob").see("/queue?role=cfo")
    assert ("10000 wait" in page, "1 to 100 are shown" in page) == (True, True)
    assert (page.count("<article"), 'rel="prev"' in page) == (100, False)
    assert '<a href="/queue?role=cfo&amp;page=2" rel="next">' in page
    page = front.see("/queue?role=cfo&page=2")
    assert ("101 to 200 are shown" in page, "item-0-0100" in page) == (True, True)
    assert '<a href="/queue?role=cfo&amp;page=1" rel="prev">' in page
    assert 'name="back" value="/queue?role=cfo&amp;page=2"' in page
    page = front.see("/queue?page=101")
    assert ("9901 to 10000 are shown" in page, 'rel="next"' in page) == (True, False)


@pytest.mark.parametrize("page", ["0", "-1", "x", "\u0663", "9" * 30, "2", ""])
def test_a_page_that_is_not_there_is_the_nearest(front, page):
    """Whatever the address says."""
    front.feed(hold())
    assert "item-0-1" in front.as_("bob").see(f"/queue?page={page}")


def test_a_topic_that_cannot_be_read_is_told(front):
    """What is shown may lack something, and the page says so."""
    front.site.views.says("holds", problem="Kafka does not answer")
    front.site.views.says("drafts", whole=True)
    assert "holds: Kafka does not answer" in front.as_("bob").see("/queue")
    front.site.views.says("holds")
    assert "This may lack something" not in front.see("/queue")
