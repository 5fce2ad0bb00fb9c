"""examples/airline: each of its rules in a small situation of its own, invented here."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from toolgate.processors.case import NO_HISTORY
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import KID, MAC
from toolgate.processors.keyring import IntentKey, Keyring, mac
from toolgate.processors.loader import load
from toolgate.processors.reasons import Code
from toolgate.processors.remembering import remembered
from toolgate.processors.world import World
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed

EXAMPLES = Path(__file__).parents[3] / "examples"
WORKFLOW, SECRET = "airline_service_v1", b"0123456789abcdef"
BOOK, CHANGE, BAGS = "book_reservation", "update_reservation_flights", "update_reservation_baggages"
PASSENGERS, CANCEL, GOODWILL = "update_reservation_passengers", "cancel_reservation", "send_certificate"

PROFILE = {
    "membership": "silver",
    "payment_methods": {
        "credit_card_1": {"source": "credit_card", "id": "credit_card_1"},
        "credit_card_2": {"source": "credit_card", "id": "credit_card_2"},
        "gift_card_1": {"source": "gift_card", "id": "gift_card_1", "amount": 100},
        "certificate_1": {"source": "certificate", "id": "certificate_1", "amount": 500},
        "certificate_2": {"source": "certificate", "id": "certificate_2", "amount": 500},
    },
}
TRIP = {
    "user_id": "ann_lee_1",
    "origin": "OSL",
    "destination": "ROM",
    "flight_type": "one_way",
    "cabin": "economy",
    "flights": [
        {
            "flight_number": "ABC001",
            "date": "2024-05-20",
            "origin": "OSL",
            "destination": "VIE",
            "price": 100,
        },
        {
            "flight_number": "ABC002",
            "date": "2024-05-20",
            "origin": "VIE",
            "destination": "ROM",
            "price": 150,
        },
    ],
    "passengers": [{"first_name": "Ann"}, {"first_name": "Bo"}],
    "payment_history": [{"payment_id": "credit_card_1", "amount": 500}],
    "created_at": "2024-05-01T09:00:00",
    "total_baggages": 4,
    "nonfree_baggages": 0,
    "insurance": "yes",
}


def flight(number, origin, destination, **more):
    """One that a search finds, with seats for all but in basic economy."""
    return {
        "flight_number": number,
        "origin": origin,
        "destination": destination,
        "available_seats": {"basic_economy": 1, "economy": 9, "business": 9},
        "prices": {"basic_economy": 50, "economy": 120, "business": 400},
        **more,
    }


FOUND = [flight("ABC003", "OSL", "ROM"), flight("ABC004", "ROM", "OSL"), flight("ABC005", "OSL", "LIS")]
ANN = {"user_id": "ann_lee_1"}
R = {"reservation_id": "AAAAAA"}
PERSON = {"first_name": "Ann", "last_name": "Lee", "dob": "1990-01-01"}
NEW = {"flight_number": "ABC003", "date": "2024-05-21"}
KEPT = [{"flight_number": one["flight_number"], "date": one["date"]} for one in TRIP["flights"]]

CALLS = {
    BOOK: {
        **ANN,
        "origin": "OSL",
        "destination": "ROM",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [NEW],
        "passengers": [PERSON, {**PERSON, "first_name": "Bo"}],
        "payment_methods": [
            {"payment_id": "credit_card_1", "amount": 250},
            {"payment_id": "gift_card_1", "amount": 100},
        ],
        "total_baggages": 5,
        "nonfree_baggages": 1,
        "insurance": "yes",
    },
    CHANGE: {**R, "cabin": "economy", "flights": [NEW], "payment_id": "credit_card_1"},
    BAGS: {**R, "total_baggages": 5, "nonfree_baggages": 1, "payment_id": "credit_card_1"},
    PASSENGERS: {**R, "passengers": [PERSON, PERSON]},
    CANCEL: R,
    GOODWILL: {**ANN, "amount": 200},
}


def paid(**amounts):
    """What a booking is paid by."""
    return {"payment_methods": [{"payment_id": name, "amount": amount} for name, amount in amounts.items()]}


@pytest.fixture(scope="module")
def worlds():
    """The policy and the one with holds, each with the desk's key."""
    keys = Keyring.of([IntentKey("k1", SECRET, "default", WORKFLOW)])
    folders = {"rules": EXAMPLES / "airline", "holds": EXAMPLES / "airline" / "holds"}
    return {name: World(load(folder), ControlState(), keys) for name, folder in folders.items()}


