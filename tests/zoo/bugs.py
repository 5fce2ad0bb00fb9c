"""The table of all bugs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import control_bugs
import decoding_bugs
import executor_bugs
import grant_bugs
import identity_bugs
import money_bugs
import protocol_bugs
import recovery_bugs
import rules_bugs
import runs_bugs
import voting_bugs
import watch_bugs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bug import Bug

THEMES: Mapping[str, tuple[Bug, ...]] = MappingProxyType(
    {
        "protocol": protocol_bugs.BUGS,
        "control": control_bugs.BUGS,
        "recovery": recovery_bugs.BUGS,
        "money": money_bugs.BUGS,
        "runs": runs_bugs.BUGS,
        "identity": identity_bugs.BUGS,
        "decoding": decoding_bugs.BUGS,
        "rules": rules_bugs.BUGS,
        "people": voting_bugs.BUGS,
        "grants": grant_bugs.BUGS,
        "executor": executor_bugs.BUGS,
        "watch": watch_bugs.BUGS,
    }
)
BUGS: Mapping[str, Bug] = MappingProxyType({bug.name: bug for bugs in THEMES.values() for bug in bugs})
