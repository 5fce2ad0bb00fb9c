"""Clusters: what falls together, how they rank, how windows pass, and that memory has a bound."""

from __future__ import annotations

import random

import pytest
from console_site import NOW, denial
from hypothesis import given
from hypothesis import strategies as st

from toolgate.nearmiss import clusters as module
from toolgate.nearmiss.clusters import EXAMPLES_MAX, NEEDS_MAX, Clusters
from toolgate.nearmiss.effects import amount_class, effect_of, records_class
from toolgate.nearmiss.misses import Filters
from toolgate.nearmiss.rank import FLOOR_PPM, near_ppm, stake_micros, weight
from toolgate.nearmiss.windows import BUCKETS, WEEK_MS
from toolgate.schemas.records import Denial, Reason

HOUR_MS = 3_600_000


def over(
    limit: int | None = 100, distance: int | None = 10, asked: int = 20, unit: str = "usd_micros"
) -> Reason:
    """A reason with figures."""
    return Reason("BUDGET_EXCEEDED", "budgets[0]", "", "run", unit, asked, limit, distance)


DENIALS = st.builds(
    lambda cost, records, limit, distance, unit: denial(
        1,
        Reason("BUDGET_EXCEEDED", "budgets[0]", "", "run", unit, cost, limit, distance),
        cost_micros=cost,
        records=tuple(f"r{n}" for n in range(records)),
    ),
    st.integers(0, 10**9),
    st.integers(0, 30),
    st.none() | st.integers(0, 10**7),
    st.none() | st.integers(1, 10**7),
    st.sampled_from(("usd_micros", "goodwill_usd", "minutes")),
)


def folded(denials: list[Denial], times: list[int] | None = None) -> Clusters:
    """The fold of some denials, all of now unless told otherwise."""
    made = Clusters()
    for place, one in enumerate(denials):
        made.take(one, times[place] if times else NOW)
    return made


@pytest.mark.parametrize(
    ("other", "together"),
    [
        ({}, True),
        ({"run_id": "run-2", "agent_id": "b", "intent_id": "x", "params_digest": "y"}, True),
        ({"records": ("b",)}, True),
        ({"cost_micros": 40_000}, True),
        ({"records": ("a", "b")}, False),
        ({"cost_micros": 2_000_000}, False),
        ({"tool": "send"}, False),
        ({"workflow_id": "mail_v1"}, False),
        ({"tenant": "acme"}, False),
        ({"reasons": (Reason("RULE_DENIED", "other"),)}, False),
        ({"reasons": (Reason("RULE_DENIED", "never", "other words"),)}, True),
    ],
)
def test_one_effect_is_one_cluster(other, together):
    """Tool, reasons and how much is moved decide, not who asked, when or in which words."""
    fields = {"records": ("a",), "cost_micros": 30_000}
    two = effect_of(denial(1, **fields)), effect_of(denial(2, **(fields | other)))
    assert (two[0] == two[1]) is together
    assert (two[0].id == two[1].id) is together


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("TOOL_UNKNOWN", ("default", "refunds_v1", "")),
        ("BAD_IDENTITY", ("", "", "")),
        ("UNKNOWN_WORKFLOW", ("", "", "")),
        ("TOOL_NOT_ALLOWED", ("default", "refunds_v1", "pay")),
    ],
)
def test_names_that_nobody_vouches_for_make_no_clusters(code, names):
    """Whoever may write could else push out all others."""
    found = effect_of(denial(1, Reason(code)))
    assert (found.tenant, found.workflow_id, found.tool) == names
    invented = {effect_of(denial(1, Reason("TOOL_UNKNOWN"), tool=f"t{n}")) for n in range(100)}
    assert len(invented) == 1


def test_an_id_cannot_be_forged_by_moving_text_from_one_field_to_the_next():
    """Each part says how long it is."""
    ids = {effect_of(denial(1, tool=tool, workflow_id=name)).id for tool, name in (("ab", "c"), ("a", "bc"))}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("count", "told"), [(0, "none"), (1, "1"), (2, "2 to 9"), (10, "10 to 99"), (1_234, "1,000 to 9,999")]
)
def test_records_are_told_coarsely(count, told):
    """By powers of ten."""
    assert records_class(count) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (9_999, "usd_micros", "below $0.01"),
        (70_000, "usd_micros", "$0.01 to $0.09"),
        (350_000, "usd_micros", "$0.10 to $0.99"),
        (25_000_000, "usd_micros", "$10.00 to $99.99"),
        (7, "goodwill_usd", "1 to 9 goodwill_usd"),
    ],
)
def test_amounts_are_told_coarsely(value, unit, told):
    """Money from a cent on, other units from one on."""
    assert amount_class(value, unit) == told


