"""The console on a real Kafka, gate and browser: people look, decide, stop and let go."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import browser
import pytest
import verified
from gate_load import WORKFLOW
from gate_site import Site
from patience import until

from toolgate.console import users
from toolgate.processors.keyring import StarterKey
from toolgate.schemas.records import Command, Control, Hold
from toolgate.sdk import Client
from toolgate.streams import topic_admin
from toolgate.streams.gate import keys
from toolgate.streams.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from toolgate.sdk import Answer
    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real

PASSWORD = "correct horse battery"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202ednalsi\x1b[2J"
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  approvals: [{{rules: [huge], approvers: 2, roles: [cfo]}}]
  rules:
    - {{id: large, tools: [pay], when: params.id == "big", then: hold, roles: [cfo], because: big ones wait}}
    - {{id: huge, tools: [pay], when: params.id == "huge", then: hold, roles: [cfo], because: huge ones need two}}
    - {{id: never, tools: [pay], when: params.id == "never", then: deny, because: never}}
"""
NOTE = "{properties: {id: {type: string}, note: {type: string}}, required: [id]}"
SHORT = "{properties: {id: {type: string}}, required: [id]}"
PEOPLE = {"bob": ["approver"], "eve": ["approver"], "ann": ["operator"], "ben": ["operator"]}


class Console:
    """A gate, the console in front of it, and a browser."""

    def __init__(self, site: Site, client: Client, running: Browser, url: str) -> None:
        self.site = site
        self.url = url
        self._client = client
        self._browser = running
        self._cookies: dict[str, list] = {}
        self.wrong: list[str] = []  # what no page may do

    def asked(self, run: str, what: str, **params: str) -> str:
        """The id of what waits, once an agent has asked for it."""
        return self.answer(run, what, **params).hold_id

    def answer(self, run: str, what: str, **params: str) -> Answer:
        """What the gate says to an agent that asks for it."""
        return self._client.submit(self._client.intent(run, "pay", {"id": what, **params}))

    def page(self, who: str, path: str = "/queue", *, script: bool = True) -> Page:
        """A page of somebody who has signed in."""
        context = self._browser.new_context(java_script_enabled=script)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("console", lambda said: self.wrong.append(f"{said.type}: {said.text}"))
        page.on("request", lambda asked: asked.url.startswith(self.url) or self.wrong.append(asked.url))
        if who in self._cookies:
            context.add_cookies(self._cookies[who])
            page.goto(f"{self.url}{path}")
            return page
        page.goto(f"{self.url}{path}")
        page.get_by_label("Name").fill(who)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        self._cookies[who] = [each for each in context.cookies() if each["name"] == "toolgate_session"]
        return page

    def states(self) -> dict[str, str]:
        """How each hold stands, by the topic."""
        return {one.hold_id: one.state for one in self.site.read("holds", Hold) if not one.refused}