@pytest.fixture
def judged(worlds, case):
    """Judges a call by one of the policies, after everything was read, with what the test says otherwise."""

    def make(tool, params=None, *, by="rules", trip=None, profile=None, unread=(), after=(), **history):
        found = {**TRIP, **(trip or {})}
        reads = [
            ("get_reservation_details", R, found),
            ("get_user_details", ANN, {**PROFILE, **(profile or {})}),
            *(("search_direct_flight", {"date": f"2024-05-{day}"}, FOUND) for day in (20, 21)),
        ]
        texts, offset = {}, count()
        for name, given, result in (*(read for read in reads if read[0] not in unread), *after):
            entries = worlds[by].policies.tools[name].remember
            told = remembered(entries, given, result, next(offset))
            texts |= {fact: text for fact, (text, _) in told.items()}
        intent = {
            "workflow_id": WORKFLOW,
            "tool": tool,
            "params": json.dumps({**CALLS[tool], **(params or {})}),
        }
        made = case(**intent)
        signed = (KID, b"k1"), (MAC, mac(SECRET, "intents", made.envelope.key, made.envelope.value))
        made = changed(made, envelope=changed(made.envelope, headers=signed))
        return judge(changed(made, facts=texts, history={**NO_HISTORY, **history}), worlds[by])

    return make


def spoken(found):
    """Code and rule of each reason."""
    return {(reason.code, reason.rule) for reason in found.reasons}


@pytest.mark.parametrize("tool", CALLS)
def test_what_is_in_order_passes(judged, tool):
    """Each kind of write, once everything was read."""
    found = judged(tool)
    assert found.verdict == Verdict.APPROVE, found.reasons