@given(DENIALS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_nearer_never_ranks_lower(one, less, step):
    """With everything else the same."""
    [reason] = one.reasons
    if reason.distance is None:
        assert near_ppm(one.reasons) == FLOOR_PPM
        return
    nearer = over(reason.limit, max(1, reason.distance - less), reason.asked or 0, reason.unit)
    further = over(reason.limit, reason.distance + step, reason.asked or 0, reason.unit)
    assert near_ppm([nearer]) >= near_ppm([reason]) >= near_ppm([further]) >= FLOOR_PPM
    assert near_ppm([nearer, Reason("RULE_DENIED", "x")]) == FLOOR_PPM


@given(DENIALS, st.integers(0, 10**9), st.integers(0, 30))
def test_what_is_dearer_never_ranks_lower(one, money, records):
    """More money or more records."""
    names = (*one.records, *(f"more{n}" for n in range(records)))
    dearer = denial(1, *one.reasons, cost_micros=one.cost_micros + money, records=names)
    assert stake_micros(dearer) >= stake_micros(one) > 0
    assert weight(dearer) >= weight(one) > 0


@given(st.lists(DENIALS, min_size=1, max_size=12), DENIALS, st.randoms())
def test_what_is_more_frequent_never_ranks_lower_and_order_is_nothing(denials, one, chance):
    """One more denial adds to its cluster and changes no other."""
    mixed = [*denials, one]
    chance.shuffle(mixed)

    def scores(found: Clusters) -> dict[str, int]:
        return {each.cluster.id: each.this.score for each in found.ranked(Filters(), NOW)}

    before, after = scores(folded(denials)), scores(folded(mixed))
    its = effect_of(one).id
    assert after.pop(its) > before.pop(its, 0)
    assert after == before


@given(st.lists(st.integers(0, 3 * WEEK_MS), max_size=60), st.integers(0, WEEK_MS))
def test_windows_are_counted_as_by_hand(ages, later):
    """To the hour, whatever the order; what is older than two windows is in neither."""
    now = NOW + later
    made = folded([denial(1)] * len(ages), [NOW - age for age in ages])
    bucket_ms = WEEK_MS // BUCKETS
    places = [now // bucket_ms - (NOW - age) // bucket_ms for age in ages]
    kept = sorted({*places})[: 2 * BUCKETS]
    this = sum(place < BUCKETS for place in places if place in kept)
    before = sum(BUCKETS <= place < 2 * BUCKETS for place in places if place in kept)
    found = made.find(effect_of(denial(1)).id, now)
    assert (found.this.count, found.before.count) == (this, before) if found else not ages
    assert [one.this.count for one in made.ranked(Filters(), now)] == ([this] if this else [])


def test_the_highest_score_comes_first_and_filters_choose():
    """Nearness, stake and frequency each decide where the others are the same."""
    near = denial(1, over(distance=1), tool="near")
    far = denial(2, over(distance=90), tool="far")
    dear = denial(3, over(distance=90), tool="dear", cost_micros=5_000_000)
    often = [denial(4, over(distance=90), tool="often")] * 3
    made = folded([far, near, dear, *often])
    assert [one.cluster.effect.tool for one in made.ranked(Filters(), NOW)] == [
        "dear",
        "often",
        "near",
        "far",
    ]
    assert [one.cluster.effect.tool for one in made.ranked(Filters(tool="far"), NOW)] == ["far"]
    assert made.ranked(Filters(code="RULE_DENIED"), NOW) == []


def test_memory_has_a_bound(monkeypatch):
    """Clusters, examples, buckets and needs; what is forgotten is counted."""
    monkeypatch.setattr(module, "CLUSTERS_MAX", 3)
    made = Clusters()
    for n in range(5):
        made.take(denial(1, tool=f"t{n}"), NOW)
    for n in range(1_000):
        made.take(denial(n, over(distance=n + 1), tool="t4"), NOW - random.Random(n).randrange(99) * HOUR_MS)
    assert (made.seen, made.forgotten) == (1_005, 3)
    [found] = made.ranked(Filters(tool="t4", code="BUDGET_EXCEEDED"), NOW)
    assert found.cluster.count == 1_000
    assert len(found.cluster.examples) == EXAMPLES_MAX
    assert len(found.cluster.needs) == NEEDS_MAX
    assert found.cluster.unplaced == 1_000 - NEEDS_MAX
    assert found.cluster.nearest is not None
    assert found.cluster.nearest.denial.seq == 0


def test_a_cluster_is_found_by_how_its_id_begins():
    """Unless another begins so, too."""
    made = folded([denial(1, tool=f"t{n}") for n in range(40)])
    ids = [one.cluster.id for one in made.ranked(Filters(), NOW)]
    assert {made.find(one, NOW).cluster.id for one in ids} == set(ids)
    assert made.find(ids[0][:8], NOW).cluster.id == ids[0]
    assert [made.find(wanted, NOW) for wanted in ("", "x", "%")] == [None] * 3
