"""Rules over facts on a real Kafka and Redis: what a run has read decides, whatever happens in between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from gate_load import WORKFLOW
from patience import until

from toolgate.processors.keyring import mac
from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent, Result
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real

TOOLS = """
tools:
  - name: look
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {color: {type: string}}, required: [color]}
    remember:
      - {fact: thing, key: params.id, trusted: true, fields: {color: result.color}}
  - name: paint
    effect: write
    records: [id]
    params: {properties: {id: {type: string}}, required: [id]}
"""
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, paint]
  rules:
    - {{id: red, tools: [paint], when: 'facts.thing[params.id].color == "red"', because: red stays red}}
    - {{id: again, tools: [paint], when: history.failed > 0, because: it has failed before}}
"""


class Desk:
    """An agent and an executor of one run."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._producer = Producer({**client_producer_config(site.settings), "log_level": 0})
        self._codecs: dict[type[Any], Codec[Any]] = {Intent: Codec(Intent), Result: Codec(Result)}
        self._numbers = iter(range(1, 99))

    def ask(self, tool: str, thing: str, seen_to: int | None = None) -> Intent:
        """Send an intent."""
        params = json.dumps({"id": thing}, separators=(",", ":"))
        name = f"i{next(self._numbers)}"
        intent = Intent(
            name, "call", "default", WORKFLOW, "r", "ann", tool, None, params, results_seen_to=seen_to
        )
        self._send("intents", intent, self.site.agents)
        return intent

    def answer(self, intent: Intent, status: str, body: str) -> int:
        """Send the result of an intent that was approved; its offset."""
        event = self.event(intent)
        assert event.verdict == "APPROVE", event.reasons
        digest = body_digest(self._codecs[Intent].encode(intent))
        result = Result(event.command_id, intent.intent_id, "r", intent.tool, digest, status, "desk", body)
        return self._send("results", result, self.site.desk)

    def event(self, intent: Intent) -> Any:
        """The audit event of an intent, once it is there."""
        found: list[Any] = []

        def there() -> bool:
            found[:] = [event for event in self.site.audit() if event.intent_id == intent.intent_id]
            return bool(found)

        until(there, lambda: f"a decision; the worker said {self.site.workers[-1].said()[-2000:]}")
        return found[0]

    def codes(self, intent: Intent) -> list[str]:
        """Why it was refused."""
        return [reason.code for reason in self.event(intent).reasons]

    def _send(self, topic: str, record: Intent | Result, key: Any) -> int:
        value, places = self._codecs[type(record)].encode(record), []
        headers = [(KID, key.kid.encode()), (MAC, mac(key.secret, topic, b"r", value))]
        self._producer.produce(
            self.site.settings.topic(topic),
            value,
            b"r",
            headers=headers,
            on_delivery=lambda _error, message: places.append(message.offset()),
        )
        until(lambda: self._producer.flush(1.0) == 0, "the broker to take a record")
        return int(places[0])


@pytest.fixture
def desk(site: Site) -> Desk:
    """A site whose policy looks at facts."""
    (site.folder / "tools.yaml").write_text(TOOLS, encoding="utf-8")
    (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return Desk(site)


def test_what_was_read_decides_also_after_a_rebuild(desk: Desk):
    """Read first; then the fact counts, at once for who says it has read it; and it is in the log for ever."""
    site = desk.site
    worker = site.worker().running()
    assert desk.codes(desk.ask("paint", "a")) == ["READ_FIRST"]
    red, blue = desk.ask("look", "a"), desk.ask("look", "b")
    desk.answer(red, "ok", '{"color":"red"}')
    at = desk.answer(blue, "ok", '{"color":"blue"}')
    assert desk.codes(desk.ask("paint", "a", at)) == ["RULE_DENIED"]
    painted = desk.ask("paint", "b", at)
    assert desk.event(painted).verdict == "APPROVE"
    assert desk.codes(desk.ask("paint", "b", 10_000)) == ["UNSEEN_RESULTS"]
    desk.answer(painted, "error", "")
    site.rest()
    assert desk.codes(desk.ask("paint", "b")) == ["RULE_DENIED"]
    worker.kill()
    site.redis().flushall()
    site.worker().running()
    assert desk.codes(desk.ask("paint", "a")) == ["RULE_DENIED"]
    assert desk.codes(desk.ask("paint", "c")) == ["READ_FIRST"]
    site.check(approved=3)
