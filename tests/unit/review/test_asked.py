"""What is asked, as the gate shows it, laid out line by line."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from toolgate.review.asked import Earlier, Line, Undo, earlier_of, lines_of, undo_of


@pytest.mark.parametrize(
    ("diff", "lines"),
    [
        ("{}", []),
        ("", []),
        ("[1]", []),
        ("noise", []),
        ('{"a":{"asked":7,"now":5,"from":"invoice.cents"}}', [Line("a", 7, 5, "invoice.cents")]),
        ('{"b":{"asked":1,"now":null,"from":""},"a":{"asked":[2]}}', [Line("a", [2]), Line("b", 1)]),
        ('{"params":{"b":1,"a":"x"}}', [Line("a", "x"), Line("b", 1)]),
        ('{"params":{"asked":1,"now":2,"from":"x.y"}}', [Line("params", 1, 2, "x.y")]),
        ('{"*":{"asked":"[50,000 bytes]","now":null,"from":""}}', [Line("*", "[50,000 bytes]")]),
    ],
)
def test_a_line_for_each_parameter(diff, lines):
    """By name, with where what stands now comes from."""
    assert lines_of(SimpleNamespace(diff=diff)) == lines


@pytest.mark.parametrize(
    ("now", "asked", "differs"), [(None, 1, False), (1, 1, False), (2, 1, True), (0, 1, True)]
)
def test_only_what_is_known_differs(now, asked, differs):
    """What nobody knows is no change."""
    assert Line("a", asked, now).differs is differs


def test_what_undoes_it_and_what_came_before():
    """Where the gate says so."""
    opened = SimpleNamespace(
        inverse='{"params":{"id":"7"},"tool":"restore"}',
        earlier='[{"result":3,"told":["invoice"],"tool":"look"},7]',
    )
    assert undo_of(opened) == Undo("restore", {"id": "7"})
    assert earlier_of(opened) == [Earlier("look", ("invoice",), 3)]
    assert undo_of(SimpleNamespace(inverse="")) is None
    assert earlier_of(SimpleNamespace(earlier="[]")) == []
