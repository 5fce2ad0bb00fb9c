"""`toolgate mode`: what its words mean, before anything is asked of Kafka."""

from __future__ import annotations

import json

import pytest

from toolgate.cli import mode
from toolgate.processors.control_state import ControlState
from toolgate.schemas.records import Control
from toolgate.streams.errors import ControlRefusedError, SettingsError


@pytest.mark.parametrize(
    ("to", "signers", "says"),
    [
        (None, ["ann"], "no mode is named"),
        ("read-only", ["ann"], "did you mean read_only?"),
        ("canary:100%", ["ann"], "canary:<1 to 99>%"),
        ("read_only", [], "nobody signs"),
    ],
)
def test_says_what_is_missing(to, signers, says):
    """With what to type instead."""
    with pytest.raises(SettingsError, match="arguments") as caught:
        mode._check(to, signers)
    assert says in str(caught.value)


def test_a_canary_is_a_mode():
    """As a policy has it."""
    mode._check("canary:10%", ["ann"])


@pytest.mark.parametrize("as_json", [True, False])
def test_the_list_has_the_figures_of_each_order(as_json, capsys):
    """As they were said, whatever they are: what does not print stands as its escape."""
    evidence = '{"unit_cost":0.7}\x1b[2J'
    word = Control("c1", "mode", "workflow", "w", "odd", ("eye",), mode="canary:10%", evidence=evidence)
    mode._list(ControlState().apply(word, 0), as_json=as_json)
    shown = capsys.readouterr().out
    if as_json:
        (order,) = json.loads(shown)["orders"]
        assert (order["mode"], order["evidence"]) == ("canary:10%", evidence)
    else:
        assert '{"unit_cost":0.7}\\x1b[2J' in shown


def test_taking_back_what_nobody_ordered_says_what_stands():
    """An order for one tenant's workflow is not one for that workflow of every tenant: nothing would change."""
    word = Control("c1", "mode", "workflow", "acme/refunds", "odd", ("eye",), mode="shadow")
    state = ControlState().apply(word, 0)
    besides = [("workflow", "acme/refunds", "shadow")]
    with pytest.raises(ControlRefusedError) as caught:
        mode._check_stands("workflow", "refunds", state, besides)
    assert "toolgate mode refunds enforce --tenant acme --as KID" in str(caught.value.remedy)
    mode._check_stands("workflow", "acme/refunds", state, [])
