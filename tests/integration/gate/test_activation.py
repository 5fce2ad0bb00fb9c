"""Policy sets and modes by control records: on every worker from one place of the order on, or nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import checker
import pytest
from confluent_kafka import Producer
from gate_load import WORKFLOW
from gate_site import POLICY, TOOLS, Site
from patience import until

from toolgate import __version__
from toolgate.processors.keyring import framed
from toolgate.processors.loader import set_digest
from toolgate.processors.policy_store import FILE_BYTES_MAX, loader_of
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Control
from toolgate.schemas.registry import bundled
from toolgate.streams import topic_admin
from toolgate.streams.gate import keys
from toolgate.streams.operating import Operating
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolgate.streams.local import Stack
    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real

FIRST = {"tools.yaml": TOOLS.encode(), "policy.yaml": POLICY.encode()}  # what lies beside the workers
SECOND = {**FIRST, "policy.yaml": FIRST["policy.yaml"] + b"  denied_tools: [look]\n"}
SWITCHES = 200
WORKERS = 4


@pytest.fixture
def wide(hurt_stack: Stack, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Site]:
    """A prefix with a partition for each of four workers."""
    settings = make_settings(hurt_stack, prefix="activations", partitions=WORKERS, batch_size=200)
    topic_admin.apply(topic_admin.connect(settings), settings)
    with Site(settings, tmp_path) as made:
        yield made


def people(site: Site) -> Path:
    """The site's keyring, with a publisher, two operators and the watch."""
    ring = site.folder / "keyring.yaml"
    for kid, role in (("pat", "publisher"), ("ann", "operator"), ("ben", "operator"), ("eye", "watch")):
        keys.new_operator(ring, kid, [role])
    return ring


def folder(site: Site, name: str, files: dict[str, bytes]) -> str:
    """A folder of policies."""
    place = site.folder / name
    place.mkdir()
    for file, content in files.items():
        (place / file).write_bytes(content)
    return str(place)


def said(site: Site, *words: str, code: int = 0) -> Any:
    """What a `toolgate` command prints as JSON, or what it complains of."""
    answer = site.toolgate(*words, "--json")
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr
    return json.loads(answer.stdout) if code == 0 else answer.stderr


def published(site: Site, ring: Path) -> checker.Sets:
    """Both sets, published, and what each denies."""
    with Operating(site.settings, keys.load_operators(ring), bundled()) as operating:
        below = {set_digest(files): operating.publish(files) for files in (FIRST, SECOND)}
    denied = {set_digest(FIRST): frozenset[str](), set_digest(SECOND): frozenset({"look"})}
    return checker.Sets(set_digest(FIRST), denied, below)


def switch(site: Site, ring: Path, sets: checker.Sets, halfway: Callable[[], None]) -> None:
    """Activate one set and the other in turn, under load, some intents in between."""
    pair, codec = keys.load_signer(ring, "pat"), Codec(Control)
    producer = Producer({**client_producer_config(site.settings), "log_level": 0})
    names = (set_digest(SECOND), set_digest(FIRST))
    load = site.start_load()
    for number in range(SWITCHES):
        sent = load.sent
        until(lambda sent=sent: load.sent > sent + 8, "the load to go on")
        name = names[number % 2]
        word = Control(
            control_id=f"c{number}",
            kind="activate",
            scope="all",
            value="",
            reason="",
            issued_by=("pat",),
            policy_digest=name,
            version=number + 1,
            policies_end=sets.below[name],
            rollback=True,
            checked_by=loader_of(__version__),
        )
        value = codec.encode(word)
        signature = pair.sign(framed("control", b"all/", value)).signature
        producer.produce(
            site.settings.topic("control"), value, b"all/", headers=[(KID, b"pat"), (MAC, signature)]
        )
        producer.poll(0)
        if number == SWITCHES // 2:
            halfway()
    assert producer.flush(30) == 0
    load.stop()


def test_all_workers_switch_at_one_seq_two_hundred_times_also_while_one_is_dead(wide: Site):
    """Each decision names the set that was in force at its seq, and fits what that set says."""
    ring = people(wide)
    wide.sets = published(wide, ring)
    workers = [wide.worker(slot) for slot in range(WORKERS)]
    for worker in workers:
        worker.running()
    switch(wide, ring, wide.sets, workers[1].kill)
    events = wide.check(approved=100)
    switched = [event for event in events if event.topic == "control"]
    assert [event.reasons for event in switched] == [()] * SWITCHES
    assert all(event.after is not None for event in switched)
    looks = [event for event in events if event.tool == "look" and event.first]
    for digest in wide.sets.denied:
        assert sum(event.policy_digest == digest for event in looks) > 50
    held = {event.policy_digest for event in looks if event.verdict == "APPROVE"}
    assert held == {set_digest(FIRST)}


