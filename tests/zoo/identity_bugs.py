"""Bugs about who wrote what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bug import in_tests

from toolgate.processors import identity, keyring
from toolgate.schemas.frozen import changed
from toolgate.streams.gate.intake import Intake
from toolgate.streams.ledger.accounts import seen_key

if TYPE_CHECKING:
    import pytest


def mac_over_the_value(patch: pytest.MonkeyPatch) -> None:
    """A MAC covers the value alone: a record can be moved to another run or topic."""
    _framed(patch, lambda _topic, _key, value: value or b"")


def signatures_of_any_topic(patch: pytest.MonkeyPatch) -> None:
    """A signature does not cover the topic: a record counts on another one as well."""
    framed = keyring.framed
    _framed(patch, lambda _topic, key, value: framed("", key, value))


def _framed(patch: pytest.MonkeyPatch, framed: Any) -> None:
    patch.setattr(keyring, "framed", framed)
    patch.setattr(identity, "framed", framed)


def keys_of_any_workflow(patch: pytest.MonkeyPatch) -> None:
    """Whoever has a key may write as any workflow."""
    writer = identity._writer

    def any_of_them(case: Any, keys: Any) -> tuple[str, str]:
        kid, fault = writer(case, keys)
        return (kid, fault) if "belongs to workflow" not in fault else ("k", "")

    patch.setattr(identity, "_writer", any_of_them)


def one_operator_is_enough(patch: pytest.MonkeyPatch) -> None:
    """A lift needs one signature, as a kill does."""
    fault = identity._role_fault
    patch.setattr(
        identity,
        "_role_fault",
        lambda word, signers, before: fault(
            changed(word, kind="kill") if word.kind == "lift" else word, signers, before
        ),
    )


def watch_that_loosens(patch: pytest.MonkeyPatch) -> None:
    """The watch may order any mode."""
    fault = identity._role_fault
    patch.setattr(
        identity,
        "_role_fault",
        lambda word, signers, before: fault(
            changed(word, mode="shadow") if word.kind == "mode" else word, signers, before
        ),
    )


def watch_that_stops(patch: pytest.MonkeyPatch) -> None:
    """Whatever stops something may be said by the watch: a kill, the end of a grant."""
    fault = identity._role_fault

    def lenient(word: Any, signers: Any, before: Any) -> str | None:
        stops = word.kind == "kill" or (word.kind == "grant" and not word.tools)
        return fault(changed(word, kind="mode", mode="shadow") if stops else word, signers, before)

    patch.setattr(identity, "_role_fault", lenient)


def ids_of_anybody_used_up(patch: pytest.MonkeyPatch) -> None:
    """An intent's id counts as used although nobody has proven to have written it."""
    intent = Intake._intent

    def remembering(self: Intake, reading: Any, record: Any, *rest: Any) -> Any:
        item = intent(self, reading, record, *rest)
        return changed(item, ask=changed(item.ask, intent_id=seen_key(record.tenant, record.intent_id)))

    patch.setattr(Intake, "_intent", remembering)


def results_of_any_executor(patch: pytest.MonkeyPatch) -> None:
    """An executor answers for tools that are not its own."""
    check = identity.check_result

    def lenient(ring: Any, envelope: Any, result: Any) -> str | None:
        fault = check(ring, envelope, result)
        return None if fault and "may not answer so" in fault else fault

    patch.setattr(identity, "check_result", lenient)


_IDENTITY = "unit/processors/test_identity.py::"
BUGS = (
    in_tests(
        mac_over_the_value,
        _IDENTITY + "test_two_records_never_look_alike_to_the_mac",
        _IDENTITY + "test_refuses_a_record_that_was_changed_or_moved",
    ),
    in_tests(signatures_of_any_topic, _IDENTITY + "test_refuses_a_record_that_was_changed_or_moved"),
    in_tests(keys_of_any_workflow, _IDENTITY + "test_refuses_a_key_of_another_workflow"),
    in_tests(one_operator_is_enough, _IDENTITY + "test_control_needs_the_right_roles"),
    in_tests(watch_that_loosens, _IDENTITY + "test_control_needs_the_right_roles"),
    in_tests(watch_that_stops, _IDENTITY + "test_the_watch_only_tightens_modes"),
    in_tests(
        ids_of_anybody_used_up,
        "unit/streams/gate/test_intake.py::test_the_id_of_an_unproven_writer_is_not_remembered",
    ),
    in_tests(results_of_any_executor, _IDENTITY + "test_a_result_counts_only_from_an_executor_of_its_tool"),
)
