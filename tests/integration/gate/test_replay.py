"""`toolgate replay` over a history of real workers: one killed, a set activated, Redis emptied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from gate_site import POLICY, TOOLS
from patience import until

from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from gate_site import Site

pytestmark = pytest.mark.real

SECOND = {"tools.yaml": TOOLS, "policy.yaml": POLICY + "  denied_tools: [look]\n"}


def folder(site: Site, name: str, files: dict[str, str]) -> str:
    """A folder of policies."""
    place = site.folder / name
    place.mkdir()
    for file, content in files.items():
        (place / file).write_text(content, encoding="utf-8")
    return str(place)


def replayed(site: Site, *words: str, code: int) -> dict[str, Any]:
    """What `toolgate replay --json` says."""
    answer = site.toolgate("replay", "--json", *words)
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    return dict(json.loads(answer.stdout))


def test_a_history_with_a_death_an_activation_and_a_lost_redis_is_the_same_again(site: Site):
    """And under another folder it is not: the first decision that was made under the gate's own one is named."""
    ring = site.folder / "keyring.yaml"
    keys.new_operator(ring, "pat", ["publisher"])
    first, second = site.worker(0), site.worker(1)
    load = site.start_load()
    first.running()
    second.running()
    until(lambda: load.sent > 300, "some load")
    first.kill()
    site.worker(0).running()
    denying = folder(site, "second", SECOND)
    activated = site.toolgate("policy", "activate", denying, "--as", "pat", "--keys", str(ring), "--json")
    assert activated.returncode == 0, activated.stderr
    sent = load.sent
    until(lambda: load.sent > sent + 200, "load under the other set")
    with site.redis() as client:
        client.flushall()
    sent = load.sent
    until(lambda: load.sent > sent + 200, "load after the rebuild")
    load.stop()
    site.send_raw("intents", b"nobody", b"no record")
    site.rest()
    events = site.audit()
    assert len({event.gen for event in events}) > 1
    assert len({event.policy_digest for event in events}) > 1

    found = replayed(site, code=0)
    assert (found["decisions"], found["differs"], found["undecided"]) == (len(events), False, 0)
    assert found["beside_lost"] < len(events) / 10

    differing = folder(site, "third", {**SECOND, "policy.yaml": POLICY.replace("2.50", "2.00")})
    found = replayed(site, "--policy", differing, code=10)
    first_event = min(events, key=lambda event: event.seq)
    assert found["first"]["seq"] == first_event.seq
    assert found["first"]["input"] == {
        "topic": first_event.topic,
        "partition": first_event.partition,
        "offset": first_event.offset,
    }
    assert "policy_digest" in [one["field"] for one in found["first"]["fields"]]
    shown = site.toolgate("replay", "--policy", differing)
    assert shown.returncode == 10
    assert first_event.policy_digest in shown.stdout
