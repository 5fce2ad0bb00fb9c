"""Bugs of reading: bytes that could mean two things, or are not what their topic holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bug import in_tests

from toolgate.schemas import codec, strict_json
from toolgate.schemas.codec import Codec
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.items import Reading
from toolgate.streams.ports import UnavailableError

if TYPE_CHECKING:
    import pytest


def last_key_wins(patch: pytest.MonkeyPatch) -> None:
    """Of a key that stands twice in a JSON object the last one counts."""
    patch.setattr(strict_json, "_unique", dict)


def numbers_that_lose_digits(patch: pytest.MonkeyPatch) -> None:
    """Integers are read that other parsers round."""
    patch.setattr(strict_json, "INTEGER_MAX", 2**63)


def more_behind_the_record(patch: pytest.MonkeyPatch) -> None:
    """A value may go on behind its record, or spell it otherwise than the gate would."""

    def record(self: Codec[Any], writer: Any, body: bytes) -> Any:
        try:
            return self._read(self._resolved(writer, body) if writer is not self.newest else body, 0)[0]
        except Exception as error:  # noqa: BLE001 - as the codec does
            raise codec.DecodeError(codec.DecodeCode.MALFORMED, str(error)) from None

    patch.setattr(Codec, "_record", record)


def schema_of_another_record(patch: pytest.MonkeyPatch) -> None:
    """A record that names another record's schema is read as what its topic holds."""
    learn = Codec._learn

    def any_schema(self: Codec[Any], header: bytes) -> Any:
        try:
            return learn(self, header)
        except codec.DecodeError as error:
            if error.reason_code == codec.DecodeCode.WRONG_SCHEMA:
                return self.newest
            raise

    patch.setattr(Codec, "_learn", any_schema)


def names_with_nul(patch: pytest.MonkeyPatch) -> None:
    """A NUL character is let through in names, which keys of the ledger are made of."""
    patch.setattr(codec, "_names_of", lambda _subject: None)


def silence_is_malformed(patch: pytest.MonkeyPatch) -> None:
    """While the Schema Registry is away, what only it could read is quarantined for good."""
    read = Intake.read

    def hasty(self: Intake, envelope: Any) -> Reading:
        try:
            return read(self, envelope)
        except UnavailableError as error:
            return Reading(envelope, problem=("unknown_schema", str(error)))

    patch.setattr(Intake, "read", hasty)


_JSON, _CODEC = "unit/schemas/test_strict_json.py::", "unit/schemas/test_codec.py::"
BUGS = (
    in_tests(last_key_wins, _JSON + "test_what_is_not_clear_is_refused"),
    in_tests(numbers_that_lose_digits, _JSON + "test_what_is_not_clear_is_refused"),
    in_tests(more_behind_the_record, _CODEC + "test_a_value_that_is_not_right_is_refused_with_its_reason"),
    in_tests(schema_of_another_record, _CODEC + "test_a_value_that_is_not_right_is_refused_with_its_reason"),
    in_tests(names_with_nul, _CODEC + "test_names_with_nul_are_only_refused_where_they_come_in"),
    in_tests(
        silence_is_malformed,
        "unit/streams/gate/test_intake.py::test_a_schema_registry_that_does_not_answer_is_waited_for",
    ),
)
