"""What `toolgate verify` says of a prefix at rest: the oracle of the crash matrix and of the million."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.inspection.search import Readers
from toolgate.verification import ledger, topics
from toolgate.verification.judging import compare, judge

if TYPE_CHECKING:
    from toolgate.streams.settings import Settings
    from toolgate.verification.judging import Report


def report(settings: Settings) -> Report:
    """Every law over all topics, and Redis against the fold of the audit.

    Raises:
        AssertionError: something is still to be decided.
    """
    with Readers(settings) as readers:
        history = topics.read(readers, topics.spans(readers))
    found = judge(history)
    assert found.cut.rest, f"{found.cut.waiting} records wait for a decision"
    compare(found, ledger.dump(settings.ledger_url, settings.prefix))
    return found