LONG_WAY = {"flight_number": "ABC005", "date": "2024-05-21"}
ECONOMY = {"cabin": "economy", "flights": KEPT}
DENIED = [
    ("failed_before", CANCEL, {}, {"failed": 1}),
    ("done_before", GOODWILL, {}, {"landed": 1}),
    ("booking_paid_from_profile", BOOK, paid(credit_card_9=350), {}),
    ("booking_payment_mix", BOOK, paid(certificate_1=100, certificate_2=250), {}),
    ("booking_payment_mix", BOOK, paid(credit_card_1=100, credit_card_2=250), {}),
    ("booking_balance", BOOK, paid(gift_card_1=101, credit_card_1=249), {}),
    ("booking_sum", BOOK, paid(credit_card_1=349), {}),
    ("booking_sum", BOOK, {"insurance": "no"}, {}),
    ("booking_seats", BOOK, {"cabin": "basic_economy"}, {}),
    ("booking_bags", BOOK, {"nonfree_baggages": 0}, {}),
    ("booking_bags", BOOK, {"total_baggages": 4}, {}),
    ("booking_bags", BOOK, {}, {"profile": {"membership": "regular"}}),
    ("booking_route", BOOK, {"destination": "LIS"}, {}),
    ("booking_route", BOOK, {"flight_type": "round_trip"}, {}),
    ("booking_connected", BOOK, {"flights": [NEW, LONG_WAY]}, {}),
    ("booking_connected", BOOK, {"flights": [NEW, {"flight_number": "ABC004", "date": "2024-05-20"}]}, {}),
    ("change_paid_by_customer", CHANGE, {}, {"trip": {"user_id": "bo_lee_2"}}),
    ("bags_paid_by_customer", BAGS, {"payment_id": "credit_card_9"}, {}),
    ("change_of_cancelled", PASSENGERS, {}, {"after": [(CANCEL, R, {"status": "cancelled"})]}),
    ("basic_economy_is_fixed", CHANGE, {"cabin": "basic_economy"}, {"trip": {"cabin": "basic_economy"}}),
    ("change_of_nothing", CHANGE, {"flights": KEPT}, {}),
    ("change_keeps_route", CHANGE, {"flights": [LONG_WAY]}, {}),
    ("change_keeps_route", CHANGE, {}, {"trip": {"flight_type": "round_trip"}}),
    ("change_connected", CHANGE, {"flights": [KEPT[1], KEPT[0]]}, {}),
    ("change_seats", CHANGE, {"cabin": "basic_economy"}, {}),
    ("business_fares_known", CHANGE, {"cabin": "business", "flights": KEPT}, {}),
    ("change_balance", CHANGE, {"cabin": "business", "payment_id": "gift_card_1"}, {}),
    ("flown_is_flown", CHANGE, {}, {"trip": {"flights": [{**TRIP["flights"][0], "date": "2024-05-14"}]}}),
    ("bags_are_not_removed", BAGS, {"total_baggages": 3, "nonfree_baggages": 0}, {}),
    ("bags_are_paid", BAGS, {"nonfree_baggages": 0}, {}),
    ("bags_membership_known", BAGS, {}, {"unread": ["get_user_details"]}),
    ("bags_balance", BAGS, {"total_baggages": 7, "nonfree_baggages": 3, "payment_id": "gift_card_1"}, {}),
    ("passengers_keep_their_number", PASSENGERS, {"passengers": [PERSON]}, {}),
    ("cancel_with_grounds", CANCEL, {}, {"trip": {"insurance": "no"}}),
    ("cancel_with_grounds", CANCEL, {}, {"trip": {"insurance": "no", "created_at": "2024-05-14T14:59:59"}}),
    ("goodwill_deserved", GOODWILL, {}, {"profile": {"membership": "regular"}, "trip": {"insurance": "no"}}),
    ("goodwill_amount", GOODWILL, {"amount": 150}, {}),
    (
        "certificate_spent",
        BOOK,
        paid(certificate_1=350),
        {"after": [(BOOK, {**CALLS[BOOK], **paid(certificate_1=10)}, None)]},
    ),
]


# What they lack can be read, though the condition itself does not ask for it.
TO_READ = {"business_fares_known", "bags_membership_known"}


@pytest.mark.parametrize(("rule", "tool", "params", "given"), DENIED)
def test_each_rule_denies(judged, rule, tool, params, given):
    """One thing is wrong, and the rule about it says so."""
    found = judged(tool, params, **given)
    code = Code.READ_FIRST if rule in TO_READ else Code.RULE_DENIED
    assert (code, rule) in spoken(found), found.reasons


UNREAD = [
    (BOOK, "get_user_details", "booking_bags"),
    (BOOK, "search_direct_flight", "booking_sum"),
    (BOOK, "search_direct_flight", "booking_route"),
    (CHANGE, "get_reservation_details", "change_keeps_route"),
    (CHANGE, "get_user_details", "change_paid_by_customer"),
    (CHANGE, "search_direct_flight", "change_seats"),
    (BAGS, "get_reservation_details", "bags_are_not_removed"),
    (PASSENGERS, "get_reservation_details", "passengers_keep_their_number"),
    (CANCEL, "get_reservation_details", "cancel_with_grounds"),
    (GOODWILL, "get_user_details", "goodwill_deserved"),
]


@pytest.mark.parametrize(("tool", "read", "rule"), UNREAD)
def test_what_a_write_is_judged_by_is_read_first(judged, tool, read, rule):
    """The denial says that reading would help."""
    assert (Code.READ_FIRST, rule) in spoken(judged(tool, unread=[read]))


