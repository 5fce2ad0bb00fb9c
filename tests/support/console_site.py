"""What tests of the console have instead of Kafka and a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import written
from nacl.signing import SigningKey
from starlette.testclient import TestClient

from toolgate.console.halves import half_signed
from toolgate.console.people import Person
from toolgate.processors.case import Envelope
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import StarterKey
from toolgate.review.voting import Cast
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Choice, Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Balance, Control, Denial, Draft, Hold, Reason, Vote

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from toolgate.console.site import Site

PASSWORD = "correct horse battery"
NOW = 1_790_000_000_000
DAY_MS = 86_400_000
LATER = 9_000_000_000_000  # holds of tests do not expire
_KINDS = {Hold: "holds", Draft: "drafts", Denial: "denials", AuditEvent: "audit"}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def key(kid: str) -> StarterKey:
    """The same key for the same name."""
    return StarterKey(kid, SigningKey(kid.encode().ljust(32, b".")))


PEOPLE = {
    "bob": Person("bob", key("bob"), frozenset({"approver"}), frozenset({"approver", "cfo"})),
    "eve": Person("eve", key("eve"), frozenset({"approver"}), frozenset({"approver"})),
    "ann": Person("ann", key("ann"), frozenset({"operator"})),
    "ben": Person("ben", key("ben"), frozenset({"operator"})),
    "guest": Person("guest"),
}


class Door:
    """Identifies people by one password."""

    def identify(self, name: str, password: str) -> Person | None:
        """The person of that name."""
        return PEOPLE.get(name) if password == PASSWORD else None


class Desk:
    """Remembers what it was asked to do, and answers as a test has told it."""

    def __init__(self) -> None:
        self.door = Door()
        self.did: list[tuple[Any, ...]] = []
        self.state = ControlState()
        self.said: list[Any] = []
        self.sets: dict[str, dict[str, bytes]] = {}
        self.compiled: Any = None
        self.kept: dict[tuple[int, int], Any] = {}
        self.because = ""
        self.trouble: Exception | None = None
        self.becomes: dict[str, Any] = {"state": "approved"}

    def standing(self) -> ControlState:
        """The state that the test has set."""
        self._fail()
        return self.state

    def history(self) -> list[Any]:
        """The words that the test has set."""
        return self.said

    def files(self, digest: str) -> dict[str, bytes] | None:
        """The set that the test has published."""
        return self.sets.get(digest)

    def policies(self, digest: str) -> Any:
        """The set that the test has compiled."""
        return self.compiled

    def intents(self, places: Any) -> dict[Any, Any]:
        """Those that the test has put there."""
        return {place: self.kept[place] for place in places if place in self.kept}

    def vote(self, key: StarterKey, waiting: Any, choice: Choice, comment: str) -> Cast:
        """Takes every vote."""
        self._fail()
        self.did.append(("vote", key.kid, waiting.id, choice, comment))
        vote = Vote("v", waiting.id, "r", key.kid, choice.value, waiting.opened.digest, "p")
        return Cast(vote, changed(waiting.latest, vote_id="v", **self.becomes))

    def release(self, key: StarterKey, item: Any, word: Any, comment: str) -> AuditEvent:
        """Takes every release."""
        self.did.append(("release", key.kid, item.id, word, comment))
        return event(note="released")

    def assign(self, key: StarterKey, item: Any, choice: Choice, comment: str) -> None:
        """Takes every word on who sees to it."""
        self._fail()
        self.did.append(("assign", key.kid, item.id, choice, comment))

    def why_taken(self, assignee: Any) -> str:
        """What the test has let somebody say."""
        return self.because

    def say(self, key: StarterKey, word: Control) -> int:
        """Takes every word."""
        self._fail()
        self.did.append((word.kind, word.issued_by, key.kid, word.scope, word.value, word.mode, word.reason))
        return 7

    def half_signed(self, key: StarterKey, word: Control) -> dict[str, Any]:
        """For the other operators."""
        others = [person.kid for person in PEOPLE.values() if person.operates and person.kid != key.kid]
        return half_signed(key, others, word, lambda made: repr(made).encode())

    def say_as_second(self, key: StarterKey, half: Any) -> int:
        """Takes every word of two."""
        signature = half.first.sign(repr(half.word).encode()).signature
        self.did.append((half.word.kind, half.word.issued_by, key.kid, signature))
        return 9

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class Page(HTMLParser):
    """What is in a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of the elements of a name."""
        return [attributes for name, attributes in self.elements if name == tag]


class Front:
    """A browser without JavaScript in front of the console."""

    def __init__(self, client: TestClient, site: Site) -> None:
        self.client = client
        self.site = site

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> Any:
        """Send the form as the page has it."""
        token = self.token(self.client.get("/sign-in").text)
        return self.client.post(
            "/sign-in", data={"token": token, "name": name, "password": password, **fields}
        )

    def as_(self, name: str) -> Front:
        """The same, once somebody has signed in."""
        assert self.sign_in(name).status_code == 303
        return self

    def see(self, path: str) -> str:
        """A page that is there."""
        found = self.client.get(path)
        assert found.status_code == 200, found.text
        return str(found.text)

    def send(self, path: str, page: str = "/queue", **fields: str) -> Any:
        """A form of a page, with its token."""
        return self.client.post(path, data={"token": self.token(self.see(page)), **fields})

    def told(self, path: str = "/queue") -> str:
        """The notices of the next page."""
        found = re.findall(r'<p class="notice (\w+)">(.*?)</p>', self.see(path), re.DOTALL)
        return "; ".join(f"{kind}: {text}" for kind, text in found)

    @staticmethod
    def token(text: str) -> str:
        """The token of a page's forms."""
        return re.findall(r'name="token" value="([^"]+)"', text)[0]

    def feed(self, *records: Any) -> None:
        """Let the views see records, as if they came from Kafka."""
        for offset, record in enumerate(records):
            topic = _KINDS[type(record)]
            value = Codec(type(record)).encode(record)
            self.site.views.take(topic, [Envelope(topic, 0, offset, NOW + offset, b"r", value)])