@pytest.fixture(scope="module")
def console(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """All of it, once for the module."""
    settings = load(
        bootstrap_servers=stack.bootstrap, redis_url=stack.redis_url, prefix="console", partitions=2
    )
    topic_admin.apply(topic_admin.connect(settings), settings)
    with browser.browser() as running, Site(settings, tmp_path_factory.mktemp("console")) as site:
        tools = (site.folder / "tools.yaml").read_text("utf-8").replace(SHORT, NOTE)
        (site.folder / "tools.yaml").write_text(tools, encoding="utf-8")
        (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        ring, file = site.folder / "keyring.yaml", site.folder / "users.json"
        for name, roles in PEOPLE.items():
            keys.new_operator(ring, name, roles, ["cfo"] if "approver" in roles else [])
        worker = site.worker()
        signers = {name: StarterKey(name, keys.load_signer(ring, name)) for name in PEOPLE}
        users.write(file, [users.made(name, PASSWORD, key) for name, key in signers.items() if name != "bob"])
        words = ("user", "add", "bob", "--key", "bob", "--password-stdin", "--users", str(file))
        command = [sys.executable, "-m", "toolgate.cli", "console"]
        added = subprocess.run(
            [*command, *words],
            input=PASSWORD,
            text=True,
            check=False,
            capture_output=True,
            env=site.environment(),
        )
        assert added.returncode == 0, added.stderr
        with (site.folder / "console.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--port", "0", "--users", str(file), "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=site.environment(),
            )
        site.others.append(process)
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"].rstrip("/")
        worker.running()
        with Client(settings, site.agents, "ann") as client:
            yield Console(site, client, running, url)
        process.terminate()
        assert process.wait(20) == 0, (site.folder / "console.log").read_text("utf-8")
        assert verified.report(settings).findings.listed() == []


def test_one_click_approves_and_another_rejects(console: Console):
    """Pages that are open see it come and go; what was approved is a command."""
    page = console.page("bob")
    wanted, other = console.asked("r1", "big", note=HOSTILE), console.asked("r2", "big")
    page.get_by_label("Why, for people").first.wait_for()
    shown = page.locator(f"article:has([id='item-{wanted}'])")
    assert "<script>alert(1)</script>" in shown.inner_text()
    assert "\\u202ednalsi\\x1b[2J" in shown.inner_text()
    assert page.locator("main script, main img").count() == 0
    shown.get_by_label("Why, for people").fill("a known customer")
    page.get_by_role("button", name=f"Approve {wanted}").click()
    page.get_by_text(f"hold {wanted}: approved.").wait_for()
    assert [command.command_id for command in console.site.read("commands", Command)] == [wanted]
    page.get_by_role("button", name=f"Reject {other}").click()
    page.get_by_text(f"hold {other}: rejected.").wait_for()
    assert {wanted: "approved", other: "rejected"}.items() <= console.states().items()
    page.goto(f"{console.url}/queue/item?id={wanted}")
    assert "a known customer" in page.inner_text("main")
    assert console.wrong == []


def test_two_people_approve_what_takes_two(console: Console):
    """Each with their own key; the second sees the first's vote come, without doing anything."""
    wanted = console.asked("r3", "huge")
    bob, eve = console.page("bob"), console.page("eve")
    eve.get_by_role("button", name=f"Take {wanted}").click()
    bob.get_by_text("taken by eve").wait_for()
    bob.get_by_role("button", name=f"Take over {wanted}").wait_for()
    bob.get_by_role("button", name=f"Approve {wanted}").click()
    bob.get_by_text("1 of 2 approvals; it waits for more").wait_for()
    bob.get_by_text("You have approved it; somebody else must, too.").wait_for()
    eve.get_by_text("1 of 2", exact=True).wait_for()
    assert console.states()[wanted] == "open"
    eve.get_by_role("button", name=f"Approve {wanted}").click()
    eve.get_by_text(f"hold {wanted}: approved.").wait_for()
    bob.get_by_text("Nothing waits.").wait_for()
    told = [one for one in console.site.read("holds", Hold) if one.hold_id == wanted and one.vote_id]
    assert [(one.voter, one.state) for one in told] == [("bob", "open"), ("eve", "approved")]
    assert console.wrong == []


def test_one_stops_and_two_let_go(console: Console):
    """What is stopped is stopped at once; the one who has signed is not the second."""
    ann, ben = console.page("ann", "/control"), console.page("ben", "/control")
    stop = ann.get_by_role("region", name="Stop something")
    stop.get_by_label("Name").fill(WORKFLOW)
    stop.get_by_label("Why").fill("odd payments")
    stop.get_by_role("button").click()
    ann.get_by_text("nothing is approved after seq").wait_for()
    assert console.answer("r4", "small").codes == ("KILLED",)
    ann.get_by_label("Why", exact=True).first.fill("right again")
    ann.get_by_role("button", name=f"Sign the lift of workflow {WORKFLOW}").click()
    ann.get_by_text("You have signed it; another operator must, too.").wait_for()
    ben.get_by_role("button", name="Sign as the second").click()
    ben.get_by_text("let go after seq").wait_for()
    ann.get_by_text("Nothing is stopped.").wait_for()
    assert console.answer("r5", "small").command_id
    said = console.site.read("control", Control)
    assert [(word.kind, word.issued_by) for word in said] == [("kill", ("ann",)), ("lift", ("ann", "ben"))]
    assert console.wrong == []


def test_keys_are_enough(console: Console):
    """To find a row, its button, and the next page."""
    wanted = console.asked("r6", "big")
    page = console.page("bob")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.matches('article')")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Approve {wanted}"
    page.keyboard.press("Enter")
    page.get_by_text(f"hold {wanted}: approved.").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_url("**/near-misses")
    assert console.wrong == []


def test_everything_is_there_without_a_script(console: Console):
    """Every page can be read, and a form is a form."""
    console.answer("r7", "never", note=HOSTILE)
    wanted = console.asked("r8", "big")
    console.page("bob")
    page = console.page("bob", script=False)

    def reads(path: str, words: str) -> bool:
        page.goto(f"{console.url}{path}")
        return words in page.inner_text("main")

    for path, words in (
        ("/near-misses", "rules.never.then: deny -> hold asks people about"),
        ("/near-misses/nearest", "RULE_DENIED"),
        ("/runs", "r7"),
        ("/runs/run?id=r7", "deny"),
        ("/budgets", "Shared accounts"),
        ("/control", "Nothing is stopped."),
        ("/policies", "Nothing was ever activated."),
        ("/queue", wanted),
    ):
        until(partial(reads, path, words), f"{words} on {path}")
    page.get_by_role("button", name=f"Reject {wanted}").click()
    page.get_by_text(f"hold {wanted}: rejected.").wait_for()
    page.goto(f"{console.url}/near-misses")
    page.get_by_role("link", name="Cluster").first.click()
    page.get_by_role("heading", name="What would let it through").wait_for()
    page.get_by_role("link", name="Make a policy test of").first.wait_for()
    assert console.wrong == []
