"""`toolgate dev` and `toolgate topics` as people run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.streams.local import Stack
    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real
TOOLGATE = [sys.executable, "-m", "toolgate.cli"]


def started(directory: Path, *words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A running `toolgate dev --json` and what it printed."""
    process = subprocess.Popen(
        [*TOOLGATE, "dev", "--dir", directory, "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        pytest.fail(process.communicate()[1])
    return process, json.loads(line)


def gone(pid: int) -> bool:
    """Whether no such process is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_runs_until_a_signal_and_leaves_nothing(tmp_path: Path, number):
    """Both parts answer while it runs, and a second shell in its folder finds it; afterwards nothing is left."""
    process, facts = started(tmp_path / ".toolgate" / "dev", "--partitions", "2")
    try:
        assert facts["topics_created"] == 22
        second_shell = subprocess.run(
            [*TOOLGATE, "topics", "check", "--json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(second_shell.stdout)["partitions"] == 2
        assert facts["bootstrap_servers"] in second_shell.stderr
        topics = AdminClient({"bootstrap.servers": facts["bootstrap_servers"]}).list_topics(timeout=20).topics
        assert len(topics["toolgate.intents"].partitions) == 2
        with redis.Redis.from_url(facts["redis_url"]) as client:
            assert client.ping()
        assert facts["env"]["TOOLGATE_PARTITIONS"] == "2"
        exports = (tmp_path / ".toolgate" / "dev" / "env").read_text().splitlines()
        assert exports == [f"export {name}={value}" for name, value in facts["env"].items()]
    finally:
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors.splitlines()[-1] == "Applying topics"
    assert gone(facts["kafka_pid"])
    assert gone(facts["redis_pid"])
    assert not (tmp_path / ".toolgate" / "dev" / "running.json").exists()


def test_says_when_a_part_ends_by_itself_and_keeps_data_and_addresses(tmp_path: Path):
    """A dead broker ends the command with a message; the next start has the same addresses and topics."""
    process, facts = started(tmp_path / "dev", "--partitions", "2")
    os.kill(facts["kafka_pid"], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 6
    assert "Kafka 4.1.1 has ended by itself" in errors
    assert "kafka.log" in errors
    assert gone(facts["redis_pid"])

    process, again = started(tmp_path / "dev", "--partitions", "2")
    process.terminate()
    process.communicate(timeout=60)
    assert again["topics_created"] == 0
    assert [again[key] for key in ("bootstrap_servers", "redis_url")] == [
        facts[key] for key in ("bootstrap_servers", "redis_url")
    ]


def test_refuses_a_folder_in_use(stack: Stack):
    """Two brokers on the same data would destroy it."""
    second = subprocess.run(
        [*TOOLGATE, "dev", "--dir", stack.directory], capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 6
    assert "another local stack uses this folder" in second.stderr
    stack.check()


def topics(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """`toolgate topics ...` with the address in the environment, as a shell would have it."""
    environment = os.environ | {
        "TOOLGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TOOLGATE_PREFIX": settings.prefix,
        "TOOLGATE_PARTITIONS": str(settings.partitions),
    }
    return subprocess.run(
        [*TOOLGATE, "topics", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=100,
    )


def test_topics_apply_and_check_tell_machines(settings: Settings):
    """`--json` prints one object."""
    assert json.loads(topics(settings, "apply", "--json").stdout)["created"] == []
    assert json.loads(topics(settings, "check", "--json").stdout) == {
        "prefix": settings.prefix,
        "partitions": settings.partitions,
        "topics": 22,
    }


def test_topics_check_ends_with_4_and_names(settings: Settings):
    """A promise that would be broken is exit code 4, with the topic's name on stderr."""
    run = topics(settings, "check", "--partitions", "5")
    assert run.returncode == 4
    assert f"{settings.prefix}.intents: partitions is 4, must be 5" in run.stderr
    assert "Traceback" not in run.stderr


def test_topics_check_ends_with_3_when_nobody_answers(settings: Settings):
    """An address without a broker is exit code 3 and says which."""
    run = topics(settings, "check", "--bootstrap-servers", "127.0.0.1:1")
    assert run.returncode == 3
    assert "where: 127.0.0.1:1" in run.stderr
