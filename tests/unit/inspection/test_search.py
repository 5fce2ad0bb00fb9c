"""The search for an intent: what is found, in which partitions, and what is said of what is not."""

from __future__ import annotations

import json

import pytest

from toolgate.inspection.decoding import Decoder
from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.search import Search
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Reason
from toolgate.streams.errors import RefusedError, SettingsError


def explain(written, intent_id="i-1", **where):
    """An explanation."""
    return Search(written, Decoder()).explain(intent_id, **where)


def test_puts_together_everything_about_an_approval(written):
    """Intent, decision, outcome, command, its results with their settlements, and the repetition."""
    approved = written.approved()
    written.result(approved, "started", "started")
    written.result(approved, "ok", "settled")
    written.decided(written.intent(), verdict="DUPLICATE", first=False, first_seq=1)
    written.approved(intent_id="i-2")
    found = explain(written)
    first, again = found.decisions
    assert (first.event.verdict, first.intent.record.tool, first.outcome.record.verdict) == (
        "APPROVE",
        "pay",
        "APPROVE",
    )
    assert (again.event.verdict, again.outcome, again.event.first_seq) == ("DUPLICATE", None, 1)
    assert again.intent.envelope.offset == 1
    assert found.command.record.command_id == approved.command_id
    assert [(each.result.record.status, each.event.note) for each in found.results] == [
        ("started", "started"),
        ("ok", "settled"),
    ]
    assert found.missing == ()
    assert json.loads(json.dumps(found.as_json()))["command"]["value"]["tool"] == "pay"


def test_finds_a_denial_with_its_reasons(written):
    """There is no command, and no results are made up."""
    reason = Reason("BUDGET_EXCEEDED", "budgets[0]", "$0.03 over", "run", "usd_micros", 5, 2, 3)
    written.decided(written.intent(), verdict="DENY", reasons=(reason,))
    found = explain(written)
    [denied] = found.decisions
    assert denied.denial.record.reasons == (reason,)
    assert (found.command, found.results) == (None, ())


def test_finds_the_order_that_a_reason_names(written):
    """With its figures; not one of another id, not what came after the decision, and not who took its id later."""
    word = Control("m1", "mode", "workflow", "w", "odd", ("eye",), mode="read_only", evidence='{"n":1}')
    for each in (
        word,
        changed(word, control_id="m11"),
        changed(word, evidence='{"n":2}'),
        changed(word, kind="kill"),
    ):
        written.put("control", 0, each)
    reason = Reason("READ_ONLY", "mode", "the workflow may only read (ordered by m1: odd), and pay is write")
    written.decided(written.intent(), verdict="DENY", reasons=(reason,), ctl=4)
    written.decided(written.intent(), verdict="DENY", reasons=(reason,), ctl=0)
    told, before = explain(written).decisions
    assert [order.record for order in told.orders] == [word]
    assert before.orders == ()
    assert json.loads(json.dumps(explain(written).as_json()["decisions"][0]["orders"]))[0]["value"][
        "evidence"
    ]


@pytest.mark.parametrize(("verdict", "kept"), [("HOLD", "cfo"), ("DRAFT", "propose")])
def test_finds_what_waits_for_people(written, verdict, kept):
    """The hold or draft that the decision made; a dry run made none."""
    written.decided(written.intent(), verdict=verdict)
    written.decided(written.intent(), verdict=verdict, dry_run=True, first=False)
    found = explain(written)
    made, dry = found.decisions
    assert (made.proposal.record.seq, dry.proposal, found.missing) == (1, None, ())
    assert kept in json.dumps(found.as_json()["decisions"][0]["proposal"])


def test_with_the_run_one_partition_is_read(written):
    """A run's records lie in one; without it all are searched."""
    partition = written.approved().partition
    explain(written, run_id="r")
    assert set(written("audit").asked) == {partition}
    written("audit").asked.clear()
    explain(written)
    assert set(written("audit").asked) == {0, 1, 2, 3}


def test_an_intent_that_nobody_decided_on_is_found_where_it_waits(written):
    """Known, and not decided: that is an answer, too."""
    written.intent()
    found = explain(written)
    assert found.decisions == ()
    assert [entry.record.intent_id for entry in found.waiting] == ["i-1"]


@pytest.mark.parametrize("where", [{}, {"run_id": "r"}, {"tenant": "other"}])
def test_says_so_when_there_is_no_such_intent(written, where):
    """An id that another only begins with is not it."""
    written.approved(intent_id="i-11")
    with pytest.raises(NotFoundError, match="no intent i-1"):
        explain(written, **where)


def test_an_id_of_several_tenants_is_not_guessed(written):
    """Ids belong to tenants: with the tenant named, only its intent is told of."""
    written.approved()
    written.approved(tenant="other", run_id="r2")
    with pytest.raises(SettingsError, match="2 tenants have used intent id i-1: default, other"):
        explain(written)
    [decided] = explain(written, tenant="other").decisions
    assert decided.event.run_id == "r2"


def test_a_forgery_does_not_hide_the_intent(written):
    """Who is not believed makes no second tenant; what he sent is shown all the same, and told nobody."""
    written.decided(written.intent(tenant="evil"), verdict="DENY", tenant="evil", kid="")
    written.approved()
    forged, true = explain(written).decisions
    assert (forged.event.kid, forged.outcome) == ("", None)
    assert true.event.verdict == "APPROVE"


def test_what_is_no_longer_kept_is_named(written):
    """Only the audit is kept for ever."""
    written.approved()
    for topic in ("intents", "commands", "outcomes"):
        written(topic).gone = 1
    found = explain(written)
    assert found.decisions[0].intent is None
    assert found.command is None
    assert [text.partition(":")[2] for text in found.missing] == [" no longer kept"] * 3


def test_what_may_not_be_read_is_named(written):
    """An auditor has no right to read intents; the audit alone says a lot."""
    written.approved()
    written.forbidden = {"intents", "outcomes"}
    found = explain(written)
    assert found.command is not None
    assert found.missing == ("intents: this user may not read it", "outcomes: this user may not read it")


def test_without_the_audit_there_is_nothing_to_tell(written):
    """Nothing is pieced together from what is not the truth."""
    written.forbidden = {"audit"}
    with pytest.raises(RefusedError):
        explain(written)


def test_bytes_that_only_look_like_it_are_passed_over(written):
    """What cannot be decoded is no audit event, whatever it holds."""
    written.raw("audit", 0, b"\x00\x00\x00\x00\x01 i-1")
    written.raw("audit", 0, None)
    written.approved()
    assert len(explain(written).decisions) == 1


def test_tells_how_far_it_has_come(written):
    """In offsets of the topic, to its end."""
    written.approved()
    heard = []
    Search(written, Decoder(), heard.append).explain("i-1")
    assert (heard[-1].topic, heard[-1].done, heard[-1].total) == ("audit", 1, 1)
