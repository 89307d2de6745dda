# SPDX-License-Identifier: Apache-2.0
"""The EventBridge event around findings. It gives the dialect of the findings, and nothing else is read from it.

Its account and Region are the hub's where the hub's bus forwards the findings of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding.errors import RejectedError
from functions.finding.model import Dialect
from functions.finding.shape import kind, mapping, show

_DIALECTS: Final = {
    ("aws.securityhub", "Security Hub Findings - Imported"): Dialect.ASFF,
    ("aws.securityhub", "Security Hub Findings - Custom Action"): Dialect.ASFF,
    ("aws.securityhub", "Findings Imported V2"): Dialect.OCSF,
    ("aws.guardduty", "GuardDuty Finding"): Dialect.NATIVE,
}


def unwrap(envelope: object) -> tuple[Dialect, list[Any]]:
    """Return the dialect and the findings, at least one, as yet unchecked; raise RejectedError if there are none."""
    if not isinstance(envelope, Mapping):
        raise RejectedError(f"the event should be an object, not {kind(envelope)}")
    dialect = _dialect(envelope.get("source"), envelope.get("detail-type"))
    detail = mapping(envelope.get("detail"), "the event's detail")
    if not detail:
        raise RejectedError("the event's detail is empty")
    if dialect is Dialect.NATIVE:
        return dialect, [detail]
    findings = detail.get("findings")
    if not isinstance(findings, list):
        raise RejectedError(f"detail.findings should be a list, not {kind(findings)}")
    if not findings:
        raise RejectedError("detail.findings is empty")
    return dialect, findings


def _dialect(source: object, detail_type: object) -> Dialect:
    if detail_type is None or source is None:
        raise RejectedError(f"the event has no {'source' if source is None else 'detail-type'}")
    if isinstance(source, str) and isinstance(detail_type, str) and (source, detail_type) in _DIALECTS:
        return _DIALECTS[source, detail_type]
    raise RejectedError(f"an event of type {show(detail_type)} from {show(source)} is not one that carries findings")