def test_a_worker_without_a_folder_waits_for_a_set_and_finds_it_again_after_a_rebuild(site: Site):
    """Nothing is decided before; who starts later, or with another folder, judges by the same."""
    ring = people(site)
    site.with_folder = False
    worker = site.worker()
    until(lambda: worker.health().get("state") == "waiting", lambda: worker.said()[-2000:])
    assert "no policies are in force" in worker.health()["detail"]
    site.send(50)
    assert site.audit() == []
    made = said(
        site, "policy", "activate", folder(site, "second", SECOND), "--as", "pat", "--keys", str(ring)
    )
    assert made == {"digest": set_digest(SECOND), "replaced": "", "version": 1, "offset": 0}
    site.rest()
    worker.running()
    assert worker.health()["policy_digest"] == set_digest(SECOND)
    judged = lambda: {e.policy_digest for e in site.audit() if e.topic == "intents"}  # noqa: E731
    until(judged, "the intents decided")
    assert judged() == {set_digest(SECOND)}
    paid = next(event for event in site.audit() if event.tool == "pay" and event.verdict == "APPROVE")
    undo = said(site, "explain", paid.intent_id)["undo"]
    assert undo["why"] == "the catalogue names no inverse of this tool"  # which only the topic says
    site.redis().flushall()
    worker.stop()
    site.with_folder = True
    other = site.worker()
    site.send(50, seed=1)
    other.running()
    assert other.health()["policy_digest"] == set_digest(SECOND)
    site.sets = checker.Sets(
        "", {"": frozenset(), set_digest(SECOND): frozenset({"look"})}, {set_digest(SECOND): 3}
    )
    events = site.check()
    assert {e.policy_digest for e in events if e.topic == "intents"} == {set_digest(SECOND)}


def test_what_would_change_nothing_is_refused_before_it_is_written(site: Site):
    """A set that does not load, one that was replaced, a signer without the role; and how to go back."""
    ring = people(site)
    broken = folder(site, "broken", {**FIRST, "policy.yaml": b"policy: {workflow_id: w}\n"})
    first, second = folder(site, "first", FIRST), folder(site, "second", SECOND)
    by = ("--as", "pat", "--keys", str(ring))
    assert f"{broken}/policy.yaml:1:" in said(site, "policy", "activate", broken, *by, code=7)
    assert site.envelopes("policies") == []
    refused = said(site, "policy", "activate", first, "--as", "ann", "--keys", str(ring), code=20)
    assert "activate needs a publisher" in refused
    assert site.envelopes("policies") == []
    assert "known are ann, ben, eye, pat" in said(
        site, "policy", "activate", first, "--as", "pad", "--keys", str(ring), code=7
    )
    for place, version in ((first, 1), (second, 2)):
        assert said(site, "policy", "activate", place, *by, "--reason", "T-7")["version"] == version
    assert said(site, "policy", "activate", second, *by)["offset"] is None
    assert "only a rollback may name it" in said(site, "policy", "activate", first, *by, code=20)
    assert said(site, "policy", "activate", first, "--rollback", *by)["replaced"] == set_digest(SECOND)
    history = said(site, "policy", "history", "--keys", str(ring))
    assert history["in_force"] == set_digest(FIRST)
    assert [(row["version"], row["by"], row["reason"], row["refused"]) for row in history["activations"]] == [
        (1, ["pat"], "T-7", ""),
        (2, ["pat"], "T-7", ""),
        (3, ["pat"], "", ""),
    ]
    shown = site.toolgate("policy", "history", "--keys", str(ring))
    assert "rolled back" in shown.stdout


def test_a_mode_is_ordered_and_taken_back_by_those_who_may(site: Site):
    """The watch tightens, an operator loosens; what was decided in between says by whose order."""
    ring = people(site)
    site.worker().running()
    words = ("mode", WORKFLOW, "read_only", "--reason", "odd payments")
    said(site, *words, "--as", "eye", "--keys", str(ring))
    site.send(60)
    site.rest()
    writes = [e for e in site.audit() if e.tool == "pay" and e.verdict == "DENY"]
    assert writes
    assert all("odd payments" in e.reasons[0].because for e in writes)
    assert not [e for e in site.audit() if e.tool == "pay" and e.verdict == "APPROVE"]
    (order,) = said(site, "mode", "--keys", str(ring))["orders"]
    assert (order["scope"], order["value"], order["mode"]) == ("workflow", WORKFLOW, "read_only")
    assert "needs an operator" in said(
        site, "mode", WORKFLOW, "enforce", "--as", "eye", "--keys", str(ring), code=20
    )
    assert "needs an operator" in said(
        site, "mode", WORKFLOW, "canary:10%", "--as", "eye", "--keys", str(ring), code=20
    )
    assert "none of" in said(site, "mode", WORKFLOW, "dance", "--as", "ann", "--keys", str(ring), code=2)
    said(site, "mode", WORKFLOW, "enforce", "--as", "ann", "--keys", str(ring))
    site.send(60, seed=1)
    site.check()
    assert [e for e in site.audit() if e.tool == "pay" and e.verdict == "APPROVE"]
    assert said(site, "mode", "--keys", str(ring)) == {"orders": []}


def test_a_file_of_the_largest_size_is_published_and_not_twice(site: Site):
    """What the command lets through fits the topic; what stands already is not written again."""
    files = {"tools.yaml": b"#" * FILE_BYTES_MAX, "policy.yaml": b"# small"}
    with Operating(site.settings, keys.load_operators(people(site)), bundled()) as operating:
        assert operating.publish(files) == 3
        assert operating.publish(files) == 3
    assert len(site.envelopes("policies")) == 3
