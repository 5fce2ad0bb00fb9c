"""People under every fault of the model, also under policies that look at nothing a run remembers."""

from __future__ import annotations

import pytest
from judged import judged
from universe_policies import VOTED_FILES
from voted import ENDS, RATES, Voted

_TOLD = b"""    remember:
      - {fact: thing, key: params.id, trusted: true, fields: {color: result.color}}
"""
_ASKS = b"""    - {id: color, tools: [paint], when: 'facts.thing[params.id].color == "red"', because: red stays red}
"""
_PLAIN = b"""    - {id: never, tools: [paint], when: 'params.id == "x99"', because: never}
"""
FORGETFUL = {name: text.replace(_TOLD, b"").replace(_ASKS, _PLAIN) for name, text in VOTED_FILES.items()}


class Forgetful(Voted):
    """Agents say nothing of what they have read: these policies do not look at it."""

    def _seen_to(self, _partition: int) -> None:
        return None


@pytest.mark.parametrize("seed", [0, *range(2, 9)])  # in each of them something ends
def test_votes_need_no_policy_that_remembers(seed):
    """What waits is kept all the same: by the checker, by `toolgate verify` and by `toolgate replay`."""
    universe = Forgetful(seed, files=FORGETFUL)
    assert not universe.policies.remembers
    universe.live(1500, {**RATES, "vote": 0.2})
    assert universe.rest()
    notes = {event.note for event in universe.audit()}
    # The checker's law about colors speaks of a rule that is not there.
    assert [found for found in universe.violations() if "knew color" not in found] == []
    assert judged(universe) == []
    assert notes & ENDS