def opened(app: ASGIApp) -> TestClient:
    """A client that follows no redirect by itself."""
    return TestClient(app, base_url="http://console.test", follow_redirects=False)


def hold(hold_id: str = "0-1", **fields: Any) -> Hold:
    """A hold that waits for one CFO."""
    made = Hold(
        hold_id=hold_id,
        intent_id="i1",
        seq=1,
        clk=NOW,
        tenant="default",
        workflow_id="refunds_v1",
        run_id="run-1",
        agent_id="agent-1",
        tool="pay",
        tool_version="1",
        digest="d1",
        policy_digest="p1",
        approvals_needed=1,
        roles=("cfo",),
        expires_at=LATER,
        state="open",
        diff='{"amount":{"asked":70,"now":50}}',
        cost_micros=10_000,
    )
    return changed(made, **fields)


def denial(seq: int = 1, *reasons: Reason, **fields: Any) -> Denial:
    """A denial of run-1."""
    made = Denial(
        intent_id=f"i{seq}",
        seq=seq,
        ctl=0,
        clk=NOW,
        partition=0,
        offset=seq,
        tenant="default",
        workflow_id="refunds_v1",
        run_id="run-1",
        agent_id="agent-1",
        tool="pay",
        tool_version="1",
        effect="write",
        digest="d",
        params_digest="x",
        policy_digest="p1",
        retryable=False,
        dry_run=False,
        cost_micros=10_000,
        reasons=reasons or (Reason("RULE_DENIED", "never", "never so"),),
    )
    return changed(made, **fields)


def event(seq: int = 1, **fields: Any) -> AuditEvent:
    """An approval of run-1."""
    made = changed(
        written.EVENT,
        seq=seq,
        clk=NOW + seq,
        offset=seq,
        append_time=NOW + seq,
        verdict=Verdict.APPROVE.value,
        intent_id=f"i{seq}",
        params_digest="x",
        workflow_id="refunds_v1",
        run_id="run-1",
        agent_id="agent-1",
        command_id=f"0-{seq}",
        cost_micros=10_000,
        balances=(Balance("tenant:default:usd", "usd_micros", seq * 10_000, 100_000),),
        policy_digest="p1",
        kid="agents-1",
    )
    return changed(made, **fields)
