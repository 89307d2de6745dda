# SPDX-License-Identifier: Apache-2.0
"""The events with findings, as EventBridge patterns: one for each dialect that ``functions.finding`` reads.

Security Hub sends the findings of every product, thousands of events for each of GuardDuty's. So its patterns match
GuardDuty's product ARN, and findings that claim to be GuardDuty's by name or id (as
``functions.finding.origin.claims`` has it), so that a forged finding is refused with a record. The patterns narrow
nothing else: policy decides which findings matter, and a pattern drops events without a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DialectPattern:
    """A kind of event. ``travels``: whether Security Hub brings it to the home Region by itself, for certain."""

    name: str
    pattern: Mapping[str, Any]
    travels: bool


_NAMED = [{"equals-ignore-case": "guardduty"}]
_NUMBERED = [{"wildcard": "arn:*:guardduty:*"}]
_CLASSIC = {
    "findings": {
        "$or": [
            {"ProductArn": [{"suffix": "::product/aws/guardduty"}]},
            {"ProductName": _NAMED},
            {"Id": _NUMBERED},
        ]
    }
}
_V2 = {
    "findings": {
        "$or": [
            {"metadata": {"product": {"uid": [{"suffix": "::productv2/aws/guardduty"}]}}},
            {"metadata": {"product": {"name": _NAMED}}},
            {"finding_info": {"uid": _NUMBERED}},
        ]
    }
}


def _pattern(source: str, detail_type: str, detail: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    found: dict[str, Any] = {"source": [source], "detail-type": [detail_type]}
    return found if detail is None else {**found, "detail": detail}


DIALECTS = (
    DialectPattern(
        "security-hub-imported",
        _pattern("aws.securityhub", "Security Hub Findings - Imported", _CLASSIC),
        travels=True,
    ),
    DialectPattern(
        "security-hub-custom-action",
        _pattern("aws.securityhub", "Security Hub Findings - Custom Action", _CLASSIC),
        travels=True,
    ),
    DialectPattern("security-hub-v2", _pattern("aws.securityhub", "Findings Imported V2", _V2), travels=False),
    DialectPattern("guardduty", _pattern("aws.guardduty", "GuardDuty Finding"), travels=False),
)
