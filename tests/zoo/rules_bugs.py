"""Bugs of judging: what cannot be judged passes, or the same case is told in several ways."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from bug import in_tests

from toolgate.processors import chain, condition, rules, shadow, verdicts
from toolgate.processors.approval_terms import ApprovalEntry
from toolgate.processors.condition import Condition, Met, UnevaluatedError, UnreadError
from toolgate.streams.gate import proposals, told

if TYPE_CHECKING:
    import pytest


def error_absorbed_by_or(patch: pytest.MonkeyPatch) -> None:
    """An error on the right of `||` is absorbed where the left side decides."""

    def short(part: Any) -> Any:
        left, right, decides = condition._prepared(part.left), condition._prepared(part.right), part.decides

        def found(met: Met) -> Any:
            first = left(met)
            return first if first is decides or isinstance(first, condition.Missing) else right(met)

        return found

    patch.setattr(condition, "_prepared_both", short)


def rules_that_fail_open(patch: pytest.MonkeyPatch) -> None:
    """A rule that cannot be evaluated does not hold."""
    _false_instead_of(patch, UnevaluatedError)


def unread_is_false(patch: pytest.MonkeyPatch) -> None:
    """A rule about something that the run has not read does not hold."""
    _false_instead_of(patch, UnreadError)


def _false_instead_of(patch: pytest.MonkeyPatch, fault: type[Exception]) -> None:
    holds = Condition.holds

    def lenient(self: Condition, met: Met) -> bool:
        try:
            return holds(self, met)
        except fault:
            return False

    patch.setattr(Condition, "holds", lenient)


def reasons_in_any_order(patch: pytest.MonkeyPatch) -> None:
    """The order of reasons is that of a hash."""

    def ordered(found: Any) -> Any:
        return tuple(sorted(found, key=lambda one: blake2b(f"{one.code}{one.rule}".encode()).digest()))

    for module in (verdicts, chain, rules, shadow, told):
        patch.setattr(module, "ordered", ordered)


def errors_that_approve(patch: pytest.MonkeyPatch) -> None:
    """A processor that fails is passed over."""
    patch.setattr(chain, "deny", lambda case, _reason: case)


def retry_whatever_else(patch: pytest.MonkeyPatch) -> None:
    """A denial is called retryable when one of its reasons is."""

    def hopeful(found: Any) -> bool:
        return any(entry.retryable for one in found if (entry := verdicts.entry_of(one.code)))

    patch.setattr(verdicts, "retryable", hopeful)


def nobody_is_asked(patch: pytest.MonkeyPatch) -> None:
    """What a policy wants people to be asked about first is approved without them."""
    patch.setattr(ApprovalEntry, "holds", property(lambda _: False))


def one_approval_is_enough(patch: pytest.MonkeyPatch) -> None:
    """A hold asks for one person, however many the policy wants."""
    terms_of = proposals.terms_of
    patch.setattr(proposals, "terms_of", lambda case: replace(terms_of(case), approvers=1))


BUGS = (
    in_tests(
        error_absorbed_by_or,
        "unit/processors/test_condition.py::test_what_cannot_be_evaluated_is_neither_true_nor_false",
        "unit/processors/test_condition.py::test_what_is_evaluated_here_is_what_logic_says",
    ),
    in_tests(
        rules_that_fail_open, "unit/processors/test_rules.py::test_a_rule_that_cannot_be_evaluated_denies"
    ),
    in_tests(unread_is_false, "unit/processors/test_facts.py::test_what_was_not_read_is_not_false"),
    in_tests(
        reasons_in_any_order,
        "unit/processors/test_reasons.py::test_orders_by_precedence_then_rule_and_keeps_equal_ones",
    ),
    in_tests(errors_that_approve, "unit/processors/test_chain.py::test_what_cannot_be_judged_is_denied"),
    in_tests(
        retry_whatever_else, "unit/processors/test_reasons.py::test_is_retryable_only_when_every_reason_is"
    ),
    in_tests(
        nobody_is_asked,
        "unit/processors/test_approvals.py::test_calls_that_would_be_approved_wait_for_people",
    ),
    in_tests(
        one_approval_is_enough,
        "unit/streams/gate/test_publish_proposals.py::test_a_hold_says_what_the_policy_asks_of_approvals",
    ),
)
