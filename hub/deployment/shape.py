# SPDX-License-Identifier: Apache-2.0
"""The shape of ``deployment.yaml``: its keys with their values. A key that is left out has its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

from hub.deployment.words import (
    Address,
    Attached,
    Hourly,
    LockDays,
    Percentage,
    Principal,
    Qualifier,
    Retention,
    Tolerance,
    Unit,
)
from hub.policy.words import Account, Flag, Text

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutShape:
    """How the member template reaches the accounts."""

    __pydantic_config__ = _CLOSED
    canary: list[Unit]
    rest: list[Unit]
    concurrency_percentage: Percentage | None = None
    tolerance_percentage: Tolerance | None = None
    identity: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceShape:
    """How evidence is locked."""

    __pydantic_config__ = _CLOSED
    lock_days: LockDays | None = None
    lock_mode: Literal["governance", "compliance"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardShape:
    """The service control policies."""

    __pydantic_config__ = _CLOSED
    targets: list[Attached] | None = None
    break_glass: list[Principal] | None = None
    deployers: list[Principal] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionShape:
    """The parts of Security Hub and GuardDuty that the deployment makes."""

    __pydantic_config__ = _CLOSED
    security_hub: Flag | None = None
    security_hub_v2: Flag | None = None
    guardduty: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentShape:
    """``config/deployment.yaml``."""

    __pydantic_config__ = _CLOSED
    version: Literal[1]
    qualifier: Qualifier
    management: Account
    home_region: Text
    regions: list[Text]
    rollout: RolloutShape
    evidence: EvidenceShape | None = None
    guard: GuardShape | None = None
    detection: DetectionShape | None = None
    operators: list[Principal] | None = None
    notify: list[Address] | None = None
    containments_per_hour: Hourly | None = None
    log_retention_days: Retention | None = None
