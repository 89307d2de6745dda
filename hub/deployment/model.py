# SPDX-License-Identifier: Apache-2.0
"""The settings of a deployment, as the stacks and the commands use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rollout:
    """How the member template reaches the accounts. OUs of ``canary`` and ``rest`` are disjoint.

    concurrency_percentage, tolerance_percentage: of the accounts of a stack set at a time, and that may fail.
    """

    canary: tuple[str, ...]
    rest: tuple[str, ...]
    concurrency_percentage: int = 25
    tolerance_percentage: int = 10
    identity: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """How many days evidence is locked, and whether a special permission can shorten that (``governance``) or not."""

    lock_days: int = 365
    lock_mode: Literal["governance", "compliance"] = "governance"


@dataclass(frozen=True, slots=True)
class Guard:
    """Service control policies: their targets (roots, OUs, accounts), and the principals that are exempt.

    ``break_glass``: ARN patterns of principals, ``arn:*:iam::*:role/break-glass``. ``deployers``: the same
    for the roles that deploy the hub, and those that bring the member template by other means.
    """

    targets: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    deployers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """Which settings of Security Hub and GuardDuty in the hub this deployment makes; all off: they exist already."""

    security_hub: bool = False
    security_hub_v2: bool = False
    guardduty: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """Everything that differs between installations.

    ``organization``, ``hub`` and ``forensics`` come from the lock file beside the policy; the rest is
    ``config/deployment.yaml``. ``regions`` are those whose hosts may be contained, the home Region among them.
    ``operators``: ARN patterns of principals that may assume the role that publishes, switches and releases.
    """

    organization: str
    hub: str
    forensics: str
    management: str
    qualifier: str
    home_region: str
    regions: tuple[str, ...]
    rollout: Rollout
    evidence: EvidenceSettings
    guard: Guard
    detection: Detection
    operators: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    containments_per_hour: int = 50
    log_retention_days: int = 365
