"""`toolgate verify` and `toolgate export` on a real Kafka and Redis, after a worker was killed, and after forgeries."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from patience import until

from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Command
from toolgate.whatif import recorded

if TYPE_CHECKING:
    from pathlib import Path

    from gate_site import Site

pytestmark = pytest.mark.real
FOUND, FINE = 10, 0


def told(site: Site, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and what was printed for programs."""
    answer = site.toolgate("verify", "--json", *words)
    assert answer.returncode in {FOUND, FINE}, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def lived(site: Site) -> None:
    """A worker decides, is killed with -9 under load, and another goes on."""
    first = site.worker(0).running()
    load = site.start_load()
    until(lambda: len(site.envelopes("audit")) > 300, "decisions")
    first.kill()
    site.worker(1).running()
    seen = len(site.envelopes("audit"))
    until(lambda: len(site.envelopes("audit")) > seen + 200, "more decisions")
    load.stop()
    site.load = None
    site.check(approved=20)


def test_a_prefix_holds_after_a_kill_and_no_forgery_passes(site: Site, tmp_path: Path):
    """Topics and file hold, the ledger is the book; one command more, or one account changed, is found."""
    lived(site)
    code, found = told(site)
    assert (code, found["findings"], found["ledger"]) == (FINE, [], "compared")
    assert (found["judged"], found["waiting"], found["not_judged"]) == (len(site.envelopes("audit")), 0, 0)

    path = tmp_path / "history.jsonl.gz"
    exported = site.toolgate("export", str(path), "--json")
    assert exported.returncode == FINE, exported.stderr
    counts = json.loads(exported.stdout)["records"]
    assert counts == {topic: len(site.envelopes(topic)) for topic in counts}
    code, of_file = told(site, str(path))
    assert (code, of_file["judged"], of_file["findings"]) == (FINE, found["judged"], [])
    happenings = recorded.read(path, None)
    inputs = counts["intents"] - counts["quarantine"] + counts["results"]
    assert len(happenings) == inputs

    account = changed_account(site)
    code, found = told(site)
    assert (code, found["wrong"]) == (FOUND, {"ledger": 1})
    assert account in found["findings"][0]["what"]

    codec = Codec(Command)
    envelope = site.envelopes("commands")[3]
    command = codec.decode(envelope.value)
    site.send_raw(
        "commands", envelope.key or b"", codec.encode(changed(command, command_id="0-999999", seq=999_999))
    )
    code, found = told(site)
    assert (code, found["wrong"]) == (FOUND, {"ledger": 1, "command": 1})
    place = found["findings"][0]["place"]
    assert (place["topic"], place["partition"], place["seq"]) == ("commands", envelope.partition, 999_999)
    answer = site.toolgate("verify")
    assert answer.returncode == FOUND
    assert f"commands[{envelope.partition}]@{place['offset']} (seq 999999)" in answer.stdout


def changed_account(site: Site) -> str:
    """Take something off an account in Redis; its name."""
    redis, key = site.redis(), f"{{{site.settings.prefix}}}a:n"
    name, row = next(iter(redis.hgetall(key).items()))
    redis.hset(key, name, row[:16] + struct.pack("<d", 9_999_999) + row[24:])  # behind two times: how often
    return str(name.decode())


def test_a_prefix_at_work_holds_as_far_as_it_is_settled(site: Site):
    """Nothing that is on its way is called a fault, and a ledger that is ahead is not compared."""
    site.worker(0).running()
    load = site.start_load()
    until(lambda: len(site.envelopes("audit")) > 100, "decisions")
    for _ in range(3):
        code, found = told(site)
        assert (code, found["findings"]) == (FINE, [])
    load.stop()
    site.load = None
    site.workers[0].kill()
    site.send(20, seed=1)
    code, found = told(site)
    assert (code, found["findings"], found["ledger"]) == (FINE, [], "the gate is at work")
    assert found["waiting"] > 0
