"""What people read of a call before they decide about it."""

from __future__ import annotations

import json

from toolgate.cli.asked import asked_lines
from toolgate.schemas.frozen import names_of
from toolgate.schemas.records import Hold

NUMBERS = frozenset({"seq", "clk", "approvals_needed", "expires_at"})
ROW = {"asked": 700, "now": 500, "from": "invoice.cents"}


def hold(**fields) -> Hold:
    """A hold that says this."""
    needed = names_of(Hold)[:16]
    blank = {name: 0 if name in NUMBERS else () if name == "roles" else "x" for name in needed}
    return Hold(**{**blank, **fields})


def test_now_and_asked_stand_beside_each_other():
    """With what undoes it and what came before; nothing is said where nothing is compared."""
    diff = {"cents": ROW, "id": {"asked": "A", "now": None, "from": ""}, "payee": {**ROW, "now": None}}
    told = hold(
        diff=json.dumps(diff),
        cost_micros=10_000,
        records=("A",),
        inverse='{"params":{"id":"A"},"tool":"refund"}',
        earlier='[{"result":3,"told":["invoice"],"tool":"read"}]',
    )
    assert list(asked_lines(told)) == [
        "           parameter  now        asked",
        "           cents      500        700",
        '           id                    "A"',
        "           payee      not known  700",
        "costs      $0.01, touches A",
        'undone by  refund {"id": "A"}',
        "earlier    read, result at 3: told of invoice",
    ]


def test_what_an_agent_wrote_moves_no_cursor():
    """Names and values stand as their escapes."""
    told = hold(diff=json.dumps({"a\x1b[2J": {"asked": "\u202eevil\n", "now": "\x9b", "from": "f.x"}}))
    assert all(line.isprintable() for line in asked_lines(told))


def test_a_hold_of_an_earlier_version():
    """Its parameters stood under one name, and nothing was compared; or there is nothing to show."""
    assert list(asked_lines(hold(diff='{"params":{"id":"A"}}')))[1].split() == ["id", '"A"']
    assert [line.split()[0] for line in asked_lines(hold(diff=""))] == ["parameter", "costs"]


def test_what_nothing_vouches_for_is_marked():
    """Also where its value is cut; what is not known needs no doubt."""
    row = {**ROW, "from": "mail.cents (untrusted)"}
    diff = {"a": row, "b": {**row, "now": "x" * 99}, "c": {**row, "now": None}}
    lines = list(asked_lines(hold(diff=json.dumps(diff))))[1:4]
    assert [line.count(" (untrusted)") for line in lines] == [1, 1, 0]