PASSES = [
    (BOOK, paid(certificate_1=250, gift_card_1=100), {}),
    (
        BOOK,
        {
            "flight_type": "round_trip",
            "flights": [NEW, {"flight_number": "ABC004", "date": "2024-05-21"}],
            **paid(credit_card_1=590),
        },
        {},
    ),
    (CHANGE, ECONOMY, {"trip": {"cabin": "basic_economy"}, "unread": ["search_direct_flight"]}),
    (CHANGE, {"cabin": "business"}, {}),
    (CHANGE, {"flights": [NEW], "payment_id": "gift_card_1"}, {}),
    (CHANGE, {"cabin": "business", "payment_id": "gift_card_1"}, {"trip": {"cabin": "business", "flights": [
        {**one, "price": 300} for one in TRIP["flights"]]}}),
    (BAGS, {"total_baggages": 4, "nonfree_baggages": 0}, {"unread": ["get_user_details"], "trip": {
        "cabin": "business"}}),
    (CANCEL, {}, {"trip": {"insurance": "no", "cabin": "business"}}),
    (CANCEL, {}, {"trip": {"insurance": "no", "created_at": "2024-05-14T15:00:00"}}),
    (GOODWILL, {"amount": 100}, {"profile": {"membership": "regular"}}),
]  # fmt: skip


@pytest.mark.parametrize(("tool", "params", "given"), PASSES)
def test_what_is_just_right_passes(judged, tool, params, given):
    """Near what a rule denies."""
    found = judged(tool, params, **given)
    assert found.verdict == Verdict.APPROVE, found.reasons


def test_a_change_counts_for_the_next_one(judged):
    """What landed is what the reservation is now: moved to economy, its flights may change."""
    basic = {"trip": {"cabin": "basic_economy"}}
    moved = (CHANGE, {**CALLS[CHANGE], **ECONOMY}, {"flights": []})
    assert (Code.RULE_DENIED, "basic_economy_is_fixed") in spoken(judged(CHANGE, **basic))
    after = judged(CHANGE, **basic, after=[moved])
    assert "basic_economy_is_fixed" not in {rule for _, rule in spoken(after)}


HELD = [
    ("hold_flown", CANCEL, {}, {"trip": {"flights": [{**TRIP["flights"][0], "date": "2024-05-14"}]}}),
    ("hold_bookings", BOOK, {}, {}),
    ("hold_new_payment", CHANGE, {"payment_id": "credit_card_2"}, {}),
    ("hold_after_failures", CANCEL, {}, {"failed_writes": 3}),
]


@pytest.mark.parametrize(("rule", "tool", "params", "given"), HELD)
def test_the_stricter_policy_leaves_more_to_people(judged, rule, tool, params, given):
    """What the one approves, the other does not, for one reason alone."""
    assert judged(tool, params, **given).verdict == Verdict.APPROVE
    found = judged(tool, params, by="holds", **given)
    assert found.verdict == Verdict.HOLD
    assert spoken(found) == {(Code.HELD_BY_RULE, rule)}


@pytest.mark.parametrize("tool", [tool for tool in CALLS if tool != BOOK])
def test_the_stricter_policy_leaves_the_rest_alone(judged, tool):
    """Two failures are no three, and a trip that is still to be flown is cancelled."""
    assert judged(tool, by="holds", failed_writes=2).verdict == Verdict.APPROVE


def test_every_rule_has_a_situation(worlds):
    """So none stands there that nobody has seen deny."""
    [workflow] = worlds["holds"].policies.workflows.values()
    ids = {rule.id for sheet in workflow.rules.values() for rule in sheet.rules}
    assert ids == {row[0] for row in (*DENIED, *HELD)}


def test_the_stricter_policy_only_adds_rules():
    """Line by line, all of the other is in it, in the same order."""
    base, more = ((EXAMPLES / "airline" / name).read_text() for name in ("policy.yaml", "holds/policy.yaml"))
    rest = iter(more.splitlines())
    assert all(line in rest for line in base.splitlines() if not line.startswith("#"))
