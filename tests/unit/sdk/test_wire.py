"""The wire: whose schema ids the SDK writes and reads, and what holds when they cannot be learnt."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.schemas import confluent
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import Command, Result
from toolgate.schemas.registry import RegistryError
from toolgate.sdk.wire import Wire, decode
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.ports import RetryError
from toolgate.streams.settings import load

PLAIN = load(bootstrap_servers="nowhere:1", prefix="p")
REGISTERED = PLAIN.model_copy(update={"schema_registry_url": "mock://schemas"})
RESULT = Result("2-7", "i-1", "run-1", "pay", "d", "ok", "desk")


def test_ids_are_the_bundled_ones_without_a_schema_registry():
    """Nothing is asked of anybody."""
    assert Wire(PLAIN).codec(Command).schema_id == Codec(Command).schema_id


def test_ids_are_those_of_the_schema_registry_under_the_gates_subjects(monkeypatch):
    """One registry serves all codecs, and what was written with bundled ids stays readable."""
    asked: list = []
    one = confluent.connect("mock://schemas", prefix="p.")
    monkeypatch.setattr(confluent, "connect", lambda url, *, prefix: asked.append((url, prefix)) or one)
    wire = Wire(REGISTERED)
    commands, results = wire.codec(Command), wire.codec(Result)
    assert asked == [("mock://schemas", "p.")]
    assert (commands.schema_id, results.schema_id) == (1, 2)
    assert results.decode(Codec(Result, one).encode(RESULT)) == RESULT
    assert results.decode(Codec(Result).encode(RESULT)) == RESULT


@pytest.mark.parametrize("step", ["connect", "id_of"])
def test_a_schema_registry_that_is_away_at_the_start_is_an_error_of_this_package(monkeypatch, step):
    """Programs catch `ToolgateError`; a start without ids would pass over everything."""

    def fail(*_, **__):
        raise RegistryError("no answer")

    monkeypatch.setattr(
        *((confluent, step) if step == "connect" else (confluent.ConfluentRegistry, step)), fail
    )
    with pytest.raises(UnreachableError, match="no answer") as caught:
        Wire(REGISTERED).codec(Command)
    assert caught.value.where == "TOOLGATE_SCHEMA_REGISTRY_URL"


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (b"\x00\x00\x00\x00\x09x", RetryError, r"results\[2\] at 7: registry_unavailable"),
        (b"junk", DecodeError, "bad_magic"),
        (None, DecodeError, "tombstone"),
    ],
)
def test_what_may_be_good_is_to_be_read_again(undecided, value, error, says):
    """What is no record under any id is told apart from it."""
    with pytest.raises(error, match=says):
        decode(undecided(Result), Envelope("results", 2, 7, 1, b"run-1", value))


def test_a_command_that_nobody_can_know_here_is_not_passed_over():
    """A newer gate approved it; of a result, which any executor may write, nothing waits for it."""
    value = b"\x00\x00\x00\x00\x09x"
    with pytest.raises(RefusedError, match="the schema of this command is not known here") as refused:
        decode(Codec(Command), Envelope("commands", 2, 7, 1, b"run-1", value))
    assert refused.value.where == "commands[2] at 7"
    with pytest.raises(DecodeError):
        decode(Codec(Result), Envelope("results", 2, 7, 1, b"run-1", value))
    with pytest.raises(DecodeError, match="bad_magic"):
        decode(Codec(Command), Envelope("commands", 2, 7, 1, b"run-1", b"junk"))
