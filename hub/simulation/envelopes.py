# SPDX-License-Identifier: Apache-2.0
"""The EventBridge envelope that a bare finding would have come in, by its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def enveloped(value: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """Return the event for a finding of any dialect; an envelope, or what is neither, comes back as it is."""
    if "detail-type" in value or "detail" in value or "source" in value:
        return dict(value)
    if "SchemaVersion" in value and "AwsAccountId" in value:
        return _classic(value, identity)
    if "class_uid" in value or "finding_info" in value:
        return _v2(value, identity)
    if {"AccountId", "Service"} <= value.keys() or {"AccountId", "Resource"} <= value.keys():
        return _native(_camel_case(value), identity)
    if {"accountId", "service"} <= value.keys() or {"accountId", "resource"} <= value.keys():
        return _native(value, identity)
    return dict(value)


def _envelope(
    kind: tuple[str, str], identity: str, *, place: tuple[Any, Any], resources: list[Any], detail: Mapping[str, Any]
) -> dict[str, Any]:
    source, detail_type = kind
    account, region = place
    return {
        "version": "0",
        "id": identity,
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": None,
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _classic(finding: Mapping[str, Any], identity: str) -> dict[str, Any]:
    product, name = str(finding.get("ProductArn", "")), str(finding.get("Id", ""))
    return _envelope(
        ("aws.securityhub", "Security Hub Findings - Imported"),
        identity,
        place=(finding.get("AwsAccountId"), finding.get("Region") or _region_of(name) or _region_of(product)),
        resources=[f"{product}/{name}"],
        detail={"findings": [finding]},
    )


def _v2(finding: Mapping[str, Any], identity: str) -> dict[str, Any]:
    cloud, metadata = _map(finding.get("cloud")), _map(finding.get("metadata"))
    name = metadata.get("uid")
    return _envelope(
        ("aws.securityhub", "Findings Imported V2"),
        identity,
        place=(_map(cloud.get("account")).get("uid"), cloud.get("region")),
        resources=[name] if name else [],
        detail={"findings": [finding]},
    )


def _native(finding: Mapping[str, Any], identity: str) -> dict[str, Any]:
    return _envelope(
        ("aws.guardduty", "GuardDuty Finding"),
        identity,
        place=(finding.get("accountId"), finding.get("region")),
        resources=[],
        detail=finding,
    )


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _region_of(arn: str) -> str | None:
    parts = arn.split(":")
    return parts[3] or None if len(parts) > 3 else None  # noqa: PLR2004 - arn:partition:service:region


def _camel_case(value: Any) -> Any:
    """Return what GuardDuty's GetFindings gives as its event has it; values stay as they are, strings too."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: _camel_case(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_camel_case(each) for each in value]
    return value
