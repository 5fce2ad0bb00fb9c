"""Run contracts under crashes, zombies, rebalances and returned stores: every history must keep to them."""

from __future__ import annotations

from contracted import RATES, Contracted


def test_every_history_with_contracts_holds() -> None:
    """What a contract does not name is not approved behind it, and a run has one, from its beginning."""
    seen: set[str] = set()
    for seed in range(25):
        world = Contracted(seed)
        world.live(1500, RATES)
        assert (world.rest(), world.violations()) == (True, []), f"seed {seed}"
        for event in world.audit():
            if event.topic == "contracts":
                seen |= {event.note or event.verdict, *(reason.rule for reason in event.reasons)}
            seen |= {code.code for code in event.reasons if code.code.startswith("CONTRACT_")}
    assert seen >= {"accepted", "refused", "DUPLICATE", "contract.late", "contract.taken", "CONTRACT_DENIED"}
