"""Alerts of the watch, as records: an id that names the cause, figures as JSON, and the time that they speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.records import Alert
from toolgate.schemas.strict_json import dumps_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.schemas.enums import Severity


def alert_of(  # noqa: PLR0913 - the fields of an alert
    kind: str,
    cause: str,
    severity: Severity,
    summary: str,
    evidence: Mapping[str, object],
    *,
    at_ms: int,
    tenant: str,
    workflow_id: str,
    subject: str,
    run_id: str = "",
) -> Alert:
    """The alert of a cause: what is told of it again has the same id, which is its kind and `cause`."""
    return Alert(
        alert_id=f"{kind}/{cause}",
        kind=str(kind),
        severity=severity.value,
        tenant=tenant,
        workflow_id=workflow_id,
        run_id=run_id,
        subject=subject,
        summary=summary,
        evidence=dumps_canonical(dict(evidence)),
        seq=0,
        clk=at_ms,
    )
